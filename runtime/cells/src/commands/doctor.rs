//! `:doctor`: what is installed, what can run where, and how to mend what cannot.

use async_trait::async_trait;
use clap::ArgMatches;

use super::{Command, CommandError, Context};
use pelago_render::Shown;

/// The command.
pub(super) struct Doctor;

#[async_trait]
impl Command for Doctor {
    fn name(&self) -> &'static str {
        "doctor"
    }

    fn summary(&self) -> &'static str {
        "Say what is installed, what can run where, and how to mend what cannot; opens every browser"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[":doctor"]
    }

    async fn run(&self, context: &Context<'_>, _: &ArgMatches) -> Result<Vec<Shown>, CommandError> {
        let found = context.session.diagnose(Some(context.observer())).await?;
        Ok(vec![Shown::Text(found.lines().join("\n"))])
    }
}
