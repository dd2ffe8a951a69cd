//! `pelago model serve`.

use std::time::Duration;

use pelago_runtime::content::GatewayOptions;
use pelago_runtime::network::Network;
use serde_json::json;

use super::args::Serve;
use super::network_error;
use crate::failure::Failure;
use crate::output;

/// From Ctrl-C to the end of answers that are being sent.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Serves until Ctrl-C, or until the process is asked to end.
pub(super) async fn run(network: &Network, arguments: Serve) -> Result<(), Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let options = GatewayOptions {
        listen: arguments.listen,
        beyond_loopback: arguments.beyond_loopback,
        rate: arguments.upload_limit,
        connections: arguments.connections as usize,
        ..GatewayOptions::default()
    };
    let gateway = network.serve(options).await.map_err(network_error)?;
    let address = format!("http://{}", gateway.addr());
    if arguments.print.json {
        output::json::print(&json!({ "serving": address }))?;
    } else {
        output::print(&format!("serving {address}: others fetch with `--source peer={address}`"))?;
    }
    let (mut interrupt, mut end) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = end.recv() => {}
    }
    gateway.close(LAST_ANSWERS).await.map_err(network_error)
}
