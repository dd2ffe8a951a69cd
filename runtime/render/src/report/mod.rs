//! A report over many runs: Markdown, HTML that needs nothing else, and text for a terminal.

mod markdown;
mod page;
mod tables;
#[cfg(test)]
mod tests;

use pelago_results::reports::{Compared, Summary};

use crate::paint::Paint;
use crate::plots::terminal as plot;

/// Runs of a route that a sparkline shows.
const TREND: usize = 40;

/// The report as Markdown.
#[must_use]
pub fn markdown(summary: &Summary) -> String {
    markdown::page(summary)
}

/// The report as one HTML page that needs nothing else: no script, no style sheet, no network.
#[must_use]
pub fn html(summary: &Summary) -> String {
    page::page(summary)
}

/// The same, to stand within another page.
#[must_use]
pub fn html_fragment(summary: &Summary) -> String {
    page::fragment(summary)
}

/// A comparison as Markdown.
#[must_use]
pub fn compared_markdown(compared: &Compared) -> String {
    markdown::compared(compared)
}

/// A comparison as one HTML page that needs nothing else.
#[must_use]
pub fn compared_html(compared: &Compared) -> String {
    page::compared(compared)
}

/// The tables of a report, its charts, and each route's warm runs in the order of time.
pub(crate) fn terminal(report: &Summary, width: Option<usize>, paint: Paint) -> String {
    let mut parts = vec![markdown(report).trim_end().to_owned()];
    parts.extend(report.charts().iter().map(|chart| plot::text(chart, width, paint)));
    let trends = report.routes.iter().filter(|route| route.samples_ms.len() > 1).map(|route| {
        let newest = &route.samples_ms[route.samples_ms.len().saturating_sub(TREND)..];
        format!("{}  {}: {}", plot::sparkline(newest), route.model, route.label())
    });
    let trends: Vec<String> = trends.map(|line| plot::one_line(&line, width)).collect();
    if !trends.is_empty() {
        parts.push(format!("Warm runs, the newest at the right\n{}", trends.join("\n")));
    }
    parts.join("\n\n")
}
