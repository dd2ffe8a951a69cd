//! The cell's stdout and stderr, on connections of their own while its code runs.
//!
//! Outside of that, both are evcxr's, which carries its own protocol on them: so
//! nothing that a cell prints can be taken for it.

use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, OnceLock, PoisonError};

use pelago_protocol::cells::{self, Call, END};

use crate::client;

struct Streams {
    /// Where evcxr's own lines go.
    evcxr: [OwnedFd; 2],
    /// Where the cell's output goes.
    cell: [UnixStream; 2],
    /// Whether the cell's are in place.
    ours: Mutex<bool>,
}

fn streams() -> io::Result<&'static Streams> {
    static STREAMS: OnceLock<Streams> = OnceLock::new();
    if let Some(streams) = STREAMS.get() {
        return Ok(streams);
    }
    let evcxr = [io::stdout().as_fd().try_clone_to_owned()?, io::stderr().as_fd().try_clone_to_owned()?];
    let cell = [client::connect(Call::Stdout, &[])?, client::connect(Call::Stderr, &[])?];
    Ok(STREAMS.get_or_init(|| Streams { evcxr, cell, ours: Mutex::new(false) }))
}

/// From here on, output is the cell's.
pub(crate) fn take() -> io::Result<()> {
    let streams = streams()?;
    let mut ours = streams.ours.lock().unwrap_or_else(PoisonError::into_inner);
    flush();
    put(&streams.cell[0], libc::STDOUT_FILENO)?;
    put(&streams.cell[1], libc::STDERR_FILENO)?;
    *ours = true;
    Ok(())
}

/// Whether output is the cell's.
pub(crate) fn are_ours() -> bool {
    streams().is_ok_and(|streams| *streams.ours.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Marks the cell's end in both streams and gives them back.
pub(crate) fn give_back() -> io::Result<()> {
    let streams = streams()?;
    let mut ours = streams.ours.lock().unwrap_or_else(PoisonError::into_inner);
    if !*ours {
        return Ok(());
    }
    flush();
    let end = cells::mark(&client::address()?.token, END);
    for stream in &streams.cell {
        (&mut &*stream).write_all(end.as_bytes())?;
    }
    put(&streams.evcxr[0], libc::STDOUT_FILENO)?;
    put(&streams.evcxr[1], libc::STDERR_FILENO)?;
    *ours = false;
    Ok(())
}

/// Puts a mark into stdout, behind what was printed so far.
pub(crate) fn mark(id: u64) -> io::Result<()> {
    let mark = cells::mark(&client::address()?.token, id);
    let mut out = io::stdout().lock();
    out.write_all(mark.as_bytes())?;
    out.flush()
}

/// Has the standard stream `number` be `stream`.
fn put(stream: &impl AsFd, number: libc::c_int) -> io::Result<()> {
    // SAFETY: the descriptor is borrowed, so it is open, and 1 and 2 stay open
    // all the time: dup2 replaces them in one step.
    let done = unsafe { libc::dup2(stream.as_fd().as_raw_fd(), number) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

pub(crate) fn flush() {
    // A stream that is gone has nobody who reads it.
    let _ = io::stdout().flush();
    let _ = io::stderr().flush();
}
