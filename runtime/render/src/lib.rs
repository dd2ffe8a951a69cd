//! From a value to what a front end draws: a MIME bundle for notebooks, plain text, or text for a terminal. One file
//! (or folder) a kind of output holds all of its forms.
//!
//! Only this crate makes HTML, MIME bundles, colours and SVG. It does not know where a value came from: no session, no
//! browser, no message of Jupyter and no socket.

mod chart;
mod escape;
mod heads;
mod media;
mod number;
pub mod paint;
pub mod plots;
pub mod report;
pub mod run;
mod shown;
pub mod step;
mod table;

use paint::Paint;
use serde_json::{Map, Value};

pub use shown::{Brief, MediaBundle, Shown, Table};
pub use table::{Layout, briefs, text as table_text};

/// MIME types and their contents, as `display_data` and a notebook file have
/// them: text as it is, bytes in base64, JSON as JSON. `text/plain` is always
/// among them, and no MIME type has parameters.
#[must_use]
pub fn bundle(shown: &Shown) -> Map<String, Value> {
    match shown {
        Shown::Table(table) => table::bundle(table),
        Shown::Run(run) | Shown::Proof(run) => both(run::plain(run), run::html(run)),
        Shown::Chart(chart) => chart::bundle(chart),
        Shown::Report(report) => {
            let mut bundle = both(report::markdown(report), report::html_fragment(report));
            bundle.insert(MARKDOWN.to_owned(), report::markdown(report).into());
            bundle
        }
        Shown::Media(media) => media::bundle(media),
        Shown::Text(text) => Map::from_iter([(PLAIN.to_owned(), text.clone().into())]),
    }
}

/// The same as plain text of a fixed width, which is the same wherever it ran.
#[must_use]
pub fn plain(shown: &Shown) -> String {
    match shown {
        Shown::Table(table) => table::plain(table),
        Shown::Run(run) => run::plain(run),
        Shown::Proof(run) => run::plain_proof(run),
        Shown::Chart(chart) => chart::plain(chart),
        Shown::Report(report) => report::markdown(report),
        Shown::Media(media) => media::plain(media),
        Shown::Text(text) => text.clone(),
    }
}

/// The same for a terminal of `width` columns, without a line end.
#[must_use]
pub fn terminal(shown: &Shown, width: Option<usize>, paint: Paint) -> String {
    match shown {
        Shown::Table(shown) => table::brief(shown, Layout { width, has_rule: false }),
        Shown::Run(run) => run::terminal(run, paint),
        Shown::Proof(run) => run::terminal_proof(run, paint),
        Shown::Chart(chart) => plots::terminal::text(chart, width, paint),
        Shown::Report(report) => report::terminal(report, width, paint),
        Shown::Media(bundle) => media::terminal(bundle, paint),
        Shown::Text(text) => text.strip_suffix('\n').unwrap_or(text).to_owned(),
    }
}

/// The MIME type of plain text.
pub const PLAIN: &str = "text/plain";
const HTML: &str = "text/html";
const MARKDOWN: &str = "text/markdown";

fn both(plain: String, html: String) -> Map<String, Value> {
    Map::from_iter([(PLAIN.to_owned(), plain.into()), (HTML.to_owned(), html.into())])
}
