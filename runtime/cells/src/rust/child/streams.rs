//! Stdout and stderr of the cells' process: two pipes to the session, with marks
//! that say whose output comes next and in which order.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use pelago_protocol::cells::{Call, Mark};
use rustix::fs::{Mode, mkfifoat};

use super::{move_away, put, session};

struct Streams {
    /// The pipes, also where a cell put something else in the place of 1 or 2.
    pipes: [File; 2],
    token: String,
    turn: Mutex<Turn>,
    _connection: UnixStream,
}

/// What the next output is.
#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    number: u64,
    stream: usize,
    cell: u64,
}

static STREAMS: OnceLock<Streams> = OnceLock::new();

/// Puts the pipes in place.
pub(super) fn open() -> io::Result<()> {
    let folder = PathBuf::from(session::address()?);
    let folder = folder.parent().unwrap_or(Path::new("/"));
    let name = |stream: &str| folder.join(format!("{stream}-{}", std::process::id()));
    let paths = [name("stdout"), name("stderr")];
    for path in &paths {
        mkfifoat(rustix::fs::CWD, path, Mode::RUSR | Mode::WUSR)?;
    }
    // Opened for both, a pipe neither waits for the session nor ends before the session has read from it.
    let held = paths.iter().map(|path| File::options().read(true).write(true).open(path));
    let held = held.collect::<io::Result<Vec<_>>>()?;
    for (path, number) in paths.iter().zip([libc::STDOUT_FILENO, libc::STDERR_FILENO]) {
        put(&File::options().write(true).open(path)?, number)?;
    }
    let [stdout, stderr] = paths.each_ref().map(|path| path.to_string_lossy().into_owned());
    let mut connection = session::connect(Call::Streams { stdout, stderr })?;
    // The session has opened the other ends.
    connection.read_exact(&mut [0])?;
    drop(held);
    let pipes = [File::from(move_away(libc::STDOUT_FILENO)?), File::from(move_away(libc::STDERR_FILENO)?)];
    let streams =
        Streams { pipes, token: session::token()?, turn: Mutex::new(Turn::default()), _connection: connection };
    // What C's library prints would wait in its buffer for more.
    // SAFETY: the stream is C's own, and was not used yet.
    unsafe { libc::setvbuf(stdout_of_c(), std::ptr::null_mut(), libc::_IOLBF, 0) };
    let _ = STREAMS.set(streams);
    Ok(())
}

fn stdout_of_c() -> *mut libc::FILE {
    unsafe extern "C" {
        #[cfg_attr(target_os = "macos", link_name = "__stdoutp")]
        static stdout: *mut libc::FILE;
    }
    // SAFETY: C's library sets it before `main`.
    unsafe { stdout }
}

/// Writes what C's library holds back.
fn flush_c() {
    // SAFETY: null stands for all streams.
    unsafe { libc::fflush(std::ptr::null_mut()) };
}

/// Output of `cell` goes on in `stream`, 0 or 1.
pub(super) fn turn(stream: usize, cell: u64, flush: impl FnOnce()) {
    let Some(streams) = STREAMS.get() else { return };
    let found = *streams.turn.lock().unwrap_or_else(PoisonError::into_inner);
    if (found.stream, found.cell) == (stream, cell) {
        return;
    }
    // Not under the lock: another thread may hold the standard library's own and wait here.
    flush();
    flush_c();
    let mut turn = streams.turn.lock().unwrap_or_else(PoisonError::into_inner);
    if turn.stream == stream {
        streams.mark(stream, Mark::Enter { turn: 0, cell });
    } else {
        turn.number += 1;
        streams.mark(turn.stream, Mark::Leave { turn: turn.number });
        streams.mark(stream, Mark::Enter { turn: turn.number, cell });
    }
    (turn.stream, turn.cell) = (stream, cell);
}

/// What was told under `id` is shown here, as output of `cell`.
pub(super) fn show(id: u64, cell: u64, flush: impl Fn()) {
    turn(0, cell, &flush);
    flush();
    flush_c();
    if let Some(streams) = STREAMS.get() {
        streams.mark(0, Mark::Show(id));
    }
}

/// All output of `cell` is written.
pub(super) fn end(cell: u64, flush: impl FnOnce()) {
    flush();
    flush_c();
    let Some(streams) = STREAMS.get() else { return };
    let _turn = streams.turn.lock().unwrap_or_else(PoisonError::into_inner);
    for stream in 0..2 {
        streams.mark(stream, Mark::End(cell));
    }
}

impl Streams {
    /// A mark is shorter than what a pipe takes in one piece.
    fn mark(&self, stream: usize, mark: Mark) {
        // A session that is gone reads nothing any more.
        let _ = (&self.pipes[stream]).write_all(mark.encode(&self.token).as_bytes());
    }
}
