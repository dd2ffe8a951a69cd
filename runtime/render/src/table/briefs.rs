//! What text shows of Pelago's own tables: columns that fit a line, figures rounded for people.

use pelago_protocol::{SweepOutcome, SweepRow};
use polars::prelude::{Column, DataFrame, NamedFrom, PolarsResult, Series};

use crate::Brief;

/// Columns of a run that are shown as they are.
const OF_A_RUN: &[&str] = &["graph", "platform", "is_real_hardware", "warm"];

/// Of runs, the columns that answer: where, on what, how fast, how exact.
///
/// # Errors
/// Where the frame is not one of runs.
pub fn runs(frame: &DataFrame) -> PolarsResult<Brief> {
    let mut columns = vec![frame.column("browser_product")?.clone().with_name("product".into())];
    columns.extend(OF_A_RUN.iter().map(|name| frame.column(name).cloned()).collect::<PolarsResult<Vec<_>>>()?);
    columns.push(nodes(frame)?);
    columns.push(scaled(frame, "processing_time", 1000.0, 2, "processing_ms")?);
    columns.push(scaled(frame, "total_time", 1000.0, 2, "total_ms")?);
    columns.push(scaled(frame, "fetch_ms", 1.0, 0, "fetch_ms")?);
    columns.push(scaled(frame, "compile_ms", 1.0, 0, "compile_ms")?);
    columns.push(scaled(frame, "parity_cosine", 1.0, 6, "cosine")?);
    Ok(Brief { frame: Some(DataFrame::new(frame.height(), columns)?), lines: Vec::new() })
}

/// Of a sweep, what each combination takes, of models that make text in tokens, too; and a line for each that was not measured. `frame` is made of `rows`.
///
/// # Errors
/// Where the frame is not one of a sweep.
pub fn sweep(rows: &[SweepRow], frame: &DataFrame) -> PolarsResult<Brief> {
    let column = |name: &str| frame.column(name).cloned();
    let interval = rows.iter().map(|row| Some(format!("{:.2}…{:.2}", row.speedup_low?, row.speedup_high?)));
    let sizes = rows.iter().map(|row| Some(megabytes(row.model_bytes?)));
    let makes_text = rows.iter().any(|row| row.generation.is_some());
    let mut columns = vec![
        column("browser_product")?.with_name("product".into()),
        column("platform")?,
        column("precision")?,
        column("mixed_precision")?.with_name("mixed".into()),
        column("outcome")?,
        scaled(frame, "p50_ms", 1.0, 2, "p50_ms")?,
    ];
    if makes_text {
        columns.push(scaled(frame, "time_to_first_token_ms", 1.0, 0, "first_token_ms")?);
        columns.push(scaled(frame, "decode_tokens_per_sec", 1.0, 2, "tokens_per_sec")?);
    } else {
        columns.push(scaled(frame, "p90_ms", 1.0, 2, "p90_ms")?);
    }
    columns.extend([
        scaled(frame, "speedup", 1.0, 2, "speedup")?,
        Series::new("interval".into(), interval.collect::<Vec<_>>()).into(),
        scaled(frame, "compile_ms", 1.0, 0, "compile_ms")?,
        scaled(frame, "memory_usage_mb", 1.0, 1, "memory_mb")?,
        Series::new("size_mb".into(), sizes.collect::<Vec<_>>()).into(),
    ]);
    if makes_text {
        columns.push(column("parity_first_different_token")?.with_name("first_different".into()));
        columns.push(scaled(frame, "parity_mean_kl_divergence", 1.0, 6, "mean_kl")?);
        columns.push(scaled(frame, "parity_perplexity", 1.0, 3, "perplexity")?);
    } else {
        columns.push(scaled(frame, "parity_cosine", 1.0, 6, "cosine")?);
    }
    columns.push(column("parity_verdict")?.with_name("verdict".into()));
    let problems = rows.iter().filter(|row| row.outcome != SweepOutcome::Measured).map(|row| {
        let mixed = if row.mixed_precision { " mixed" } else { "" };
        let problem = row.problem.as_deref().unwrap_or_default();
        format!("{} {} {} bit{mixed}: {}: {problem}", row.browser, row.platform, row.precision, row.outcome)
    });
    Ok(Brief { frame: Some(DataFrame::new(frame.height(), columns)?), lines: problems.collect() })
}

/// MB, to two places.
fn megabytes(bytes: u64) -> f64 {
    (bytes as f64 / 1e4).round() / 100.0
}

/// `218/218`: nodes on the provider that was asked for, of all nodes.
fn nodes(frame: &DataFrame) -> PolarsResult<Column> {
    let (on, all) = (frame.column("nodes_on_provider")?.u32()?, frame.column("nodes_total")?.u32()?);
    let text = on.iter().zip(all.iter()).map(|(on, all)| Some(format!("{}/{}", on?, all?)));
    Ok(Series::new("nodes".into(), text.collect::<Vec<_>>()).into())
}

/// A column in another unit, rounded for people.
fn scaled(frame: &DataFrame, name: &str, factor: f64, digits: i32, new_name: &str) -> PolarsResult<Column> {
    let ten = 10_f64.powi(digits);
    let values = frame.column(name)?.f64()?.iter();
    let rounded = values.map(|value| Some((value? * factor * ten).round() / ten));
    Ok(Series::new(new_name.into(), rounded.collect::<Vec<_>>()).into())
}

#[cfg(test)]
mod tests {
    use pelago_results::Results;

    use super::*;
    use crate::paint::Paint;
    use crate::{Shown, Table};

    #[test]
    fn tables_of_runs_and_sweeps_have_their_columns() {
        let width = |brief: &Brief| brief.frame.as_ref().map(DataFrame::width);
        assert_eq!(width(&runs(&Results::frame(&[]).unwrap()).unwrap()), Some(11));
        assert_eq!(width(&sweep(&[], &Results::sweep_frame(&[]).unwrap()).unwrap()), Some(14));
    }

    #[test]
    fn text_shows_the_brief_and_html_the_whole() {
        let frame = polars::df!("cid" => ["bafy"], "size" => [1_u64]).unwrap();
        let brief = Brief { frame: None, lines: vec!["one line".to_owned(), "another".to_owned()] };
        let shown = Shown::Table(Table::of(&frame).with_brief(brief));
        assert_eq!(crate::terminal(&shown, Some(80), Paint { on: false }), "one line\nanother");
        assert_eq!(crate::plain(&shown), "one line\nanother");
        let bundle = crate::bundle(&shown);
        assert_eq!(bundle["text/plain"], "one line\nanother");
        assert!(bundle["text/html"].as_str().unwrap().contains("bafy"), "{bundle:?}");
        assert_eq!(bundle[pelago_table::MIME]["height"], 1);
    }
}
