//! Browsers as places where models run: the server that gives them the page,
//! and the link that the page is spoken to over.

pub mod assets;
pub mod link;
pub mod server;
