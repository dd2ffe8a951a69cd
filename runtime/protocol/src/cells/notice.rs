//! What passes on the control connection: how a cell goes, and what it shows.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::Run;
use crate::chart::Chart;
use crate::packed::{Attached, Attachment, Attachments, PackedError};

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
        /// What it is.
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
    /// A DataFrame.
    Table {
        /// Rows of the whole frame.
        height: usize,
        /// Its two ends, as Arrow IPC.
        frame: Attachment,
        /// All of it as JSON, to be compared with; `None` where that would be too much.
        data: Option<Attachment>,
    },
    /// A run.
    Run {
        /// What ran, how long it took and what it gave.
        run: Box<Run>,
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

impl Attached for Content {
    fn detach(&self, attachments: &mut Vec<Bytes>) {
        match self {
            Self::Table { frame, data, .. } => {
                frame.detach(attachments);
                data.detach(attachments);
            }
            Self::Run { run } => run.detach(attachments),
            Self::Chart { .. } | Self::Media { .. } | Self::Text { .. } | Self::Clear { .. } => {}
        }
    }

    fn attach(&mut self, attachments: &mut Attachments) -> Result<(), PackedError> {
        match self {
            Self::Table { frame, data, .. } => {
                frame.attach(attachments)?;
                data.attach(attachments)
            }
            Self::Run { run } => run.attach(attachments),
            Self::Chart { .. } | Self::Media { .. } | Self::Text { .. } | Self::Clear { .. } => Ok(()),
        }
    }
}

impl Attached for CellShown {
    fn detach(&self, attachments: &mut Vec<Bytes>) {
        self.content.detach(attachments);
    }

    fn attach(&mut self, attachments: &mut Attachments) -> Result<(), PackedError> {
        self.content.attach(attachments)
    }
}

impl Attached for Notice {
    fn detach(&self, attachments: &mut Vec<Bytes>) {
        match self {
            Self::Show { shown, .. } => shown.detach(attachments),
            Self::Began { .. } | Self::Ended { .. } | Self::Threw { .. } | Self::Left { .. } => {}
        }
    }

    fn attach(&mut self, attachments: &mut Attachments) -> Result<(), PackedError> {
        match self {
            Self::Show { shown, .. } => shown.attach(attachments),
            Self::Began { .. } | Self::Ended { .. } | Self::Threw { .. } | Self::Left { .. } => Ok(()),
        }
    }
}

impl Attached for Order {}
