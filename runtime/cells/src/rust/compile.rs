//! The compile that runs, which an interrupt ends. Evaluator and compiler are
//! two processes; they know of each other by two files.

use std::io;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal};

/// Says, beside the file of the process id, that nothing may be compiled now.
const STOP: &str = "stop";

/// The compile of an interpreter's cells, seen from the evaluator.
#[derive(Clone, Debug)]
pub(super) struct Compile {
    id: PathBuf,
}

impl Compile {
    /// The compile that writes its process id into the file `id`.
    pub(super) fn at(id: PathBuf) -> Self {
        Self { id }
    }

    /// The file that is written when a compile begins.
    pub(super) fn file(&self) -> &Path {
        &self.id
    }

    /// Forgets what was compiled before; what comes now may be compiled.
    pub(super) fn reset(&self) {
        // Most times neither is there.
        let _ = std::fs::remove_file(&self.id);
        let _ = std::fs::remove_file(self.id.with_extension(STOP));
    }

    /// Ends the compiler with all that it started, and lets none begin until the next [`Compile::reset`]:
    /// while the analyser works there is no compiler yet.
    pub(super) fn stop(&self) {
        if let Err(error) = std::fs::write(self.id.with_extension(STOP), "") {
            tracing::warn!(%error, "a compile that has not begun cannot be stopped");
        }
        let id = std::fs::read_to_string(&self.id).ok().and_then(|text| text.trim().parse().ok());
        if let Some(group) = id.and_then(Pid::from_raw) {
            // It may have ended just now.
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }
}

/// In the compiler's process: lets an interrupt, and so the end of the process that wants the compile, end it
/// with all that it will start.
///
/// # Errors
///
/// `Interrupted` where it must not begin.
pub(super) fn begin(id: Option<&Path>) -> io::Result<()> {
    // Where either fails, an interrupt ends the first process alone.
    let _ = rustix::process::setpgid(None, None);
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    let Some(id) = id else { return Ok(()) };
    // First the id, then the look: `stop` does it the other way round, so that one of them sees the other.
    std::fs::write(id, std::process::id().to_string())?;
    if id.with_extension(STOP).exists() {
        return Err(io::Error::new(io::ErrorKind::Interrupted, "the cell was interrupted"));
    }
    Ok(())
}
