//! A file's leaves: read, hashed and written by several threads at once, and
//! given their places in the file's order.
//!
//! Each thread takes the next turn's bytes, reads and hashes them, waits until
//! those before it have their places, gets its own, and writes while the next
//! are being placed. So reading, hashing and writing overlap, and what is in
//! memory is one turn a thread.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use pelago_dag::{Cid, Profile, cid, unixfs};
use sha2::{Digest, Sha256};

use crate::StoreError;
use crate::layout::extent::Room;

/// Bytes of a turn: a leaf of the newest profile.
const TURN: usize = 1 << 20;
/// Bytes that are hashed at a time after they were read, while they are in the processor's cache.
const PIECE: usize = 128 << 10;
/// After so many bytes they are brought to the disk while others are hashed; at the end little is left to wait for.
const FLUSH: u64 = 64 << 20;
/// Threads beside one a core: who waits for the disk keeps no core idle.
const SPARE: usize = 1;

/// Where a file's bytes are.
pub(crate) enum Source<'a> {
    File(&'a File),
    Bytes(&'a [u8]),
}

impl Source<'_> {
    /// Fills the buffer as far as there are bytes, and gives how many it got.
    fn read(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let file = match self {
            Self::File(file) => file,
            Self::Bytes(bytes) => {
                let rest = &bytes[bytes.len().min(offset as usize)..];
                let length = rest.len().min(buffer.len());
                buffer[..length].copy_from_slice(&rest[..length]);
                return Ok(length);
            }
        };
        let mut length = 0;
        while length < buffer.len() {
            match file.read_at(&mut buffer[length..], offset + length as u64) {
                Ok(0) => break,
                Ok(n) => length += n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(length)
    }
}

/// A block that may have to be written: a chunk, and what its profile puts around it.
pub(crate) struct Leaf {
    pub(crate) cid: Cid,
    head: Vec<u8>,
    /// Where the chunk is in the turn's buffer.
    pub(crate) body: Range<usize>,
    tail: Vec<u8>,
}

impl Leaf {
    pub(crate) fn parts<'a>(&'a self, buffer: &'a [u8]) -> [&'a [u8]; 3] {
        [&self.head, &buffer[self.body.clone()], &self.tail]
    }

    pub(crate) fn length(&self) -> u64 {
        (self.head.len() + self.body.len() + self.tail.len()) as u64
    }
}

/// Has `place` called with a file's leaves, in their order and never by two threads at once; it
/// gives the room of those that are to be written, and they are written there.
///
/// # Errors
///
/// `Changed` where there are not `size` bytes; `Io`, `NoSpace`; those of `place`.
pub(crate) fn each(
    profile: Profile,
    source: &Source<'_>,
    path: &Path,
    size: u64,
    place: impl FnMut(&[Leaf], &[u8]) -> Result<Vec<Option<Room>>, StoreError> + Send,
) -> Result<(), StoreError> {
    let turns = size.div_ceil(TURN as u64).max(1);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (cores + SPARE).min(usize::try_from(turns).unwrap_or(usize::MAX));
    let state = Mutex::new(State { turn: 0, place, error: None, broken: false });
    let work = Work { profile, source, path, size, turns, next: AtomicU64::new(0), state, placed: Condvar::new() };
    // One turn is not worth a thread.
    if threads < 2 {
        work.run();
    } else {
        std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(|| work.run()))));
    }
    let state = work.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    state.error.map_or(Ok(()), Err)
}

struct Work<'a, P> {
    profile: Profile,
    source: &'a Source<'a>,
    path: &'a Path,
    size: u64,
    turns: u64,
    /// The turn that no thread has taken yet.
    next: AtomicU64,
    state: Mutex<State<P>>,
    placed: Condvar,
}

struct State<P> {
    /// Whose turn it is to be placed.
    turn: u64,
    place: P,
    /// The first error, after which nothing more is done.
    error: Option<StoreError>,
    /// A thread panicked.
    broken: bool,
}

impl<P> State<P> {
    fn has_failed(&self) -> bool {
        self.error.is_some() || self.broken
    }
}

impl<P: FnMut(&[Leaf], &[u8]) -> Result<Vec<Option<Room>>, StoreError> + Send> Work<'_, P> {
    fn state(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let _told = Told(self);
        let mut buffer = vec![0; TURN.min(usize::try_from(self.size).unwrap_or(TURN))];
        loop {
            let turn = self.next.fetch_add(1, Ordering::Relaxed);
            if turn >= self.turns {
                return;
            }
            if let Err(error) = self.take(turn, &mut buffer) {
                self.state().error.get_or_insert(error);
                self.placed.notify_all();
                return;
            }
            if self.state().has_failed() {
                return;
            }
        }
    }

    fn take(&self, turn: u64, buffer: &mut [u8]) -> Result<(), StoreError> {
        let start = turn * TURN as u64;
        let length = (self.size - start).min(TURN as u64) as usize;
        let buffer = &mut buffer[..length];
        let leaves = self.hash(start, buffer)?;
        let rooms = {
            let waiting = |state: &mut State<P>| state.turn != turn && !state.has_failed();
            let mut state = self.placed.wait_while(self.state(), waiting).unwrap_or_else(PoisonError::into_inner);
            if state.has_failed() {
                return Ok(());
            }
            let rooms = (state.place)(&leaves, buffer)?;
            state.turn += 1;
            rooms
        };
        self.placed.notify_all();
        for (leaf, room) in leaves.iter().zip(&rooms) {
            if let Some(room) = room {
                room.fill(leaf.parts(buffer))?;
            }
        }
        let end = start + length as u64;
        match rooms.iter().flatten().next() {
            Some(room) if start / FLUSH != end / FLUSH => room.flush(),
            _ => Ok(()),
        }
    }

    /// Reads the leaves of a turn, and hashes them on the way.
    fn hash(&self, start: u64, buffer: &mut [u8]) -> Result<Vec<Leaf>, StoreError> {
        let io = |e| StoreError::io("read", self.path, e);
        let changed = |actual| StoreError::Changed { path: self.path.to_owned(), expected: self.size, actual };
        let (mut leaves, mut at) = (Vec::new(), 0);
        // An empty file has one leaf, which is empty.
        while at < buffer.len() || leaves.is_empty() {
            let body = at..buffer.len().min(at + self.profile.chunk());
            let (head, tail) = unixfs::leaf_frame(self.profile, body.len());
            let mut hasher = Sha256::new_with_prefix(&head);
            for piece in buffer[body.clone()].chunks_mut(PIECE) {
                let from = start + at as u64;
                let read = self.source.read(piece, from).map_err(io)?;
                if read < piece.len() {
                    return Err(changed(from + read as u64));
                }
                hasher.update(&piece);
                at += read;
            }
            hasher.update(&tail);
            let codec = if self.profile.raw_leaves() { cid::RAW } else { cid::DAG_PB };
            let cid = cid::of_hash(codec, hasher);
            let cid = if self.profile.raw_leaves() { cid } else { cid::to_v0(&cid) };
            leaves.push(Leaf { cid, head, body, tail });
        }
        let end = start + buffer.len() as u64;
        if end == self.size && self.source.read(&mut [0], end).map_err(io)? > 0 {
            return Err(changed(end + 1));
        }
        Ok(leaves)
    }
}

/// Wakes those who wait for a thread that panicked.
struct Told<'a, 'b, P>(&'a Work<'b, P>);

impl<P> Drop for Told<'_, '_, P> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.state.lock().unwrap_or_else(PoisonError::into_inner).broken = true;
            self.0.placed.notify_all();
        }
    }
}
