//! `report`: many runs in one page, and two of them against each other.

mod error;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use pelago_render::{MediaBundle, Shown, report as render};
use pelago_results::reports::{self, Compared, Scope, Summary, moment};
use pelago_session::SessionError;

pub use self::error::ReportError;
use super::{Command, CommandError, Context, Outcome, Shell, Values, values};

/// What is reported, and as what.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// Markdown, one self-contained HTML page, or JSON (docs/report.schema.json) [default: drawn for where it is shown; Markdown in a file or a pipe]
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Only runs since then: 30m, 12h, 7d, 2w, a date, or a time in RFC 3339
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only runs of this model: its name or CID
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Write to this file instead
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Compare two reports route by route: JSON files, or the beginnings of two spans of time, the first of which ends where the second begins. The shell ends with 1 where a route is slower by more than --max-ratio and the interval leaves no doubt, broken or missing
    #[arg(long, num_args = 2, value_names = ["BEFORE", "AFTER"], conflicts_with = "since")]
    compare: Option<Vec<String>>,
    /// How many times as long a route may take before that is a regression
    #[arg(long, default_value = "1.10", value_name = "RATIO", requires = "compare", value_parser = values::number(1.0, "1.10"))]
    max_ratio: f64,
}

/// What a report is written as. Its words have no help of their own, with which every option would take a paragraph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Md,
    Html,
    Json,
}

/// The command.
pub(super) struct Report;

#[async_trait]
impl Command for Report {
    type Arguments = Arguments;

    fn name(&self) -> &'static str {
        "report"
    }

    fn summary(&self) -> &'static str {
        "Show runs by route with statistics, parity, content, reliability and plots; or compare two reports"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[
            ":report",
            ":report --since 7d",
            ":report --since 2026-01-31 --model all-MiniLM-L6-v2",
            ":report --format html --output report.html",
            ":report --compare before.json after.json",
        ]
    }

    fn values(&self, argument: &str) -> Values {
        if argument == "model" { Values::Models } else { Values::Declared }
    }

    fn shell(&self) -> Shell {
        Shell::Subcommand { json: None, reads_results: true }
    }

    fn is_json(&self, arguments: &Arguments) -> bool {
        arguments.format == Some(Format::Json)
    }

    /// Bad where a comparison found a regression.
    async fn run(&self, context: &Context<'_>, arguments: Arguments) -> Result<Outcome, CommandError> {
        if let Some([before, after]) = arguments.compare.as_deref() {
            let (before, after) = both(context, &arguments, before, after).await?;
            let compared = reports::compare(&before, &after, arguments.max_ratio);
            if compared.compared() == 0 && !compared.has_regressed() {
                return Err(ReportError::NothingToCompare.into());
            }
            let format = arguments.format.unwrap_or(Format::Md);
            give(context, &arguments, format, comparison(&compared, format)?).await?;
            return Ok(Outcome::good_if(!compared.has_regressed()));
        }
        let since = arguments.since.as_deref().map(|text| moment(text, Utc::now())).transpose();
        let since = since.map_err(ReportError::from)?;
        let summary = gather(context, Scope { since, until: None, model: arguments.model.clone() }).await?;
        let format = match (arguments.format, &arguments.output) {
            (None, None) => {
                context.sink.show(Shown::Report(Box::new(summary))).await?;
                return Ok(Outcome::Good);
            }
            (format, _) => format.unwrap_or(Format::Md),
        };
        let text = match format {
            Format::Md => render::markdown(&summary),
            Format::Html => render::html(&summary),
            Format::Json => serde_json::to_string_pretty(&summary).map_err(SessionError::from)?,
        };
        give(context, &arguments, format, text).await?;
        Ok(Outcome::Good)
    }
}

/// The reports that `--compare` names: files, or spans of time.
async fn both(
    context: &Context<'_>,
    arguments: &Arguments,
    before: &str,
    after: &str,
) -> Result<(Summary, Summary), CommandError> {
    let now = Utc::now();
    let begins = |text: &str| match context.folder.join(text).is_file() {
        true => Ok(None),
        false => moment(text, now).map(Some).map_err(ReportError::from),
    };
    let (from, to) = (begins(before)?, begins(after)?);
    let of = |name, since: Option<DateTime<Utc>>, until| async move {
        let Some(since) = since else { return Ok(read(&context.folder.join(name))?) };
        gather(context, Scope { since: Some(since), until, model: arguments.model.clone() }).await
    };
    Ok((of(before, from, to).await?, of(after, to, None).await?))
}

async fn gather(context: &Context<'_>, scope: Scope) -> Result<Summary, CommandError> {
    Ok(reports::gather(context.work.results().await?, &scope).await?)
}

fn read(path: &Path) -> Result<Summary, ReportError> {
    let text = std::fs::read_to_string(path).map_err(|source| ReportError::Read { path: path.to_owned(), source })?;
    let summary: Result<Summary, _> = serde_json::from_str(&text);
    let summary = summary.map_err(|source| ReportError::Malformed { path: path.to_owned(), source })?;
    if summary.version != Summary::VERSION {
        return Err(ReportError::Version { path: path.to_owned(), found: summary.version });
    }
    Ok(summary)
}

fn comparison(compared: &Compared, format: Format) -> Result<String, CommandError> {
    Ok(match format {
        Format::Json => serde_json::to_string_pretty(compared).map_err(SessionError::from)?,
        Format::Html => render::compared_html(compared),
        Format::Md => render::compared_markdown(compared),
    })
}

/// To the file that was named, whole or not at all; else to whoever looks.
async fn give(context: &Context<'_>, arguments: &Arguments, format: Format, text: String) -> Result<(), CommandError> {
    let Some(path) = arguments.output.as_ref().map(|path| context.folder.join(path)) else {
        let mime = match format {
            Format::Md => "text/markdown",
            Format::Html => "text/html",
            Format::Json => "application/json",
        };
        let forms = [("text/plain", text.clone()), (mime, text)];
        let media =
            MediaBundle(forms.map(|(mime, text)| (mime.to_owned(), text)).into_iter().collect::<BTreeMap<_, _>>());
        return Ok(context.sink.show(Shown::Media(media)).await?);
    };
    Ok(write(&path, &text).map_err(|source| ReportError::Write { path, source })?)
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    // A link stays, and what it leads to is replaced.
    let resolved = std::fs::canonicalize(path);
    let path = resolved.as_deref().unwrap_or(path);
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    // A temporary file is its owner's alone; a report is a file like any other, or like the one before.
    #[cfg(unix)]
    let usual: std::fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    #[cfg(unix)]
    std::fs::set_permissions(file.path(), std::fs::metadata(path).map_or(usual, |found| found.permissions()))?;
    file.persist(path)?;
    Ok(())
}
