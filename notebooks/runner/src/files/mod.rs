//! The files that a run reads and writes, as files: whether a place can be
//! written before anything runs, whether two names are one file, and how a file
//! is replaced so that it is whole at every moment.
//!
//! It knows nothing of what the files hold.

mod identity;
mod save;
mod target;
mod target_problem;

pub(crate) use self::identity::Identity;
pub use self::save::save;
pub(crate) use self::save::{Saved, copies, save_unless_changed};
pub(crate) use self::target::check;
pub(crate) use self::target_problem::TargetProblem;
