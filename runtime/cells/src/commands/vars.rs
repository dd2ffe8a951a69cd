//! `:vars`: the variables that cells share.

use async_trait::async_trait;
use clap::ArgMatches;
use polars::prelude::{NamedFrom, Series};

use super::{Command, CommandError, Context, table};
use pelago_render::Shown;

/// The command.
pub(super) struct Vars;

#[async_trait]
impl Command for Vars {
    fn name(&self) -> &'static str {
        "vars"
    }

    fn summary(&self) -> &'static str {
        "List the variables that cells share, with their types"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[":vars"]
    }

    async fn run(&self, context: &Context<'_>, _: &ArgMatches) -> Result<Vec<Shown>, CommandError> {
        let variables = context.cells.variables().await;
        let names = variables.iter().map(|variable| variable.name.as_str()).collect::<Vec<_>>();
        let types = variables.iter().map(|variable| variable.type_name.as_str()).collect::<Vec<_>>();
        let columns = vec![Series::new("name".into(), names).into(), Series::new("type".into(), types).into()];
        Ok(vec![table::shown(columns)?])
    }
}
