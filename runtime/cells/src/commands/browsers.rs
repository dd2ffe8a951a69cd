//! `browsers`: the browsers of this machine, open or not.

use async_trait::async_trait;
use pelago_browser::driver::Target;
use pelago_render::Table;
use polars::prelude::{Column, DataFrame, NamedFrom, Series};

use super::{Command, CommandError, Context, Nothing, Outcome, Shell};

/// The command.
pub(super) struct Browsers;

#[async_trait]
impl Command for Browsers {
    type Arguments = Nothing;

    fn name(&self) -> &'static str {
        "browsers"
    }

    fn summary(&self) -> &'static str {
        "List the browsers that can be opened, and whether they are open"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[":browsers"]
    }

    fn shell(&self) -> Shell {
        Shell::subcommand("Print a JSON object a browser")
    }

    async fn run(&self, context: &Context<'_>, _: Nothing) -> Result<Outcome, CommandError> {
        let pool = context.work.session().await?.browsers();
        let candidates = pool.candidates();
        let mut open = Vec::new();
        for candidate in candidates {
            open.push(pool.open_page(&candidate.id).await.is_some());
        }
        let kinds = candidates.iter().map(|candidate| candidate.kind.as_str()).collect::<Vec<_>>();
        let ids = candidates.iter().map(|candidate| candidate.id.as_str()).collect::<Vec<_>>();
        let [products, versions, binaries, drivers] = [
            |found: &Target| installed(found).map(|found| found.product.name().to_owned()),
            |found: &Target| installed(found).map(|found| found.version.clone()),
            |found: &Target| installed(found).map(|found| found.binary.display().to_string()),
            |found: &Target| installed(found).map(|found| found.driver.display().to_string()),
        ]
        .map(|part| candidates.iter().map(|candidate| part(&candidate.target)).collect::<Vec<_>>());
        let columns: Vec<Column> = vec![
            Series::new("browser".into(), kinds).into(),
            Series::new("product".into(), products).into(),
            Series::new("version".into(), versions).into(),
            Series::new("open".into(), open).into(),
            Series::new("id".into(), ids).into(),
            Series::new("binary".into(), binaries).into(),
            Series::new("driver".into(), drivers).into(),
        ];
        let frame = DataFrame::new(candidates.len(), columns)?;
        context.frame(frame, |frame| Ok(Table::of(frame))).await?;
        Ok(Outcome::Good)
    }
}

/// What is known of a browser of this machine; of a remote one, only its URL is.
fn installed(target: &Target) -> Option<&pelago_browser::driver::Installation> {
    match target {
        Target::Installed(found) => Some(found),
        Target::Remote(_) => None,
    }
}
