//! `pelago model replicate`.

use clap::Args;
use pelago_cells::commands::values::whole;
use pelago_content::replicate::{Credentials, Replicas};
use pelago_models::network::{Network, NetworkError, ReplicaAddress, ReplicateOptions};
use pelago_session::SessionError;
use serde_json::json;

use crate::failure::Failure;
use crate::output;

/// `pelago model replicate`
#[derive(Debug, Args)]
pub(crate) struct Replicate {
    /// A name or a CID
    model: String,
    /// Who is to hold it, as `cluster=http://127.0.0.1:9094`; KIND is cluster, pinning, kubo or peer; peers may be several
    #[arg(long, required = true, value_name = "KIND=URL")]
    to: Vec<ReplicaAddress>,
    /// Replicas at least
    #[arg(long, default_value = "1", value_name = "N", value_parser = whole::<u32>(1..=1000))]
    min: u32,
    /// Replicas that are aimed at [default: as many as at least]
    #[arg(long, value_name = "N", value_parser = whole::<u32>(1..=1000))]
    max: Option<u32>,
    /// The address at which peers reach this machine's `pelago model serve`
    #[arg(long, value_name = "URL")]
    gateway: Option<String>,
    /// Let `pelago model serve --keep` look after it: challenge the holders, and replace those that lost it
    #[arg(long)]
    standing: bool,
    /// Likewise, with as many replicas as requests ask for, between --min and --max
    #[arg(long)]
    on_demand: bool,
    /// Only say how far its replicas are
    #[arg(long, conflicts_with_all = ["remove", "standing", "on_demand"])]
    status: bool,
    /// Have its replicas let go
    #[arg(long, conflicts_with_all = ["standing", "on_demand"])]
    remove: bool,
    #[command(flatten)]
    secrets: Secrets,
}

/// What proves who asks. Environment variables keep them from the process list.
#[derive(Debug, Args)]
pub(crate) struct Secrets {
    /// The token that Pelagos share, 16 characters at least
    #[arg(long, env = "PELAGO_REPLICA_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub(super) replica_token: Option<String>,
    /// The bearer token of a cluster, a pinning service or a daemon
    #[arg(long, env = "PELAGO_PINNING_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub(super) pinning_token: Option<String>,
}

impl Secrets {
    /// The options of orders that these prove.
    pub(super) fn options(&self) -> Result<ReplicateOptions, Failure> {
        let credentials = self.pinning_token.as_deref().map(Credentials::bearer).transpose();
        let credentials = credentials.map_err(|error| SessionError::from(NetworkError::from(error)))?;
        Ok(ReplicateOptions { credentials, token: self.replica_token.clone(), ..ReplicateOptions::default() })
    }
}

/// Orders, looks at or takes back replicas.
pub(super) async fn run(network: &Network, arguments: Replicate, json: bool) -> Result<(), Failure> {
    let Replicate { model, to, min, max, gateway, standing, on_demand, status, remove, secrets } = arguments;
    let root = network.models().root(&model).await.map_err(SessionError::from)?;
    let options = ReplicateOptions {
        min,
        max: max.unwrap_or(min),
        name: model,
        gateway,
        standing,
        on_demand,
        ..secrets.options()?
    };
    if remove {
        network.remove_replicas(root, &to, &options).await.map_err(SessionError::from)?;
        let line = format!("{root}: its replicas are let go");
        return Ok(if json {
            output::print(&json!({ "removed": root.to_string() }).to_string())
        } else {
            output::print(&line)
        }?);
    }
    let found =
        if status { network.replicas(root, &to, &options).await } else { network.replicate(root, &to, &options).await };
    Ok(print(&root.to_string(), &found.map_err(SessionError::from)?, json)?)
}

fn print(root: &str, found: &Replicas, json: bool) -> std::io::Result<()> {
    if json {
        let replicas = found.replicas.iter().map(
            |replica| json!({ "holder": replica.holder, "state": replica.state.to_string(), "detail": replica.detail }),
        );
        let replicas = replicas.collect::<Vec<_>>();
        return output::print(&json!({ "cid": root, "held": found.held(), "replicas": replicas }).to_string());
    }
    output::print(&format!("{root}: {} held of {}", found.held(), found.replicas.len()))?;
    found.replicas.iter().try_for_each(|replica| {
        let detail = replica.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default();
        output::print(&format!("  {:8} {}{detail}", replica.state.to_string(), replica.holder))
    })
}
