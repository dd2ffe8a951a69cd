//! A request as its caller sees it: a future that takes itself back when it is dropped.

use std::{sync::atomic::Ordering, time::Duration};

use pelago_protocol::{Header, Platform, Progress, Tensor};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::{Answer, Frame, GoneReason, Link, LinkError, LinkState, in_flight::InFlight, task};

/// What to ask of a page.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// The `type`, e.g. `embed`.
    pub kind: String,
    /// The model that it is about.
    pub model_name: Option<String>,
    /// The platform that it is about.
    pub platform: Option<Platform>,
    /// The request itself, by `kind`.
    pub data: Value,
    /// How to do it, by `kind`.
    pub options: Value,
    /// Tensors that go with it; their bytes are not copied.
    pub tensors: Vec<Tensor>,
}

/// How to ask.
#[derive(Clone, Debug)]
pub struct RequestOptions {
    /// How long to wait for the answer, from the call on.
    pub deadline: Duration,
    /// Where to tell how far it is. A listener that is behind misses steps.
    pub progress: Option<mpsc::Sender<Progress>>,
    /// Whether the page may be asked twice: true where a request changes nothing,
    /// or nothing more the second time.
    pub repeat_safe: bool,
}

impl Link {
    /// Asks the page and waits for its answer. Many requests may be under way
    /// at once. Dropping the future tells the page to stop.
    ///
    /// # Errors
    /// [`LinkError`], each variant as its documentation says.
    pub async fn request(&self, message: Message, options: RequestOptions) -> Result<Answer, LinkError> {
        let kind = message.kind.clone();
        let waited = options.deadline;
        tokio::time::timeout(waited, self.ask(message, options))
            .await
            .unwrap_or(Err(LinkError::Deadline { kind, waited }))
    }

    async fn ask(&self, message: Message, options: RequestOptions) -> Result<Answer, LinkError> {
        let Message { kind, model_name, platform, data, options: how, tensors } = message;
        let id = self.0.ids.fetch_add(1, Ordering::Relaxed);
        let header = Header { model_name, platform, options: how, ..Header::new(id, &kind, data) };
        let frame = match Frame::encode(header, tensors, self.0.max_frame_bytes) {
            Ok(frame) => frame,
            Err(source) => return Err(LinkError::Unsendable { kind, source }),
        };
        // The task is gone, or ends before it takes the request: nothing of it went out.
        let gone = |kind| LinkError::Gone { kind, reason: self.gone_reason(), repeatable: true };

        let Ok(place) = self.0.cancels.clone().reserve_owned().await else { return Err(gone(kind)) };
        let (reply, answer) = oneshot::channel();
        let RequestOptions { progress, repeat_safe, .. } = options;
        let frame = Some(frame);
        let request = InFlight { kind: kind.clone(), reply, progress, repeat_safe, frame, repeats: 0, offered: None };
        if self.0.requests.send(task::Request { id, request }).await.is_err() {
            return Err(gone(kind));
        }
        let mut guard = CancelOnDrop { id, place: Some(place) };
        let answer = answer.await;
        guard.place = None;
        answer.unwrap_or_else(|_| Err(gone(kind)))
    }

    fn gone_reason(&self) -> GoneReason {
        match self.state() {
            LinkState::Gone(reason) => reason,
            LinkState::Connected | LinkState::Interrupted => GoneReason::Closed,
        }
    }
}

struct CancelOnDrop {
    id: u64,
    place: Option<mpsc::OwnedPermit<u64>>,
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            place.send(self.id);
        }
    }
}
