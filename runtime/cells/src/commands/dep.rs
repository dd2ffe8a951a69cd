//! `dep`: a crate for the cells to come.

use async_trait::async_trait;
use clap::Args;

use super::{Command, CommandError, Context, Outcome, Reading, Shell};

/// Which crate.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// The crate as a line of Cargo.toml's [dependencies] names it
    spec: String,
}

/// The command.
pub(super) struct Dep;

#[async_trait]
impl Command for Dep {
    type Arguments = Arguments;

    fn name(&self) -> &'static str {
        "dep"
    }

    fn summary(&self) -> &'static str {
        "Add a crate for this cell's Rust and all cells to come"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[":dep rand", r#":dep rand = "0.9""#, r#":dep serde = { version = "1", features = ["derive"] }"#]
    }

    fn reading(&self) -> Reading {
        Reading::Rest
    }

    fn shell(&self) -> Shell {
        Shell::Nothing("the crate is for Rust cells")
    }

    async fn run(&self, context: &Context<'_>, arguments: Arguments) -> Result<Outcome, CommandError> {
        let Some(rust) = context.cells else { return Err(CommandError::NoCells { command: "dep" }) };
        rust.cells.add_dependency(&arguments.spec, rust.events).await?;
        Ok(Outcome::Good)
    }
}
