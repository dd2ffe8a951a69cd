//! How a report fails.

use std::io;
use std::path::PathBuf;

use pelago_results::reports::{NoMoment, Summary};

/// Why there is no report, or no comparison.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A word that is no time.
    #[error(transparent)]
    Moment(#[from] NoMoment),
    /// A file that cannot be read.
    #[error("the report {} cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file that is no report.
    #[error("{} is no report: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        source: serde_json::Error,
    },
    /// A report that another version wrote.
    #[error("{} is a report of version {found}; this Pelago reads version {}", path.display(), Summary::VERSION)]
    Version {
        /// The file.
        path: PathBuf,
        /// The version in it.
        found: u32,
    },
    /// Two reports that have no route in common.
    #[error("the two reports have no route with warm runs of the same inputs in common")]
    NothingToCompare,
    /// A file that could not be written.
    #[error("could not write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl ReportError {
    /// A word that scripts can rely on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Moment(_) => "time",
            Self::Read { .. } | Self::Malformed { .. } | Self::Version { .. } => "no_report",
            Self::NothingToCompare => "nothing_to_compare",
            Self::Write { .. } => "output",
        }
    }

    /// What to do next. Empty where the message says it already.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Moment(_) => "",
            Self::Read { .. } => "check the path; `report --format json --output FILE` writes a report",
            Self::Malformed { .. } | Self::Version { .. } => "write it anew: `report --format json --output FILE`",
            Self::NothingToCompare => "run the same inputs for both, several times in one session (`--repeat 30`)",
            Self::Write { .. } => "check that the folder is there and writable",
        }
        .to_owned()
    }
}
