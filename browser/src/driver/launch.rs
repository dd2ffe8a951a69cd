//! Opening a browser: profile, driver, session, in this order and all within
//! one deadline. What differs between browsers is the engine's business.

use std::path::PathBuf;
use std::time::Duration;

use fantoccini::ClientBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::time::Instant;

use super::browser::Browser;
use super::error::LaunchError;
use super::installation::{Installation, Target};
use super::options::LaunchOptions;
use super::process::DriverProcess;
use super::start::start_driver;
use super::{engine, probe, profile, remote};

/// How long a driver that seems to have died may take to be seen dead.
const DYING: Duration = Duration::from_millis(500);

/// Opens a browser.
///
/// # Errors
/// A [`LaunchError`] that says what is missing or failed; nothing is left
/// running then.
pub async fn launch(target: &Target, options: &LaunchOptions) -> Result<Browser, LaunchError> {
    match target {
        Target::Installed(installation) => launch_installed(installation, options).await,
        Target::Remote(remote) => remote::launch(remote, options).await,
    }
}

async fn launch_installed(installation: &Installation, options: &LaunchOptions) -> Result<Browser, LaunchError> {
    let end = Instant::now() + options.deadline;
    let product = installation.product;
    let engine = engine::of(product);
    if !installation.binary.exists() {
        return Err(LaunchError::BrowserMissing { product, path: installation.binary.clone() });
    }
    let profile = match &options.profile {
        Some(base) if engine.keeps_profile() => Some(profile::take(&absolute(base)?, engine)?),
        _ => None,
    };
    let folder = profile.as_ref().map(|profile| profile.folder.as_path());
    let binary = engine
        .binary(installation, folder)
        .map_err(|source| LaunchError::Profile { path: options.profile.clone().unwrap_or_default(), source })?;
    let (mut process, port) = start_driver(installation, options, profile.as_ref(), end).await?;
    let capabilities = engine.capabilities(product, &binary, folder, options);
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
