//! `:models`: the models of this machine.

use async_trait::async_trait;
use clap::ArgMatches;
use polars::prelude::{Column, NamedFrom, Series};

use super::{Command, CommandError, Context, table};
use crate::interpreter::Shown;

/// The command.
pub(super) struct Models;

#[async_trait]
impl Command for Models {
    fn name(&self) -> &'static str {
        "models"
    }

    fn summary(&self) -> &'static str {
        "List the models that have a name: size in bytes, CID and where they came from"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[":models"]
    }

    async fn run(&self, context: &Context<'_>, _: &ArgMatches) -> Result<Vec<Shown>, CommandError> {
        let models = context.session.models().list().await?;
        let names = models.iter().map(|model| model.name.as_str()).collect::<Vec<_>>();
        let cids = models.iter().map(|model| model.cid.to_string()).collect::<Vec<_>>();
        let sources = models.iter().map(|model| model.source.as_str()).collect::<Vec<_>>();
        let added = models.iter().map(|model| model.added_at.as_str()).collect::<Vec<_>>();
        let columns: Vec<Column> = vec![
            Series::new("name".into(), names).into(),
            Series::new("size".into(), models.iter().map(|model| model.size).collect::<Vec<_>>()).into(),
            Series::new("files".into(), models.iter().map(|model| model.files).collect::<Vec<_>>()).into(),
            Series::new("cid".into(), cids).into(),
            Series::new("source".into(), sources).into(),
            Series::new("added_at".into(), added).into(),
        ];
        Ok(vec![table::shown(columns)?])
    }
}
