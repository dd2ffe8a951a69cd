//! From what a cell shows to what a front end draws: a MIME bundle, or text.
//! It knows values, HTML and MIME types, and neither messages nor sockets.

mod chart;
mod html;
mod media;
mod number;
mod run;
mod table;

use pelago_runtime::interpreter::Shown;
use serde_json::{Map, Value};

pub use table::{Layout, text as table_text};

/// MIME types and their contents, as `display_data` and a notebook file have
/// them: text as it is, bytes in base64, JSON as JSON. `text/plain` is always
/// among them, and no MIME type has parameters.
#[must_use]
pub fn bundle(shown: &Shown) -> Map<String, Value> {
    match shown {
        Shown::Table(table) => table::bundle(table),
        Shown::Run(run) => both(run::plain(run), run::html(run)),
        Shown::Chart(chart) => chart::bundle(chart),
        Shown::Report(report) => {
            let mut bundle = both(report.markdown(), report.html_fragment());
            bundle.insert(MARKDOWN.to_owned(), report.markdown().into());
            bundle
        }
        Shown::Media(media) => media::bundle(media),
        Shown::Text(text) => Map::from_iter([(PLAIN.to_owned(), text.clone().into())]),
    }
}

/// The same as text for a terminal.
#[must_use]
pub fn plain(shown: &Shown) -> String {
    match shown {
        Shown::Table(table) => table::plain(table),
        Shown::Run(run) => run::plain(run),
        Shown::Chart(chart) => chart::plain(chart),
        Shown::Report(report) => report.markdown(),
        Shown::Media(media) => media::plain(media),
        Shown::Text(text) => text.clone(),
    }
}

pub(crate) const PLAIN: &str = "text/plain";
const HTML: &str = "text/html";
const MARKDOWN: &str = "text/markdown";

fn both(plain: String, html: String) -> Map<String, Value> {
    Map::from_iter([(PLAIN.to_owned(), plain.into()), (HTML.to_owned(), html.into())])
}
