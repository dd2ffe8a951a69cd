//! Starting a driver and waiting until it answers. The browser and the session
//! are not known here.

use std::path::Path;
use std::time::Duration;

use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::TokioExecutor;
use tokio::time::Instant;

use super::engine;
use super::error::LaunchError;
use super::installation::Installation;
use super::options::LaunchOptions;
use super::process::DriverProcess;
use super::profile::Profile;

/// How often a driver that cannot choose its port is started with another one.
const PORT_ATTEMPTS: u32 = 3;

/// A driver that answers, and its port. Drivers choose a free port themselves,
/// so that nobody can come between; Safari's cannot and may need several tries.
pub(super) async fn start_driver(
    installation: &Installation,
    options: &LaunchOptions,
    profile: Option<&Profile>,
    end: Instant,
) -> Result<(DriverProcess, u16), LaunchError> {
    let driver = &installation.driver;
    let start = |args: &[String]| {
        DriverProcess::start(driver, args, &options.reaper, profile.map(|profile| &profile.lock_file))
    };
    let engine = engine::of(installation.product);
    if !engine.chooses_port() {
        return start_on_free_port(installation, options, start, end).await;
    }
    let mut process = start(&engine.driver_args(installation.product, 0))?;
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
    let engine = engine::of(installation.product);
    let mut port = 0;
    for _ in 0..PORT_ATTEMPTS {
        port = free_port().map_err(|source| LaunchError::NoPort { source })?;
        let mut process = start(&engine.driver_args(installation.product, port))?;
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
    driver: &Path,
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
