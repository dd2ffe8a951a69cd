//! What a front end decides for a session. Nothing here is read from the
//! environment: front ends pass values in.

use std::num::NonZeroU64;
use std::path::PathBuf;

use pelago_browser::pool::PoolOptions;
use pelago_models::NetworkOptions;
use pelago_results::Place;

/// Where a session keeps things and how it opens browsers.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// Folder of model content and names.
    pub store: PathBuf,
    /// Bytes that it may have: what was used least makes room. No bound, if none.
    pub store_quota: Option<NonZeroU64>,
    /// Run results.
    pub results: Place,
    /// Browsers.
    pub browsers: PoolOptions,
    /// Who is asked for models that are not here.
    pub network: NetworkOptions,
}
