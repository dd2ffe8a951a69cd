//! What the cells' process prints: bytes of its two pipes to events, in the order
//! in which the program made them, with what it shows at the place where its mark
//! stands.

mod scan;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use pelago_protocol::cells::Mark;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::sync::watch;

use self::scan::{Piece, Scanner};
use super::state::State;
use crate::interpreter::Event;
use pelago_render::Shown;

/// What a mark stands for was told before it, on another connection, and what it
/// waits for was written before it, to the other pipe: both are on their way.
const ON_ITS_WAY: Duration = Duration::from_secs(10);
/// Bytes that are read at once.
const CHUNK: usize = 64 << 10;

/// One of the two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Stdout,
    Stderr,
}

/// Forwards both streams to the events of the cells whose output it is, until they
/// end. A front end that is slow makes the cell wait, so nothing is lost and
/// nothing piles up.
pub(super) async fn forward(mut connection: UnixStream, paths: [String; 2], state: &Arc<State>) -> io::Result<()> {
    let [stdout, stderr] = [open(&paths[0])?, open(&paths[1])?];
    // The process waits for this before it opens its own ends.
    connection.write_all(&[1]).await?;
    let (left_stdout, stdout_left) = watch::channel(0);
    let (left_stderr, stderr_left) = watch::channel(0);
    let one = Stream { which: Which::Stdout, cell: 0, left: left_stdout, other: stderr_left, state };
    let two = Stream { which: Which::Stderr, cell: 0, left: left_stderr, other: stdout_left, state };
    let (first, second) = tokio::join!(one.forward(stdout), two.forward(stderr));
    state.streams_closed();
    first.and(second)
}

/// The end of a named pipe that is read from. Its name is needed no more.
fn open(path: &str) -> io::Result<pipe::Receiver> {
    let receiver = pipe::OpenOptions::new().open_receiver(path);
    std::fs::remove_file(path)?;
    let receiver = receiver?;
    // Where the system refuses, a cell that prints much waits more often.
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(&receiver, 1 << 20);
    Ok(receiver)
}

struct Stream<'a> {
    which: Which,
    /// Whose output comes next.
    cell: u64,
    /// The last turn in which output left this stream.
    left: watch::Sender<u64>,
    /// The same of the other stream.
    other: watch::Receiver<u64>,
    state: &'a Arc<State>,
}

impl Stream<'_> {
    async fn forward(mut self, mut pipe: pipe::Receiver) -> io::Result<()> {
        let read = self.read(&mut pipe).await;
        // Nobody waits for this stream any more.
        self.left.send_replace(u64::MAX);
        read
    }

    async fn read(&mut self, pipe: &mut pipe::Receiver) -> io::Result<()> {
        let mut scanner = Scanner::new(&self.state.token, self.which == Which::Stdout);
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = pipe.read(&mut chunk).await?;
            if count == 0 {
                break;
            }
            for piece in scanner.scan(&chunk[..count]) {
                self.take(piece).await;
            }
        }
        for piece in scanner.end() {
            self.take(piece).await;
        }
        Ok(())
    }

    async fn take(&mut self, piece: Piece) {
        let event = match piece {
            Piece::Text(text) if self.which == Which::Stdout => Event::Stdout(text),
            Piece::Text(text) => Event::Stderr(self.state.with_places_of_cells(text)),
            Piece::Media(bundle) => Event::Display { shown: Shown::Media(bundle), id: None, update: false },
            Piece::Mark(Mark::End(cell)) => return self.state.stream_ended(cell),
            Piece::Mark(Mark::Leave { turn }) => {
                self.left.send_replace(turn);
                return;
            }
            Piece::Mark(Mark::Enter { turn, cell }) => {
                self.cell = cell;
                let left = self.other.wait_for(|left| *left >= turn);
                if turn > 0 && tokio::time::timeout(ON_ITS_WAY, left).await.is_err() {
                    tracing::warn!(turn, "output of the other stream did not come; the order may be wrong");
                }
                return;
            }
            Piece::Mark(Mark::Show(id)) => match told(self.state, id).await {
                Some(event) => event,
                None => return tracing::warn!(id, "a cell marked a place for something that never came"),
            },
        };
        if let Some(events) = self.state.events_of(self.cell) {
            // A front end that is gone needs no output.
            let _ = events.send(event).await;
        }
    }
}

async fn told(state: &Arc<State>, id: u64) -> Option<Event> {
    let wait = async {
        loop {
            let changed = state.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(event) = state.take_shown(id) {
                return event;
            }
            changed.await;
        }
    };
    tokio::time::timeout(ON_ITS_WAY, wait).await.ok()
}
