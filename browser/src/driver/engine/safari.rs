//! How Safari is opened. It has no windowless mode, no profile folder and no
//! arguments; its driver cannot choose a port by itself.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::Engine;
use crate::driver::installation::Product;
use crate::driver::options::LaunchOptions;

pub(super) struct Safari;

impl Engine for Safari {
    fn driver_args(&self, _: Product, port: u16) -> Vec<String> {
        vec!["--port".to_owned(), port.to_string()]
    }

    fn chooses_port(&self) -> bool {
        false
    }

    fn keeps_profile(&self) -> bool {
        false
    }

    fn capabilities(
        &self,
        product: Product,
        _: &Path,
        _: Option<&Path>,
        options: &LaunchOptions,
    ) -> Map<String, Value> {
        self.remote_capabilities(product, options)
    }

    fn remote_capabilities(&self, _: Product, _: &LaunchOptions) -> Map<String, Value> {
        Map::from_iter([("browserName".to_owned(), json!("safari"))])
    }
}
