//! Messages as they come in: signature first, then header, then content. What
//! does not pass is dropped and counted, and the next message is waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use jupyter_protocol::Header;
use jupyter_zmq_client::{RawMessage, RouterRecvConnection, RuntimeError};
use serde_json::{Map, Value};
use zeromq::SocketRecv;

/// A message whose signature is right.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    /// Where an answer goes.
    pub(crate) identities: Vec<Bytes>,
    pub(crate) header: Header,
    pub(crate) content: Value,
    /// When it was read.
    pub(crate) received: Instant,
}

/// Messages that were dropped since the kernel started. Told in the metadata of
/// `kernel_info_reply`, under `pelago`.
#[derive(Debug, Default)]
pub(crate) struct Dropped {
    signatures: AtomicU64,
    malformed: AtomicU64,
}

impl Dropped {
    /// As metadata of a message.
    pub(crate) fn metadata(&self) -> Value {
        let counts = Map::from_iter([
            ("dropped_signatures".to_owned(), self.signatures.load(Ordering::Relaxed).into()),
            ("dropped_malformed".to_owned(), self.malformed.load(Ordering::Relaxed).into()),
        ]);
        Map::from_iter([("pelago".to_owned(), counts.into())]).into()
    }
}

/// The receiving half of a channel.
pub(crate) struct Requests {
    channel: &'static str,
    connection: RouterRecvConnection,
    dropped: Arc<Dropped>,
}

impl Requests {
    pub(super) fn new(channel: &'static str, connection: RouterRecvConnection, dropped: Arc<Dropped>) -> Self {
        Self { channel, connection, dropped }
    }

    /// The next message that passes. Others do not end the wait.
    pub(crate) async fn next(&mut self) -> Incoming {
        loop {
            match self.try_next().await {
                Ok(incoming) => return incoming,
                Err(error) => {
                    let (count, what) = if is_signature(&error) {
                        (&self.dropped.signatures, "its signature is wrong")
                    } else {
                        (&self.dropped.malformed, "it is malformed")
                    };
                    let count = count.fetch_add(1, Ordering::Relaxed) + 1;
                    tracing::warn!(channel = self.channel, %error, count, "a message was dropped: {what}");
                    // A socket that fails at once, again and again, must not keep the thread.
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    async fn try_next(&mut self) -> Result<Incoming, RuntimeError> {
        let frames = self.connection.socket.recv().await?;
        // Compares signatures in constant time (ring's `hmac::verify`).
        let raw = RawMessage::from_multipart(frames, &self.connection.mac)?;
        let part = |index: usize| raw.jparts.get(index).ok_or(RuntimeError::InsufficientMessageParts(raw.jparts.len()));
        let header = serde_json::from_slice(part(0)?)?;
        let content = serde_json::from_slice(part(3)?)?;
        Ok(Incoming { identities: raw.zmq_identities, header, content, received: Instant::now() })
    }
}

/// Whether a message was refused before a byte of it was trusted.
fn is_signature(error: &RuntimeError) -> bool {
    matches!(error, RuntimeError::VerifyError(_) | RuntimeError::DecodeError(_) | RuntimeError::MissingHmac)
}
