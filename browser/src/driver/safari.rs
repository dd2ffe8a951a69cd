//! How Safari is opened. It has no windowless mode, no profile folder and no
//! arguments; its driver cannot choose a port by itself.

use serde_json::{Map, Value, json};

pub(super) fn driver_args(port: u16) -> Vec<String> {
    vec!["--port".to_owned(), port.to_string()]
}

pub(super) fn capabilities() -> Map<String, Value> {
    Map::from_iter([("browserName".to_owned(), json!("safari"))])
}
