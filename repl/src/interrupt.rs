//! Ctrl-C for whatever takes long: one token, which the first cancels. The second ends the process at once.

use pelago_session::CancellationToken;
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::{Failure, INTERRUPTED, SystemError};

/// A token that the first Ctrl-C cancels, or the end that a service manager asks for. Where there is another,
/// the process ends: the browsers' reapers then end the browsers.
pub(crate) fn listen() -> Result<CancellationToken, Failure> {
    let listening = |kind| signal(kind).map_err(|source| SystemError::Signals { source });
    let (mut interrupt, mut end) = (listening(SignalKind::interrupt())?, listening(SignalKind::terminate())?);
    let cancel = CancellationToken::new();
    let first = cancel.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = end.recv() => {}
            }
            if first.is_cancelled() {
                std::process::exit(INTERRUPTED.into());
            }
            first.cancel();
        }
    });
    Ok(cancel)
}
