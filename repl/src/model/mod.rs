//! `pelago model`: what the runtime does with models, serving them, and having others hold them.

mod replicate;
mod serve;

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use pelago_cells::commands::{Answer, ModelCommand};
use pelago_session::{Session, SessionOptions};

use self::replicate::Replicate;
use self::serve::Serve;
use crate::failure::Failure;
use crate::output;
use crate::output::progress::Bars;

/// `pelago model`
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Print a JSON object, one a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    command: Model,
}

/// What is done about models.
#[derive(Debug, Subcommand)]
enum Model {
    #[command(flatten)]
    Any(ModelCommand),
    /// Have others hold a model: IPFS Cluster, a pinning service, Kubo, or other Pelagos
    Replicate(Replicate),
    /// Serve this machine's models to others: a trustless gateway, until Ctrl-C
    Serve(Serve),
}

pub(crate) async fn run(options: SessionOptions, arguments: Arguments) -> Result<ExitCode, Failure> {
    let as_json = arguments.json;
    if let Model::Any(ModelCommand::Check(check)) = arguments.command {
        let session = Session::open(options).await?;
        let bars = Bars::new();
        let answer = check.perform(&session, Path::new("."), &bars.observer()).await;
        bars.clear();
        session.close().await;
        return show(&answer?, as_json);
    }
    let network = Session::open_network(&options).await?;
    let command = match arguments.command {
        Model::Any(command) => command,
        Model::Replicate(replicate) => {
            replicate::run(&network, replicate, arguments.json).await?;
            return Ok(ExitCode::SUCCESS);
        }
        Model::Serve(serve) => {
            serve::run(&network, serve, arguments.json).await?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let bars = Bars::new();
    let answer = command.perform(&network, Path::new("."), &bars.observer()).await;
    bars.clear();
    show(&answer?, as_json)
}

/// Fails where the answer says that something is not as it should be.
fn show(answer: &Answer, as_json: bool) -> Result<ExitCode, Failure> {
    if as_json {
        answer.json.iter().try_for_each(output::json::print)?;
    } else {
        answer.lines().iter().try_for_each(|line| output::print(line))?;
    }
    Ok(if answer.is_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
