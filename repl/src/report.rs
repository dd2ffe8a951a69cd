//! `pelago report`: earlier runs as one page, and two of them against each other.

use std::path::Path;
use std::process::ExitCode;

use chrono::{DateTime, Utc};
use pelago_render::report as render;
use pelago_results::Results;
use pelago_results::reports::{self, Compared, Scope, Summary};
use pelago_session::{SessionError, SessionOptions};

use crate::args::{Report, ReportFormat};
use crate::failure::Failure;
use crate::{history, output};

pub(crate) async fn run(options: &SessionOptions, arguments: Report) -> Result<ExitCode, Failure> {
    if let Some([before, after]) = arguments.compare.as_deref() {
        let (before, after) = both(options, &arguments, before, after).await?;
        let compared = reports::compare(&before, &after, arguments.max_ratio);
        if compared.compared() == 0 && !compared.has_regressed() {
            return Err(Failure::NothingToCompare);
        }
        write(&arguments, &comparison(&compared, arguments.format)?)?;
        return Ok(if compared.has_regressed() { ExitCode::FAILURE } else { ExitCode::SUCCESS });
    }
    let since = arguments.since.as_deref().map(|text| reports::moment(text, Utc::now())).transpose()?;
    let scope = Scope { since, until: None, model: arguments.model.clone() };
    let summary = gather(&history::open(options, arguments.db_only).await?, &scope).await?;
    let text = match arguments.format {
        ReportFormat::Md => render::markdown(&summary),
        ReportFormat::Html => render::html(&summary),
        ReportFormat::Json => serde_json::to_string_pretty(&summary).map_err(SessionError::from)?,
    };
    write(&arguments, &text)?;
    Ok(ExitCode::SUCCESS)
}

/// The reports that `--compare` names: files, or spans of time.
async fn both(
    options: &SessionOptions,
    arguments: &Report,
    before: &str,
    after: &str,
) -> Result<(Summary, Summary), Failure> {
    let now = Utc::now();
    let begins = |text: &str| match Path::new(text).is_file() {
        true => Ok(None),
        false => reports::moment(text, now).map(Some),
    };
    let (from, to) = (begins(before)?, begins(after)?);
    let of = |name, since: Option<DateTime<Utc>>, until| async move {
        let Some(since) = since else { return read(Path::new(name)) };
        let scope = Scope { since: Some(since), until, model: arguments.model.clone() };
        gather(&history::open(options, arguments.db_only).await?, &scope).await
    };
    Ok((of(before, from, to).await?, of(after, to, None).await?))
}

async fn gather(results: &Results, scope: &Scope) -> Result<Summary, Failure> {
    Ok(reports::gather(results, scope).await.map_err(SessionError::from)?)
}

fn read(path: &Path) -> Result<Summary, Failure> {
    let wrong = |reason: String| Failure::NoReport { path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let summary: Summary = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    if summary.version != Summary::VERSION {
        let (found, known) = (summary.version, Summary::VERSION);
        return Err(wrong(format!("it is of version {found}; this Pelago reads version {known}")));
    }
    Ok(summary)
}

fn comparison(compared: &Compared, format: ReportFormat) -> Result<String, Failure> {
    match format {
        ReportFormat::Json => Ok(serde_json::to_string_pretty(compared).map_err(SessionError::from)?),
        ReportFormat::Html => Ok(render::compared_html(compared)),
        ReportFormat::Md => Ok(render::compared_markdown(compared)),
    }
}

/// To the file that was named, whole or not at all; else to stdout.
fn write(arguments: &Report, text: &str) -> Result<(), Failure> {
    let Some(path) = &arguments.output else { return Ok(output::print(text.trim_end_matches('\n'))?) };
    pelago_runner::save(path, text).map_err(|error| Failure::Output(Box::new(error)))
}
