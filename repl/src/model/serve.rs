//! `pelago model serve`.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::time::Duration;

use clap::Args;
use pelago_cells::commands::values::{bytes, whole};
use pelago_content::GatewayOptions;
use pelago_content::replicate::{KeeperOptions, ServerOptions};
use pelago_content::retrieve::Extent;
use pelago_models::network::{HoldOptions, KeepOptions, Network, ReplicaAddress, ReplicateOptions, ServeOptions};
use pelago_session::{CancellationToken, RunError, SessionError};
use serde_json::json;

use super::replicate::Secrets;
use crate::failure::Failure;
use crate::output;

/// From Ctrl-C to the end of answers that are being sent.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// `pelago model serve`
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The address
    #[arg(long, default_value = "127.0.0.1:8081", value_name = "ADDRESS:PORT", value_parser = address)]
    listen: SocketAddr,
    /// Allow an address that other machines can reach: whoever knows a CID can then fetch it
    #[arg(long)]
    beyond_loopback: bool,
    /// Bytes a second that are sent, e.g. 20M
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    upload_limit: Option<NonZeroU64>,
    /// Connections at a time
    #[arg(long, default_value = "256", value_name = "N", value_parser = whole::<u32>(1..=65_536))]
    connections: u32,
    /// Hold models for other Pelagos that have the token, as `pelago model replicate --to peer=URL` asks
    #[arg(long)]
    hold: bool,
    /// Where this machine stands (a rack, a building, a city): replicas are spread over different ones
    #[arg(long, requires = "hold", default_value = "", hide_default_value = true, value_name = "NAME")]
    domain: String,
    /// Look after standing orders at these holders, as `peer=http://192.168.1.7:8081`; may be repeated
    #[arg(long, value_name = "KIND=URL")]
    keep: Vec<ReplicaAddress>,
    /// The address at which these holders reach this gateway
    #[arg(long, requires = "keep", value_name = "URL")]
    gateway: Option<String>,
    /// Announce the gateway on the local network by multicast DNS; others find it with --discover
    #[arg(long)]
    announce: bool,
    #[command(flatten)]
    secrets: Secrets,
}

impl Serve {
    fn options(&self) -> Result<ServeOptions, Failure> {
        let hold = || {
            let token = self.secrets.replica_token.clone().ok_or_else(|| RunError::Unsupported {
                what: "holding models for whoever asks".to_owned(),
                advice: "give the token that your Pelagos share: PELAGO_REPLICA_TOKEN".into(),
            });
            let token = token.map_err(SessionError::from)?;
            let id = self.listen.to_string();
            let server = ServerOptions { remote: self.beyond_loopback, ..ServerOptions::new(&id, &self.domain) };
            Ok::<_, Failure>(HoldOptions { token, server })
        };
        let keep = || {
            let options = ReplicateOptions { gateway: self.gateway.clone(), ..self.secrets.options()? };
            Ok::<_, Failure>(KeepOptions { at: self.keep.clone(), options, keeper: KeeperOptions::default() })
        };
        Ok(ServeOptions {
            gateway: GatewayOptions {
                listen: self.listen,
                beyond_loopback: self.beyond_loopback,
                rate: self.upload_limit,
                connections: self.connections as usize,
                ..GatewayOptions::default()
            },
            replicas: self.hold.then(hold).transpose()?,
            keep: (!self.keep.is_empty()).then(keep).transpose()?,
            announce: self.announce.then_some(if self.listen.ip().is_loopback() {
                Extent::Machine
            } else {
                Extent::Network
            }),
        })
    }
}

/// `127.0.0.1:8081`.
fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an IP address and a port, e.g. 127.0.0.1:8081 or [::1]:8081".to_owned())
}

/// Serves until Ctrl-C, or until the process is asked to end.
pub(super) async fn run(
    network: &Network,
    arguments: Serve,
    json: bool,
    cancel: &CancellationToken,
) -> Result<(), Failure> {
    let gateway = network.serve(arguments.options()?).await.map_err(SessionError::from)?;
    let address = format!("http://{}", gateway.addr());
    if json {
        output::print(&json!({ "serving": address }).to_string())?;
    } else {
        output::print(&format!("serving {address}: others fetch with `--source peer={address}`"))?;
    }
    cancel.cancelled().await;
    Ok(gateway.close(LAST_ANSWERS).await.map_err(SessionError::from)?)
}
