//! What passes on the control connection: how a cell goes, and what it shows.

use serde::{Deserialize, Serialize};

use crate::chart::Chart;
use crate::{Report, TensorHeader};

/// What the cells' process tells, on the control connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
pub enum Notice {
    /// The cell's own code runs from here on.
    Began {
        /// Number that the session gave to the cell.
        cell: u64,
    },
    /// It reached its end.
    Ended {
        /// Number of the cell.
        cell: u64,
    },
    /// A panic or an error of `?`. Where the cell still reaches its end, it caught the panic.
    Threw {
        /// Number of the cell.
        cell: u64,
        /// What ended it.
        error: Thrown,
    },
    /// Its code runs no more, however it ended.
    Left {
        /// Number of the cell.
        cell: u64,
    },
    /// Something to show. It comes before its mark does in stdout.
    Show {
        /// Number that the mark in stdout repeats.
        id: u64,
        /// What it is. The body holds the rows of a table, or a run.
        shown: CellShown,
    },
}

/// A panic, or an error that `?` returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thrown {
    /// `Panic`, or the type of the error.
    pub name: String,
    /// Its message and those of its sources.
    pub message: String,
    /// What to do next; may be empty.
    pub help: String,
    /// The source file of a panic, as the compiler names it; empty for `?`.
    pub file: String,
    /// The line: of the file for a panic, of the cell for `?`.
    pub line: u32,
}

/// What the session tells the cells' process, on the control connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    /// The user wants the cell to end.
    Interrupt,
}

/// Something to show.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CellShown {
    /// Where it goes.
    pub place: Place,
    /// What it is.
    pub content: Content,
}

/// Where something that a cell shows goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "place", rename_all = "snake_case")]
pub enum Place {
    /// The value of the last expression.
    Result,
    /// In the middle of the cell.
    Display {
        /// The name that an update uses.
        id: Option<String>,
        /// Whether it takes the place of what has the same id.
        update: bool,
    },
}

/// What a cell shows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "content", rename_all = "snake_case")]
pub enum Content {
    /// A DataFrame. The body holds its two ends as Arrow IPC, then all of it as JSON to be compared with, or nothing.
    Table {
        /// Rows of the whole frame.
        height: usize,
        /// Bytes of the Arrow IPC.
        frame: usize,
    },
    /// A run; its tensors are in the body.
    Run {
        /// What ran and how long it took.
        report: Box<Report>,
        /// The tensors.
        tensors: Vec<TensorHeader>,
        /// Whether the output is an embedding.
        is_embedding: bool,
    },
    /// A chart, to be drawn.
    Chart {
        /// What is to be seen.
        chart: Box<Chart>,
    },
    /// MIME types and their contents: text as it is, bytes in base64.
    Media {
        /// By MIME type.
        bundle: std::collections::BTreeMap<String, String>,
    },
    /// Plain text.
    Text {
        /// The text.
        text: String,
    },
    /// Nothing: what was shown is to be cleared.
    Clear {
        /// Whether only once there is something new.
        wait: bool,
    },
}
