//! `vars`: the variables that cells share.

use async_trait::async_trait;
use pelago_render::Table;
use polars::prelude::{DataFrame, NamedFrom, Series};

use super::{Command, CommandError, Context, Nothing, Outcome, Shell};

/// The command.
pub(super) struct Vars;

#[async_trait]
impl Command for Vars {
    type Arguments = Nothing;

    fn name(&self) -> &'static str {
        "vars"
    }

    fn summary(&self) -> &'static str {
        "List the variables that cells share, with their types"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[":vars"]
    }

    fn shell(&self) -> Shell {
        Shell::Nothing("the variables are those of Rust cells")
    }

    async fn run(&self, context: &Context<'_>, _: Nothing) -> Result<Outcome, CommandError> {
        let Some(rust) = context.cells else { return Err(CommandError::NoCells { command: "vars" }) };
        let variables = rust.cells.variables().await;
        let names = variables.iter().map(|variable| variable.name.as_str()).collect::<Vec<_>>();
        let types = variables.iter().map(|variable| variable.type_name.as_str()).collect::<Vec<_>>();
        let columns = vec![Series::new("name".into(), names).into(), Series::new("type".into(), types).into()];
        let frame = DataFrame::new(variables.len(), columns)?;
        context.frame(frame, |frame| Ok(Table::of(frame))).await?;
        Ok(Outcome::Good)
    }
}
