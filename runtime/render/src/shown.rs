//! What is drawn, as a value: one kind of output each.

use std::collections::BTreeMap;
use std::sync::Arc;

use pelago_protocol::Run;
use pelago_protocol::chart::Chart;
use pelago_results::reports::Summary;
use pelago_table::Data;
use polars::prelude::DataFrame;

/// What a cell shows, as a value.
#[derive(Clone, Debug)]
pub enum Shown {
    /// A DataFrame.
    Table(Table),
    /// A run of a model.
    Run(Box<Run>),
    /// A run of a model whose output stands above: its report.
    Proof(Box<Run>),
    /// A chart; [`plots::draw`](crate::plots::draw) makes its documents.
    Chart(Box<Chart>),
    /// A report over many runs.
    Report(Box<Summary>),
    /// What the value's own type made: by evcxr's convention, or with a MIME type given.
    Media(MediaBundle),
    /// Plain text, as Display or Debug gave it.
    Text(String),
}

impl Shown {
    /// The same, after a text that was written as a model made it: where the run is of that text, its report alone.
    #[must_use]
    pub fn after(self, made: &str) -> Self {
        match self {
            Self::Run(run) if !made.is_empty() && run.output.texts().len() == 1 && run.output.text() == made => {
                Self::Proof(run)
            }
            other => other,
        }
    }
}

/// MIME types and their contents: text as it is, bytes in base64, JSON as its
/// text. `text/plain` is always among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaBundle(pub BTreeMap<String, String>);

/// A DataFrame to look at, and to be compared later: of a long one, the rows at both ends.
#[derive(Clone, Debug)]
pub struct Table {
    /// The rows, [`Table::ROWS`] at most: the first and the last of the frame.
    pub frame: DataFrame,
    /// Rows of the whole frame.
    pub height: usize,
    /// All of it as data; none where it has too many columns for that.
    pub data: Option<Arc<Data>>,
    /// What text shows in its place, where that reads better; HTML and data are of the whole table.
    pub brief: Option<Brief>,
}

/// What text shows of a table: fewer columns, lines, or both, the columns first.
#[derive(Clone, Debug, Default)]
pub struct Brief {
    /// The columns that answer. It has as many rows as the table.
    pub frame: Option<DataFrame>,
    /// Lines for a person.
    pub lines: Vec<String>,
}

impl Table {
    /// Rows that are kept for showing.
    pub const ROWS: usize = pelago_table::ROWS;

    /// The two ends of a frame.
    #[must_use]
    pub fn of(frame: &DataFrame) -> Self {
        Self::with_data(pelago_table::ends(frame), frame.height(), Data::of(frame).map(Arc::new))
    }

    /// A frame whose ends and data are known.
    #[must_use]
    pub fn with_data(frame: DataFrame, height: usize, data: Option<Arc<Data>>) -> Self {
        Self { frame, height, data, brief: None }
    }

    /// The same, with what text shows in its place.
    #[must_use]
    pub fn with_brief(self, brief: Brief) -> Self {
        Self { brief: Some(brief), ..self }
    }
}
