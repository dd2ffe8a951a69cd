//! Questions of a running cell to the user of the client that sent it.

use std::sync::{Arc, Mutex, PoisonError};

use pelago_cells::interpreter::InputRequest;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::oneshot;

use super::{Incoming, Replies, Requests};
use crate::wire::Message;

#[derive(Deserialize)]
struct InputReply {
    #[serde(default)]
    value: String,
}

/// The question that waits for an answer; a cell asks one at a time.
#[derive(Clone)]
pub(crate) struct Stdin {
    replies: Replies,
    waiting: Arc<Mutex<Option<oneshot::Sender<String>>>>,
}

impl Stdin {
    /// The handle, and the task that has to be polled for it.
    pub(crate) fn new(requests: Requests, replies: Replies) -> (Self, impl Future<Output = ()> + Send) {
        let stdin = Self { replies, waiting: Arc::default() };
        (stdin.clone(), stdin.listen(requests))
    }

    async fn listen(self, mut requests: Requests) {
        loop {
            let incoming = requests.next().await;
            let reply = serde_json::from_value::<InputReply>(incoming.content);
            match (incoming.header.msg_type.as_str(), reply) {
                ("input_reply", Ok(reply)) => match self.take() {
                    // A cell that was interrupted meanwhile needs no answer.
                    Some(waiting) => drop(waiting.send(reply.value)),
                    None => tracing::debug!("an answer came to no question"),
                },
                (kind, _) => tracing::warn!(kind, "not an input_reply on stdin; it was dropped"),
            }
        }
    }

    /// Puts a cell's question to the client that sent the cell.
    pub(crate) async fn ask(&self, asker: &Incoming, request: InputRequest) {
        *self.lock() = Some(request.reply);
        let content = json!({ "prompt": request.prompt, "password": request.password });
        self.replies.send(Message::new("input_request", content).reply_to(asker)).await;
    }

    /// Takes the question back: the cell's call fails.
    pub(crate) fn cancel(&self) {
        drop(self.take());
    }

    fn take(&self) -> Option<oneshot::Sender<String>> {
        self.lock().take()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<oneshot::Sender<String>>> {
        // A holder that panicked leaves a question or none, both whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
