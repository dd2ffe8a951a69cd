//! The requests that a page has not answered yet.

use std::{collections::BTreeMap, sync::Arc};

use pelago_protocol::{PARTS_AHEAD, Progress};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::{
    Answer, Frame, FrameError, GoneReason, LinkError,
    attachments::{Attachments, Offered},
    incoming::Incoming,
};

/// A request whose answer kills its page, or its page's connection, is not
/// tried over and over.
const MAX_REPEATS: u8 = 2;

#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) kind: String,
    pub(crate) reply: oneshot::Sender<Result<Answer, LinkError>>,
    pub(crate) progress: Option<mpsc::Sender<Progress>>,
    pub(crate) parts: Option<Parts>,
    pub(crate) repeat_safe: bool,
    /// To send it with: before it went out, and again where that is safe.
    pub(crate) frame: Option<Frame>,
    pub(crate) repeats: u8,
    /// What the page may get beside the message, while that is on a socket.
    pub(crate) offered: Option<Offered>,
}

/// Where the parts of a request go.
#[derive(Debug)]
pub(crate) struct Parts {
    /// Has room for as many as the page may send.
    pub(crate) sender: mpsc::Sender<Value>,
    /// Whether one came: the request sent again would give it again.
    pub(crate) begun: bool,
}

impl InFlight {
    fn may_repeat(&self) -> bool {
        self.repeat_safe && !self.parts.as_ref().is_some_and(|parts| parts.begun)
    }
}

/// By id, so that what is repeated keeps its order.
pub(crate) struct Requests {
    requests: BTreeMap<u64, InFlight>,
    attachments: Arc<Attachments>,
}

impl Requests {
    pub(crate) fn new(attachments: Arc<Attachments>) -> Self {
        Self { requests: BTreeMap::new(), attachments }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// A request goes out.
    pub(crate) fn insert(&mut self, id: u64, mut request: InFlight, frame: &Frame) {
        request.offered = self.offer(frame);
        self.requests.insert(id, request);
    }

    fn offer(&self, frame: &Frame) -> Option<Offered> {
        let attachments = frame.attachments();
        (!attachments.is_empty()).then(|| self.attachments.offer(attachments))
    }

    pub(crate) fn remove(&mut self, id: u64) -> Option<InFlight> {
        self.requests.remove(&id)
    }

    /// The socket is gone. `waiting` had not begun to go out; the rest may have run.
    pub(crate) fn interrupt(&mut self, waiting: impl IntoIterator<Item = (u64, Frame)>) {
        let mut waiting: BTreeMap<u64, Frame> = waiting.into_iter().collect();
        for (id, mut request) in std::mem::take(&mut self.requests) {
            request.offered = None;
            if let Some(frame) = waiting.remove(&id) {
                request.frame = Some(frame);
            } else if request.may_repeat() && request.repeats < MAX_REPEATS {
                request.repeats += 1;
            } else {
                let repeatable = request.may_repeat();
                let InFlight { kind, reply, .. } = request;
                // A caller that has left needs no answer; so with every reply here.
                _ = reply.send(Err(LinkError::Interrupted { kind, repeatable }));
                continue;
            }
            self.requests.insert(id, request);
        }
    }

    /// What to send on a new socket: all that outlived the old one.
    pub(crate) fn resume(&mut self) -> Vec<(u64, Frame)> {
        let mut frames = Vec::new();
        for (id, mut request) in std::mem::take(&mut self.requests) {
            let frame = if request.repeat_safe { request.frame.clone() } else { request.frame.take() };
            match frame.map(Frame::renewed).transpose() {
                Ok(Some(frame)) => {
                    request.offered = self.offer(&frame);
                    frames.push((id, frame));
                }
                Ok(None) => {}
                Err(source) => {
                    _ = request.reply.send(Err(LinkError::Unsendable { kind: request.kind, source }));
                    continue;
                }
            }
            self.requests.insert(id, request);
        }
        frames
    }

    /// The page is gone for good. `unsent` tells of a request whether nothing of it went out.
    pub(crate) fn end(&mut self, reason: GoneReason, unsent: impl Fn(u64) -> bool) {
        for (id, request) in std::mem::take(&mut self.requests) {
            let is_unsent = !request.repeat_safe && request.frame.is_some();
            let repeatable = request.may_repeat() || is_unsent || unsent(id);
            let InFlight { kind, reply, .. } = request;
            _ = reply.send(Err(LinkError::Gone { kind, reason, repeatable }));
        }
    }

    /// Hands an answer of the page to whom it belongs.
    pub(crate) fn answer(&mut self, mut incoming: Incoming) {
        let id = incoming.header.id;
        let data = std::mem::take(&mut incoming.header.data);
        if incoming.header.kind == "progress" {
            return self.progress(id, data);
        }
        let Some(InFlight { kind, reply, .. }) = self.remove(id) else {
            // What was cancelled may still be answered.
            tracing::debug!(id, kind = incoming.header.kind, "an answer to no request");
            return;
        };
        let answer = match incoming.header.kind.as_str() {
            "result" => incoming.tensors().map(|tensors| Answer { data, tensors }),
            _ => match parse("error", data) {
                Ok(error) => {
                    _ = reply.send(Err(LinkError::Page { error }));
                    return;
                }
                Err(source) => Err(source),
            },
        };
        _ = reply.send(answer.map_err(|source| LinkError::Malformed { kind, source }));
    }

    /// Hands a part on. `false` where the request must end: it has more parts than it may have.
    pub(crate) fn part(&mut self, id: u64, data: Value) -> bool {
        // What was cancelled may still give parts.
        let Some(request) = self.requests.get_mut(&id) else { return true };
        let sent = match &mut request.parts {
            Some(parts) => {
                parts.begun = true;
                !matches!(parts.sender.try_send(data), Err(mpsc::error::TrySendError::Full(_)))
            }
            None => false,
        };
        sent || !self.fail(id, FrameError::Parts { limit: PARTS_AHEAD as usize })
    }

    pub(crate) fn has(&self, id: u64) -> bool {
        self.requests.contains_key(&id)
    }

    /// The answer to `id` cannot be read; `false` where there is no such request.
    pub(crate) fn fail(&mut self, id: u64, source: FrameError) -> bool {
        let Some(InFlight { kind, reply, .. }) = self.remove(id) else { return false };
        _ = reply.send(Err(LinkError::Malformed { kind, source }));
        true
    }

    fn progress(&self, id: u64, data: Value) {
        let Some(progress) = self.requests.get(&id).and_then(|request| request.progress.as_ref()) else { return };
        match parse::<Progress>("progress", data) {
            // A listener that is behind misses a step: the next one says more.
            Ok(step) => _ = progress.try_send(step),
            Err(error) => tracing::warn!(id, %error, "a progress that cannot be read"),
        }
    }
}

fn parse<T: serde::de::DeserializeOwned>(kind: &'static str, data: Value) -> Result<T, FrameError> {
    serde_json::from_value(data).map_err(|source| FrameError::Data { kind, source })
}
