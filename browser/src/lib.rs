//! Browsers as places where models run: finding and opening them, the server
//! that gives them the page, and the link that the page is spoken to over.
//!
//! Jupyter, evcxr, Polars, DuckDB and IPFS are not known here: model bytes come
//! through [`server::Content`].

pub mod assets;
pub mod driver;
pub mod link;
pub mod pool;
pub mod reaper;
pub mod server;
