//! What can go wrong with a browser: while probing it, opening it, commanding it.

use std::path::PathBuf;
use std::time::Duration;

use super::installation::Product;

/// Why a program's version could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// No such file.
    #[error("it does not exist")]
    Missing,
    /// It could not be started.
    #[error("it cannot be started ({reason})")]
    Start {
        /// What the system said.
        reason: String,
    },
    /// It said nothing in time.
    #[error("`--version` gave no answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// Libraries that it needs are not installed.
    #[error("it needs shared libraries that are not installed: {}", libraries.join(", "))]
    MissingLibraries {
        /// Their file names.
        libraries: Vec<String>,
    },
    /// It said something else than a version.
    #[error("`--version` answered {found:?}, which names no version")]
    NoVersion {
        /// What it said.
        found: String,
    },
}

/// Why a browser could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The driver is not where it was found or configured.
    #[error("the driver {} does not exist; install it or correct the configured path", path.display())]
    DriverMissing {
        /// The driver's executable.
        path: PathBuf,
    },
    /// The driver may not be executed.
    #[error("{} is not executable; run `chmod +x {}` or install it again", path.display(), path.display())]
    DriverNotExecutable {
        /// The driver's executable.
        path: PathBuf,
    },
    /// The browser is not where it was found or configured.
    #[error("{product} is not at {}; install it or correct the configured path", path.display())]
    BrowserMissing {
        /// Which browser.
        product: Product,
        /// Where it should have been.
        path: PathBuf,
    },
    /// The reaper could not be started.
    #[error("the process that ends browsers, {}, cannot be started; install Pelago again", program.display())]
    Reaper {
        /// Its executable.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The driver ended before it listened, or while it opened the browser.
    #[error("{} ended at start with exit code {code}; run it by hand to see why. It said:{}", driver.display(), lines(log))]
    DriverDied {
        /// Its executable.
        driver: PathBuf,
        /// 128 and the signal's number where a signal ended it.
        code: i32,
        /// The last lines that it wrote.
        log: Vec<String>,
    },
    /// The driver runs but does not answer.
    #[error("{} was not ready within {} s; try again with a longer deadline. It said:{}", driver.display(), deadline.as_secs_f32(), lines(log))]
    DriverTimeout {
        /// Its executable.
        driver: PathBuf,
        /// How long it had.
        deadline: Duration,
        /// The last lines that it wrote.
        log: Vec<String>,
    },
    /// Another program holds the driver's port.
    #[error("{} found port {port} taken, and {attempts} ports in all; end the program that holds them and try again", driver.display())]
    PortTaken {
        /// The driver's executable.
        driver: PathBuf,
        /// The last port tried.
        port: u16,
        /// How many were tried.
        attempts: u32,
    },
    /// The system gives no port.
    #[error("no free port on 127.0.0.1; close programs that hold many connections and try again")]
    NoPort {
        /// What the system said.
        source: std::io::Error,
    },
    /// Driver and browser do not fit.
    #[error("{} {driver_version} does not drive {product} {version}; install the two with the same major version. It said: {detail}", driver.display())]
    VersionMismatch {
        /// Which browser.
        product: Product,
        /// Its version.
        version: String,
        /// The driver's executable.
        driver: PathBuf,
        /// The driver's version.
        driver_version: String,
        /// The driver's words.
        detail: String,
    },
    /// The browser lacks shared libraries.
    #[error("{} needs shared libraries that are not installed: {}; install the packages that hold them", binary.display(), libraries.join(", "))]
    MissingLibraries {
        /// The browser's executable.
        binary: PathBuf,
        /// Their file names.
        libraries: Vec<String>,
    },
    /// The system lets the browser make no sandbox.
    #[error("{} cannot make its sandbox here; allow unprivileged user namespaces (`sysctl kernel.unprivileged_userns_clone=1` or an AppArmor profile), or pass the argument `--no-sandbox` if every page it opens is trusted", binary.display())]
    Sandbox {
        /// The browser's executable.
        binary: PathBuf,
    },
    /// Another browser uses the profile folder.
    #[error("a browser outside Pelago uses the profile {}; close it or choose another profile folder", profile.display())]
    ProfileInUse {
        /// The folder.
        profile: PathBuf,
    },
    /// The profile folder cannot be made or locked.
    #[error("the profile folder {} cannot be used; choose one that this user can write to", path.display())]
    Profile {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// As many browsers as there may be have a profile below this folder.
    #[error("all {limit} profiles below {} are in use; close a browser of Pelago first", path.display())]
    NoProfileLeft {
        /// The folder.
        path: PathBuf,
        /// How many there may be.
        limit: u32,
    },
    /// The driver runs, the browser did not come up.
    #[error("{product} ({}) did not start: {detail}; run it by hand to see why. Its last words:{}", binary.display(), lines(log))]
    BrowserNotStarted {
        /// Which browser.
        product: Product,
        /// Its executable.
        binary: PathBuf,
        /// The driver's words.
        detail: String,
        /// The last lines that driver and browser wrote.
        log: Vec<String>,
    },
    /// The browser did not come up in time.
    #[error("{product} ({}) was not open within {} s; try again with a longer deadline. Its last words:{}", binary.display(), deadline.as_secs_f32(), lines(log))]
    BrowserTimeout {
        /// Which browser.
        product: Product,
        /// Its executable.
        binary: PathBuf,
        /// How long it had.
        deadline: Duration,
        /// The last lines that driver and browser wrote.
        log: Vec<String>,
    },
    /// An address that is none.
    #[error("{url:?} is no WebDriver address; write it like http://grid.local:4444/")]
    RemoteUrl {
        /// What was given.
        url: String,
    },
    /// Nobody answers at the remote address.
    #[error("no WebDriver answers at {url} ({detail}); check the address and that the grid runs")]
    RemoteUnreachable {
        /// Its address.
        url: String,
        /// What the connection said.
        detail: String,
    },
    /// The remote end refused to open the browser.
    #[error("the WebDriver at {url} opened no browser ({detail}); ask its operator which browsers it offers")]
    RemoteRefused {
        /// Its address.
        url: String,
        /// Its words.
        detail: String,
    },
    /// The remote end did not open the browser in time.
    #[error("the WebDriver at {url} opened no browser within {} s; it may be full: try later or with a longer deadline", deadline.as_secs_f32())]
    RemoteTimeout {
        /// Its address.
        url: String,
        /// How long it had.
        deadline: Duration,
    },
}

/// Why an open browser did not do as it was told.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// A command took too long.
    #[error("{product} did not finish `{command}` within {} s; close it and open it again", deadline.as_secs_f32())]
    Timeout {
        /// Which browser.
        product: Product,
        /// The command.
        command: &'static str,
        /// How long it had.
        deadline: Duration,
    },
    /// The browser is gone: it crashed, was killed or was closed by hand.
    #[error("{product} is gone ({detail}); open it again")]
    SessionLost {
        /// Which browser.
        product: Product,
        /// The driver's words.
        detail: String,
    },
    /// The driver is gone, and the browser with it.
    #[error(
        "the driver of {product} ended with exit code {code}, and the browser with it; open it again. It said:{}",
        lines(log)
    )]
    DriverEnded {
        /// Which browser.
        product: Product,
        /// 128 and the signal's number where a signal ended it.
        code: i32,
        /// The last lines that it wrote.
        log: Vec<String>,
    },
    /// The page's process died; the browser lives.
    #[error(
        "the tab of {product} crashed ({detail}); it may have run out of memory: open the browser again, with a smaller model or batch"
    )]
    TabCrashed {
        /// Which browser.
        product: Product,
        /// The driver's words.
        detail: String,
    },
    /// The driver cannot be reached.
    #[error("the connection to the driver of {product} failed ({detail}); open the browser again")]
    Connection {
        /// Which browser.
        product: Product,
        /// What the connection said.
        detail: String,
    },
    /// The page could not be opened.
    #[error("{product} cannot open {url} ({detail}); check the address and that its server runs")]
    Navigation {
        /// Which browser.
        product: Product,
        /// The address.
        url: String,
        /// The driver's words.
        detail: String,
    },
    /// A script threw.
    #[error("the script failed in {product}: {detail}")]
    Script {
        /// Which browser.
        product: Product,
        /// What was thrown.
        detail: String,
    },
    /// The driver refused the command for another reason.
    #[error("the driver of {product} refused `{command}` with {error} ({detail}); close the browser and open it again")]
    Refused {
        /// Which browser.
        product: Product,
        /// The command.
        command: &'static str,
        /// The error code of the WebDriver specification.
        error: String,
        /// The driver's words.
        detail: String,
    },
    /// The browser was closed before.
    #[error("{product} is closed; open it again")]
    Closed {
        /// Which browser.
        product: Product,
    },
}

fn lines(log: &[String]) -> String {
    if log.is_empty() { " nothing".to_owned() } else { log.iter().map(|line| format!("\n  {line}")).collect() }
}
