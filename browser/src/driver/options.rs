//! How a browser is opened, as the caller decides it. What an engine makes of it
//! is not known here.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::reaper::Reaper;

/// How to open a browser.
#[derive(Clone, Debug, PartialEq)]
pub struct LaunchOptions {
    /// The folder that keeps this installation's profiles, and so its shader
    /// caches, between runs. `None` lets the driver make one and throw it away;
    /// a host that is killed then leaves that folder in the system's temporary
    /// one. Safari has no such folder.
    pub profile: Option<PathBuf>,
    /// Without a window, wherever the browser can.
    pub headless: bool,
    /// For everything from the first process to the open browser.
    pub deadline: Duration,
    /// How to start a reaper.
    pub reaper: Reaper,
    /// Further arguments of Chromium's family or Firefox.
    pub args: Vec<String>,
    /// Further preferences of Chromium's family or Firefox.
    pub prefs: Map<String, Value>,
}

impl LaunchOptions {
    /// No window, a profile that is thrown away, 60 s.
    #[must_use]
    pub fn new(reaper: Reaper) -> Self {
        let deadline = Duration::from_secs(60);
        Self { profile: None, headless: true, deadline, reaper, args: Vec::new(), prefs: Map::new() }
    }
}
