//! What a cell prints: bytes from its streams to events, with what it shows at
//! the place where its mark stands.

mod scan;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use pelago_protocol::cells::END;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

use self::scan::{Piece, Scanner};
use super::state::State;
use crate::interpreter::{Event, Shown};

/// What a mark stands for was told before it, on another connection: it is on its way.
const ON_ITS_WAY: Duration = Duration::from_secs(10);
/// Bytes that are read at once.
const CHUNK: usize = 64 << 10;

/// One of the two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Stdout,
    Stderr,
}

/// Forwards a stream to the events of the cell that runs, until it ends. A front
/// end that is slow makes the cell wait, so nothing is lost and nothing piles up.
pub(super) async fn forward(mut stream: UnixStream, state: &Arc<State>, which: Which) -> io::Result<()> {
    let mut scanner = Scanner::new(&state.token, which == Which::Stdout);
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            break;
        }
        for piece in scanner.scan(&chunk[..count]) {
            pass_on(piece, state, which).await;
        }
    }
    for piece in scanner.end() {
        pass_on(piece, state, which).await;
    }
    state.stream_ended();
    Ok(())
}

async fn pass_on(piece: Piece, state: &Arc<State>, which: Which) {
    let event = match piece {
        Piece::Text(text) if which == Which::Stdout => Event::Stdout(text),
        Piece::Text(text) => Event::Stderr(text),
        Piece::Media(bundle) => Event::Display { shown: Shown::Media(bundle), id: None, update: false },
        Piece::Mark(END) => return state.stream_ended(),
        Piece::Mark(id) => match told(state, id).await {
            Some(event) => event,
            None => return tracing::warn!(id, "a cell marked a place for something that never came"),
        },
    };
    if let Some(running) = state.running() {
        // A front end that is gone needs no output.
        let _ = running.events.send(event).await;
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
