//! The heartbeat: every message goes back as it came.
//!
//! A ROUTER does it and not a REP: a request's frames carry the address that
//! the answer goes to, so nothing has to be taken apart, and a client that ends
//! within a request leaves the others alone.

use zeromq::{RouterSocket, SocketRecv, SocketSend};

use super::SEND_DEADLINE;

/// Echoes for as long as it is polled.
pub(crate) async fn echo(mut socket: RouterSocket) {
    loop {
        match socket.recv().await {
            Ok(message) => {
                let sent = tokio::time::timeout(SEND_DEADLINE, socket.send(message)).await;
                if !matches!(sent, Ok(Ok(()))) {
                    tracing::debug!("a heartbeat did not reach its client");
                }
            }
            Err(error) => {
                tracing::debug!(%error, "a heartbeat was not understood");
                tokio::task::yield_now().await;
            }
        }
    }
}
