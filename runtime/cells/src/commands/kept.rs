//! What an interrupt leaves of a command.

/// What is kept of a command that the user ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Nothing: it had given all that it had.
    Nothing,
    /// Runs that ended are recorded.
    Runs,
    /// What was fetched is in the store: the same command goes on from there.
    Fetched,
}

impl Kept {
    /// As cells word it; empty for nothing.
    pub(super) fn in_cells(self) -> String {
        match self {
            Self::Nothing => "",
            Self::Runs => "the runs that ended are recorded: :history shows them",
            Self::Fetched => "what was fetched is kept: the same command goes on from there",
        }
        .to_owned()
    }
}
