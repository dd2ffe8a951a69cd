//! Opening a browser: profile, driver, session, in this order and all within
//! one deadline.

use std::path::PathBuf;
use std::time::Duration;

use fantoccini::ClientBuilder;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use pelago_protocol::BrowserKind;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::browser::Browser;
use super::error::LaunchError;
use super::installation::{Installation, Product, Remote, Target};
use super::process::DriverProcess;
use super::profile::{self, Profile};
use super::{chromium, firefox, probe, safari};
use crate::guard::Guard;

/// How often a driver that cannot choose its port is given another one.
const PORT_ATTEMPTS: u32 = 3;
/// How long a driver that seems to have died may take to be seen dead.
const DYING: Duration = Duration::from_millis(500);

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
    /// How to start a guard.
    pub guard: Guard,
    /// Further arguments of Chromium's family or Firefox.
    pub args: Vec<String>,
    /// Further preferences of Chromium's family or Firefox.
    pub prefs: Map<String, Value>,
}

impl LaunchOptions {
    /// No window, a profile that is thrown away, 60 s.
    #[must_use]
    pub fn new(guard: Guard) -> Self {
        let deadline = Duration::from_secs(60);
        Self { profile: None, headless: true, deadline, guard, args: Vec::new(), prefs: Map::new() }
    }
}

/// Opens a browser.
///
/// # Errors
/// A [`LaunchError`] that says what is missing or failed; nothing is left
/// running then.
pub async fn launch(target: &Target, options: &LaunchOptions) -> Result<Browser, LaunchError> {
    match target {
        Target::Installed(installation) => launch_installed(installation, options).await,
        Target::Remote(remote) => launch_remote(remote, options).await,
    }
}

async fn launch_installed(installation: &Installation, options: &LaunchOptions) -> Result<Browser, LaunchError> {
    let end = Instant::now() + options.deadline;
    let product = installation.product;
    if !installation.binary.exists() {
        return Err(LaunchError::BrowserMissing { product, path: installation.binary.clone() });
    }
    let profile = match &options.profile {
        Some(base) if installation.kind != BrowserKind::Safari => Some(profile::take(&absolute(base)?)?),
        _ => None,
    };
    let folder = profile.as_ref().map(|profile| profile.folder.as_path());
    let binary = chromium::binary(installation, folder)
        .map_err(|source| LaunchError::Profile { path: options.profile.clone().unwrap_or_default(), source })?;
    let (mut process, port) = start_driver(installation, options, profile.as_ref(), end).await?;
    let capabilities = match installation.kind {
        BrowserKind::Firefox => firefox::capabilities(installation, options, folder),
        BrowserKind::Safari => safari::capabilities(),
        BrowserKind::Auto | BrowserKind::Chrome | BrowserKind::Edge => {
            chromium::capabilities(installation, options, &binary, folder)
        }
    };
    let mut builder = ClientBuilder::new(HttpConnector::new());
    builder.capabilities(capabilities);
    let url = format!("http://127.0.0.1:{port}/");
    match tokio::time::timeout_at(end, builder.connect(&url)).await {
        Ok(Ok(client)) => Ok(Browser::local(client, installation, process, profile)),
        Ok(Err(error)) => {
            let error = not_opened(installation, &mut process, folder.map(ToOwned::to_owned), error.to_string()).await;
            process.end().await;
            Err(error)
        }
        Err(_) => {
            let log = process.log();
            process.end().await;
            let (binary, deadline) = (installation.binary.clone(), options.deadline);
            Err(LaunchError::BrowserTimeout { product, binary, deadline, log })
        }
    }
}

fn absolute(path: &PathBuf) -> Result<PathBuf, LaunchError> {
    std::path::absolute(path).map_err(|source| LaunchError::Profile { path: path.clone(), source })
}

/// A driver that answers, and its port. Drivers choose a free port themselves,
/// so that nobody can come between; Safari's cannot and may need several tries.
async fn start_driver(
    installation: &Installation,
    options: &LaunchOptions,
    profile: Option<&Profile>,
    end: Instant,
) -> Result<(DriverProcess, u16), LaunchError> {
    let driver = &installation.driver;
    let start =
        |args: &[String]| DriverProcess::start(driver, args, &options.guard, profile.map(|profile| &profile.lock_file));
    let args = match installation.kind {
        BrowserKind::Safari => return start_on_free_port(installation, options, start, end).await,
        BrowserKind::Firefox => firefox::driver_args(),
        BrowserKind::Auto | BrowserKind::Chrome | BrowserKind::Edge => chromium::driver_args(installation),
    };
    let mut process = start(&args)?;
    let ready = match process.port(options.deadline, end).await {
        Ok(port) => ready(&mut process, driver, port, options.deadline, end).await.map(|()| port),
        Err(error) => Err(error),
    };
    match ready {
        Ok(port) => Ok((process, port)),
        Err(error) => {
            process.end().await;
            Err(error)
        }
    }
}

async fn start_on_free_port(
    installation: &Installation,
    options: &LaunchOptions,
    start: impl Fn(&[String]) -> Result<DriverProcess, LaunchError>,
    end: Instant,
) -> Result<(DriverProcess, u16), LaunchError> {
    let driver = &installation.driver;
    let mut port = 0;
    for _ in 0..PORT_ATTEMPTS {
        port = free_port().map_err(|source| LaunchError::NoPort { source })?;
        let mut process = start(&safari::driver_args(port))?;
        match ready(&mut process, driver, port, options.deadline, end).await {
            Ok(()) => return Ok((process, port)),
            Err(error) => {
                let taken = process.port_taken();
                process.end().await;
                if !taken {
                    return Err(error);
                }
            }
        }
    }
    Err(LaunchError::PortTaken { driver: driver.clone(), port, attempts: PORT_ATTEMPTS })
}

fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Waits until the driver answers `GET /status`.
async fn ready(
    process: &mut DriverProcess,
    driver: &std::path::Path,
    port: u16,
    deadline: Duration,
    end: Instant,
) -> Result<(), LaunchError> {
    const PAUSE: Duration = Duration::from_millis(10);
    let client = HttpClient::builder(TokioExecutor::new()).build_http::<String>();
    let timeout = |process: &DriverProcess| LaunchError::DriverTimeout {
        driver: driver.to_owned(),
        deadline,
        log: process.log(),
    };
    loop {
        let Ok(address) = format!("http://127.0.0.1:{port}/status").parse() else { return Err(timeout(process)) };
        match tokio::time::timeout_at(end, client.get(address)).await {
            Ok(Ok(answer)) if answer.status().is_success() => return Ok(()),
            Ok(_) => {}
            Err(_) => return Err(timeout(process)),
        }
        if process.ended_within(PAUSE).await.is_some() {
            return Err(process.died(None).await);
        }
        if Instant::now() >= end {
            return Err(timeout(process));
        }
    }
}

/// What kept the browser from opening, out of the driver's answer and the words
/// of driver and browser.
async fn not_opened(
    installation: &Installation,
    process: &mut DriverProcess,
    profile: Option<PathBuf>,
    detail: String,
) -> LaunchError {
    let Installation { product, binary, version, driver, driver_version, .. } = installation.clone();
    if let Some(code) = process.ended_within(DYING).await {
        return LaunchError::DriverDied { driver, code, log: process.log() };
    }
    let log = process.whole_log();
    let said = |words: &str| detail.contains(words) || log.iter().any(|line| line.contains(words));
    let libraries = probe::missing_libraries(log.iter().map(String::as_str));
    if !libraries.is_empty() {
        let libraries = probe::all_missing_libraries(&binary, libraries).await;
        return LaunchError::MissingLibraries { binary, libraries };
    }
    if said("only supports Chrome version") || said("only supports Microsoft Edge version") {
        return LaunchError::VersionMismatch { product, version, driver, driver_version, detail };
    }
    if said("No usable sandbox") {
        return LaunchError::Sandbox { binary };
    }
    match profile {
        Some(profile) if said("already in use") || said("already running") => LaunchError::ProfileInUse { profile },
        _ => LaunchError::BrowserNotStarted { product, binary, detail, log: process.log() },
    }
}

async fn launch_remote(remote: &Remote, options: &LaunchOptions) -> Result<Browser, LaunchError> {
    use fantoccini::error::NewSessionError;
    let Remote { url, kind } = remote.clone();
    let deadline = options.deadline;
    let product = match kind {
        BrowserKind::Auto | BrowserKind::Chrome => Product::Chrome,
        BrowserKind::Edge => Product::Edge,
        BrowserKind::Firefox => Product::Firefox,
        BrowserKind::Safari => Product::Safari,
    };
    let is_web = |url: &url::Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    if !url::Url::parse(&url).is_ok_and(|url| is_web(&url)) {
        return Err(LaunchError::RemoteUrl { url });
    }
    let unreachable = |url, error: &dyn std::error::Error| LaunchError::RemoteUnreachable { url, detail: chain(error) };
    let capabilities = remote_capabilities(product, options);
    let connecting = async {
        // A plain address needs none of the system's certificates.
        if url.starts_with("http:") {
            ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).connect(&url).await
        } else {
            let mut builder = ClientBuilder::rustls().map_err(NewSessionError::Lost)?;
            builder.capabilities(capabilities).connect(&url).await
        }
    };
    match tokio::time::timeout(deadline, connecting).await {
        Err(_) => Err(LaunchError::RemoteTimeout { url, deadline }),
        Ok(Ok(client)) => Ok(Browser::remote(client, product)),
        Ok(Err(NewSessionError::FailedC(error))) => Err(unreachable(url, &error)),
        Ok(Err(NewSessionError::Failed(error))) => Err(unreachable(url, &error)),
        Ok(Err(NewSessionError::Lost(error))) => Err(unreachable(url, &error)),
        Ok(Err(error)) => Err(LaunchError::RemoteRefused { url, detail: error.to_string() }),
    }
}

/// What a browser on somebody else's machine is asked for: the flags and prefs
/// that WebGPU and WebNN need, and none that depend on the machine.
fn remote_capabilities(product: Product, options: &LaunchOptions) -> Map<String, Value> {
    let (name, vendor) = match product {
        Product::Firefox => ("firefox", json!({ "moz:firefoxOptions": firefox::remote_options(options) })),
        Product::Safari => ("safari", json!({})),
        Product::Edge => ("MicrosoftEdge", json!({ "ms:edgeOptions": chromium::remote_options(options) })),
        Product::Chrome | Product::Chromium | Product::HeadlessShell => {
            ("chrome", json!({ "goog:chromeOptions": chromium::remote_options(options) }))
        }
    };
    let mut capabilities = vendor.as_object().cloned().unwrap_or_default();
    capabilities.insert("browserName".to_owned(), json!(name));
    capabilities
}

/// An error and its causes: the outermost alone says "client error (Connect)".
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
