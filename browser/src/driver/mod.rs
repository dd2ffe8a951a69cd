//! WebDriver: finding browsers and their drivers, opening and closing them, and
//! asking what little only WebDriver can tell.
//!
//! Nothing here knows of the page that runs models or of the link to it, reads
//! an environment variable or guesses a home folder: the front end passes
//! [`Search`] and [`LaunchOptions`] in. An inference never waits on WebDriver.

mod browser;
mod discover;
mod discovery;
mod engine;
mod error;
mod installation;
mod launch;
mod memory;
mod options;
mod pairs;
mod probe;
mod problem;
mod process;
mod profile;
mod remote;
mod start;

pub use browser::Browser;
pub use discover::{Configured, Search, discover};
pub use discovery::Discovery;
pub use error::{BrowserError, LaunchError, ProbeError};
pub use installation::{Installation, Product, Remote, Target};
pub use launch::launch;
pub use options::LaunchOptions;
pub use problem::Problem;
