//! The process that cells run in: a loop that follows evcxr's protocol on
//! descriptors which no cell can name.
//!
//! evcxr speaks lines over stdin and stdout. Before anything else runs, both are
//! moved to high numbers that a program which a cell starts does not inherit. From
//! then on 0 is an empty input, and 1 and 2 are pipes to the session for the life
//! of the process, also between cells.

mod library;
mod owner;
mod session;
mod streams;
mod table;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use self::library::Library;

/// evcxr sets it where the executable is to be this process.
const IS_CHILD: &str = "EVCXR_IS_RUNTIME";
/// Names the library that every cell is linked with.
pub(super) const LIBRARY_VARIABLE: &str = "PELAGO_CELLS_LIBRARY";
/// evcxr's word that a cell ran.
const COMPLETE: &str = "EVCXR_EXECUTION_COMPLETE";
/// Descriptors of the protocol begin here.
const HIGH: libc::c_int = 100;
/// What evcxr's own child exits with where it understands nothing.
const WRONG: i32 = 99;

/// Where evcxr's lines go.
static PROTOCOL: OnceLock<Mutex<File>> = OnceLock::new();

/// Whether this process is to run cells.
pub(super) fn is_wanted() -> bool {
    std::env::var_os(IS_CHILD).is_some()
}

/// Runs cells until evcxr closes its end.
pub(super) fn run() -> ! {
    match serve() {
        Ok(()) => std::process::exit(0),
        Err(error) => {
            complain(&error);
            std::process::exit(WRONG)
        }
    }
}

#[expect(clippy::print_stderr, reason = "without a session there is nobody else to tell")]
fn complain(error: &io::Error) {
    eprintln!("the process of the cells cannot go on: {error}");
}

fn serve() -> io::Result<()> {
    let (orders, protocol) = (move_away(libc::STDIN_FILENO)?, move_away(libc::STDOUT_FILENO)?);
    let _ = PROTOCOL.set(Mutex::new(File::from(protocol)));
    let nothing = File::open("/dev/null")?;
    put(&nothing, libc::STDIN_FILENO)?;
    session::open()?;
    streams::open()?;
    say_how_it_crashes();
    let library = std::env::var_os(LIBRARY_VARIABLE);
    let library = library.ok_or_else(|| io::Error::other(format!("{LIBRARY_VARIABLE} is not set")))?;
    let library = Library::open(Path::new(&library))?;
    library.connect();
    // They stay: destructors of threads may lie in any of them.
    let mut loaded = vec![library];
    for line in BufReader::new(File::from(orders)).lines() {
        let line = line?;
        let mut words = line.split(' ');
        let (Some("LOAD_AND_RUN"), Some(path), Some(function), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(io::Error::other(format!("evcxr sent the line {line:?}, which says nothing that is known")));
        };
        loaded.push(load_and_run(path, function)?);
    }
    Ok(())
}

fn load_and_run(path: &str, function: &str) -> io::Result<Library> {
    let library = Library::open(Path::new(path))?;
    library.connect();
    table::run(library.function(function)?);
    protocol(COMPLETE);
    Ok(library)
}

/// Writes a line of evcxr's protocol.
fn protocol(line: &str) {
    let Some(protocol) = PROTOCOL.get() else { return };
    let mut protocol = protocol.lock().unwrap_or_else(PoisonError::into_inner);
    // evcxr that is gone has nobody who waits.
    let _ = protocol.write_all(format!("{line}\n").as_bytes());
}

/// Another descriptor for what `number` is, which no program that is started from here gets.
fn move_away(number: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: it makes a new descriptor or fails.
    let moved = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, HIGH) };
    if moved < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(moved) })
}

/// Has the standard stream `number` be `file`.
fn put(file: &File, number: libc::c_int) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    // SAFETY: the descriptor is borrowed, so it is open; what `number` was is replaced in one step.
    let done = unsafe { libc::dup2(file.as_raw_fd(), number) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Tells a wild pointer from a stack that is full: for the second the handler has
/// no stack, and the signal itself ends the process.
fn say_how_it_crashes() {
    extern "C" fn crashed(signal: libc::c_int) {
        let text: &[u8] = match signal {
            libc::SIGSEGV => b"Segmentation fault.\n",
            libc::SIGILL => b"Illegal instruction.\n",
            _ => b"Bus error.\n",
        };
        // SAFETY: both may be called in a signal handler.
        unsafe {
            libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len());
            libc::abort();
        }
    }
    let handler: extern "C" fn(libc::c_int) = crashed;
    for signal in [libc::SIGSEGV, libc::SIGILL, libc::SIGBUS] {
        // SAFETY: the handler calls only what a handler may call.
        unsafe { libc::signal(signal, handler as libc::sighandler_t) };
    }
}
