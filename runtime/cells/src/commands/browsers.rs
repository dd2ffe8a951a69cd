//! `:browsers`: the browsers of this machine, open or not.

use async_trait::async_trait;
use clap::ArgMatches;
use pelago_browser::driver::Target;
use polars::prelude::{Column, NamedFrom, Series};

use super::{Command, CommandError, Context, table};
use pelago_render::Shown;

/// The command.
pub(super) struct Browsers;

#[async_trait]
impl Command for Browsers {
    fn name(&self) -> &'static str {
        "browsers"
    }

    fn summary(&self) -> &'static str {
        "List the browsers that can be opened, and whether they are open"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[":browsers"]
    }

    async fn run(&self, context: &Context<'_>, _: &ArgMatches) -> Result<Vec<Shown>, CommandError> {
        let pool = context.session.browsers();
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
        Ok(vec![table::shown(columns)?])
    }
}

/// What is known of a browser of this machine; of a remote one, only its URL is.
fn installed(target: &Target) -> Option<&pelago_browser::driver::Installation> {
    match target {
        Target::Installed(found) => Some(found),
        Target::Remote(_) => None,
    }
}
