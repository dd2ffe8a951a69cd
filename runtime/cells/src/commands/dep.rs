//! `:dep`: a crate for the cells to come.

use async_trait::async_trait;
use clap::{Arg, ArgMatches};

use super::{Command, CommandError, Context, Reading};
use pelago_render::Shown;

/// The command.
pub(super) struct Dep;

#[async_trait]
impl Command for Dep {
    fn name(&self) -> &'static str {
        "dep"
    }

    fn summary(&self) -> &'static str {
        "Add a crate for this cell's Rust and all cells to come"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[":dep rand", r#":dep rand = "0.9""#, r#":dep serde = { version = "1", features = ["derive"] }"#]
    }

    fn arguments(&self, command: clap::Command) -> clap::Command {
        command.arg(
            Arg::new("spec")
                .value_name("SPEC")
                .required(true)
                .help("The crate as a line of Cargo.toml's [dependencies] names it"),
        )
    }

    fn reading(&self) -> Reading {
        Reading::Rest
    }

    async fn run(&self, context: &Context<'_>, arguments: &ArgMatches) -> Result<Vec<Shown>, CommandError> {
        let spec = arguments.get_one::<String>("spec").map_or("", String::as_str);
        context.cells.add_dependency(spec, context.events).await?;
        Ok(Vec::new())
    }
}
