//! The reaper: a small process that stands between the host and a driver and
//! leaves nothing behind, however the host ends.
//!
//! The host starts its own executable again with a hidden argument, and that
//! invocation calls [`run`]. The reaper starts the driver, adopts every orphan
//! of its subtree (Chromium's crash handlers leave their parent on purpose) and
//! holds a pipe from the host. When the pipe closes, be it by a word of the
//! host or by its death, or when the driver ends, it kills every descendant
//! until none is left, and ends too.
//!
//! Reapers nest, and a host uses two: kill either and the other still ends the
//! rest. Only both killed in the same instant would leave a browser. A pipe and
//! not a parent-death signal tells of the host's end, because that signal fires
//! when the *thread* that started the child ends, and a runtime's threads come
//! and go.
//!
//! Nothing here knows what a driver or a browser is.

mod tree;

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

pub(crate) use tree::{below, is_running};

/// What a reaper writes between its own process id and that of its program. Two
/// reapers speak in no certain order, so each says who it is.
const STARTED: &str = " is the reaper of process ";
/// The exit code of a reaper that could not start its program, as shells have it.
const CANNOT_START: i32 = 127;

/// How to start a reaper: a program, and the arguments that make it call [`run`]
/// with all that follows them.
///
/// A front end gives its own executable and its hidden argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaper {
    /// The executable.
    pub program: PathBuf,
    /// The arguments before those of [`run`].
    pub args: Vec<OsString>,
}

impl Reaper {
    /// The complete command line of a reaper inside a reaper around `program`. Both
    /// hold the lock file, where there is one, for as long as they live.
    pub(crate) fn command_line(&self, lock: Option<&PathBuf>, program: &PathBuf, args: &[OsString]) -> Vec<OsString> {
        let mut line = Vec::new();
        for _ in 0..2 {
            line.push(self.program.clone().into());
            line.extend(self.args.iter().cloned());
            line.push(lock.cloned().unwrap_or_default().into());
        }
        line.push(program.into());
        line.extend(args.iter().cloned());
        line
    }
}

/// The process ids of a reaper and of its program, if this line tells them.
pub(crate) fn started(line: &str) -> Option<(u32, u32)> {
    let (reaper, program) = line.split_once(STARTED)?;
    Some((reaper.parse().ok()?, program.parse().ok()?))
}

/// Runs a reaper to its end and returns the exit code to end with: that of the
/// program.
///
/// `args` is a lock file to hold (or an empty word), the program, and the
/// program's arguments. Standard input is the host's pipe; standard error takes
/// all that the program says.
pub fn run(args: impl IntoIterator<Item = OsString>) -> i32 {
    let mut args = args.into_iter();
    let lock = args.next().unwrap_or_default();
    let Some(program) = args.next() else {
        say("reaper: expected a lock file, a program and its arguments; this is not a command to start by hand");
        return CANNOT_START;
    };
    let _lock = match hold(&lock) {
        Ok(file) => file,
        Err(error) => {
            say(&format!("reaper: cannot hold {}: {error}", lock.display()));
            return CANNOT_START;
        }
    };
    adopt_orphans();
    let mut child = match start(&program, args) {
        Ok(child) => child,
        Err(error) => {
            say(&format!("reaper: cannot start {}: {error}", program.display()));
            return CANNOT_START;
        }
    };
    say(&format!("{}{STARTED}{}", std::process::id(), child.id()));
    // Kept open until this process ends: a reaper inside this one waits for it.
    let _pipe = child.stdin.take();
    std::thread::spawn(|| {
        wait_for_end_of_input();
        tree::kill_descendants();
        std::process::exit(0);
    });
    let code = tree::wait_for(child.id());
    tree::kill_descendants();
    code
}

fn hold(path: &OsString) -> std::io::Result<Option<std::fs::File>> {
    if path.is_empty() {
        return Ok(None);
    }
    let file = std::fs::File::open(path)?;
    file.try_lock_shared()?;
    Ok(Some(file))
}

#[cfg(target_os = "linux")]
fn adopt_orphans() {
    if let Err(error) = rustix::process::set_child_subreaper(Some(rustix::process::getpid())) {
        say(&format!("reaper: cannot adopt orphans ({error}); a crash handler may outlive the browser"));
    }
}

#[cfg(not(target_os = "linux"))]
fn adopt_orphans() {}

fn start(program: &OsString, args: impl Iterator<Item = OsString>) -> std::io::Result<Child> {
    // One stream for all output keeps its lines in the order in which they were said.
    let output = std::io::stderr().as_fd().try_clone_to_owned()?;
    Command::new(program).args(args).stdin(Stdio::piped()).stdout(output).stderr(Stdio::inherit()).spawn()
}

fn wait_for_end_of_input() {
    let mut input = std::io::stdin().lock();
    let mut buffer = [0; 64];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// Says a line to the host, in one write, since the program speaks there too. The host may be gone, and then nobody
/// wants to know.
fn say(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}
