//! `pelago model serve`.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::time::Duration;

use clap::Args;
use pelago_runtime::content::GatewayOptions;
use pelago_runtime::network::Network;
use pelago_runtime::session::SessionError;
use serde_json::json;

use crate::args::bytes;
use crate::failure::Failure;
use crate::output;

/// From Ctrl-C to the end of answers that are being sent.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// `pelago model serve`
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// The address
    #[arg(long, default_value = "127.0.0.1:8081", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Allow an address that other machines can reach: whoever knows a CID can then fetch it
    #[arg(long)]
    beyond_loopback: bool,
    /// Bytes a second that are sent, e.g. 20M
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    upload_limit: Option<NonZeroU64>,
    /// Connections at a time
    #[arg(long, default_value_t = 256, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    connections: u32,
}

/// Serves until Ctrl-C, or until the process is asked to end.
pub(super) async fn run(network: &Network, arguments: Serve, json: bool) -> Result<(), Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let options = GatewayOptions {
        listen: arguments.listen,
        beyond_loopback: arguments.beyond_loopback,
        rate: arguments.upload_limit,
        connections: arguments.connections as usize,
        ..GatewayOptions::default()
    };
    let gateway = network.serve(options).await.map_err(SessionError::from)?;
    let address = format!("http://{}", gateway.addr());
    if json {
        output::json::print(&json!({ "serving": address }))?;
    } else {
        output::print(&format!("serving {address}: others fetch with `--source peer={address}`"))?;
    }
    let (mut interrupt, mut end) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = end.recv() => {}
    }
    Ok(gateway.close(LAST_ANSWERS).await.map_err(SessionError::from)?)
}
