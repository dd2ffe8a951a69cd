//! Answers a cell whose model makes text: its parts as they come, then the run.

use std::io;
use std::sync::Arc;

use pelago_protocol::cells::Reply;
use pelago_protocol::{Part, Request};
use pelago_session::{CancellationToken, Streaming};
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use super::calls::{failure, interrupted, observer, of_run};
use super::state::State;
use super::wire;
use crate::commands;
use crate::interpreter::Event;

/// Parts that wait for whoever takes them.
const PARTS: usize = 64;

/// Answers the call. An interrupt ends the text at the next token: the run is then answered with what it has. The end of
/// the asking process ends it at once.
pub(super) async fn answer(
    mut stream: UnixStream,
    request: &Request,
    gives_parts: bool,
    state: &Arc<State>,
) -> io::Result<()> {
    let mut interrupts = state.interrupts.subscribe();
    interrupts.mark_unchanged();
    let (mut read, mut write) = stream.split();
    let mut nothing = [0; 1];
    let session = state.session().await;
    let stop = CancellationToken::new();
    let (sender, mut parts) = mpsc::channel(PARTS);
    let streaming = Streaming { parts: Some(sender), stop: stop.clone() };
    let ended = {
        let running = async { Ok(session.stream(request, observer(state), streaming).await) };
        let passing = async {
            let is_shown = request.input.items() == 1;
            let mut shown = None;
            while let Some(part) = parts.recv().await {
                if gives_parts {
                    // The model waits where nobody reads them.
                    wire::write(&mut write, &Reply::Part { part }).await?;
                } else if let (true, Part::Text(part), Some(cell)) = (is_shown, part, state.running()) {
                    // A front end that is gone needs no text.
                    let _ = cell.events.send(Event::Made(part.text)).await;
                    shown = Some(cell);
                }
            }
            if let Some(cell) = shown {
                let _ = cell.events.send(Event::MadeAll).await;
            }
            Ok::<_, io::Error>(())
        };
        let both = async { tokio::try_join!(running, passing) };
        tokio::pin!(both);
        loop {
            tokio::select! {
                ended = &mut both => break Some(ended?.0),
                _ = interrupts.changed(), if !stop.is_cancelled() => stop.cancel(),
                () = too_late(&stop) => break None,
                // The asking side says nothing more: this is its end.
                _ = read.read(&mut nothing) => return Ok(()),
            }
        }
    };
    let reply = match ended {
        Some(Ok(run)) => of_run(run).unwrap_or_else(|failure| Reply::Failed { failure }),
        Some(Err(error)) => Reply::Failed { failure: failure(error) },
        None => Reply::Failed { failure: interrupted() },
    };
    wire::write(&mut write, &reply).await
}

/// Waits until it has been told to stop for so long that it will not.
async fn too_late(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(commands::ENDING).await;
}
