//! `pelago model serve` and `replicate`: what only the shell does with models.

mod replicate;
mod serve;

use std::process::ExitCode;

use clap::Subcommand;
use pelago_session::{Session, SessionOptions};

use self::replicate::Replicate;
use self::serve::Serve;
use crate::failure::{Failure, Interrupted};
use crate::interrupt;

/// What only the shell does with models.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Have others hold a model: IPFS Cluster, a pinning service, Kubo, or other Pelagos
    Replicate(Replicate),
    /// Serve this machine's models to others: a trustless gateway, until Ctrl-C
    Serve(Serve),
}

impl Command {
    /// Does it. Ctrl-C is the end of serving, and interrupts an order.
    pub(crate) async fn run(self, options: SessionOptions, json: bool) -> Result<ExitCode, Failure> {
        let cancel = interrupt::listen()?;
        let network = Session::open_network(&options).await?;
        match self {
            Self::Serve(serve) => serve::run(&network, serve, json, &cancel).await?,
            Self::Replicate(replicate) => {
                let ordered = cancel.run_until_cancelled(replicate::run(&network, replicate, json)).await;
                ordered.ok_or(Interrupted)??;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
