//! The requests that a page has not answered yet.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use pelago_protocol::{Header, Progress};
use serde_json::Value;
use tokio::{
    sync::{mpsc, oneshot},
    task::AbortHandle,
};

use super::{
    Answer, AttachmentError, Frame, FrameError, GoneReason, LinkError,
    attachments::{Attachments, Collection, Offered},
    frame,
};

/// A request whose answer kills its page, or its page's connection, is not
/// tried over and over.
const MAX_REPEATS: u8 = 2;

#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) kind: String,
    pub(crate) reply: oneshot::Sender<Result<Answer, LinkError>>,
    pub(crate) progress: Option<mpsc::Sender<Progress>>,
    pub(crate) repeat_safe: bool,
    /// To send it with: before it went out, and again where that is safe.
    pub(crate) frame: Option<Frame>,
    pub(crate) repeats: u8,
    /// What the page may get beside the message while it is on this socket.
    pub(crate) offered: Option<Offered>,
    /// Set once the answer came, while the tensors beside it do. They come over
    /// connections of their own, so a lost socket does not end it.
    pub(crate) collecting: Option<Collecting>,
}

/// Ends the reading of an answer when it is dropped.
#[derive(Debug)]
pub(crate) struct Collecting(pub(crate) AbortHandle);

impl Drop for Collecting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// By id, so that what is repeated keeps its order.
pub(crate) struct Requests {
    requests: BTreeMap<u64, InFlight>,
    attachments: Arc<Attachments>,
    limits: Limits,
}

/// What an answer with attachments may take.
pub(crate) struct Limits {
    pub(crate) bytes: usize,
    pub(crate) patience: Duration,
}

impl Requests {
    pub(crate) fn new(attachments: Arc<Attachments>, limits: Limits) -> Self {
        Self { requests: BTreeMap::new(), attachments, limits }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// A request goes out.
    pub(crate) fn insert(&mut self, id: u64, frame: &Frame, mut request: InFlight) {
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
            if request.collecting.is_some() {
                // Its answer is here.
            } else if let Some(frame) = waiting.remove(&id) {
                request.frame = Some(frame);
            } else if request.repeat_safe && request.repeats < MAX_REPEATS {
                request.repeats += 1;
            } else {
                let InFlight { kind, reply, repeat_safe, .. } = request;
                // A caller that has left needs no answer; so with every reply here.
                _ = reply.send(Err(LinkError::Interrupted { kind, repeatable: repeat_safe }));
                continue;
            }
            self.requests.insert(id, request);
        }
    }

    /// What to send on a new socket: all that outlived the old one.
    pub(crate) fn resume(&mut self) -> Vec<(u64, Frame)> {
        let mut frames = Vec::new();
        for (id, mut request) in std::mem::take(&mut self.requests) {
            if request.collecting.is_none() && let Some(frame) = &request.frame {
                match frame.again() {
                    Ok(frame) => {
                        request.offered = self.offer(&frame);
                        frames.push((id, frame));
                    }
                    Err(source) => {
                        let InFlight { kind, reply, .. } = request;
                        _ = reply.send(Err(LinkError::Unsendable { kind, source }));
                        continue;
                    }
                }
                if !request.repeat_safe {
                    request.frame = None;
                }
            }
            self.requests.insert(id, request);
        }
        frames
    }

    /// The page is gone for good. `unsent` tells of a request whether nothing of it went out.
    pub(crate) fn end(&mut self, reason: GoneReason, unsent: impl Fn(u64) -> bool) {
        for (id, InFlight { kind, reply, repeat_safe, frame, .. }) in std::mem::take(&mut self.requests) {
            let repeatable = repeat_safe || frame.is_some() || unsent(id);
            _ = reply.send(Err(LinkError::Gone { kind, reason, repeatable }));
        }
    }

    /// Hands an answer of the page to whom it belongs. Where tensors come beside
    /// it, returns what must be collected first.
    pub(crate) fn answer(&mut self, header: Header, body: &Bytes) -> Option<(u64, Collection)> {
        let id = header.id;
        match (header.kind.as_str(), header.attachments.len()) {
            ("result", 1..) => return Some((id, self.announce(header, body)?)),
            (_, count @ 1..) => {
                self.fail(id, FrameError::AttachmentsOf { kind: header.kind, count });
                return None;
            }
            ("progress", 0) => {
                self.progress(id, header.data);
                return None;
            }
            (_, 0) => {}
        }
        let Some(InFlight { kind, reply, .. }) = self.remove(id) else {
            // What was cancelled may still be answered.
            tracing::debug!(id, kind = header.kind, "an answer to no request");
            return None;
        };
        let answer = match header.kind.as_str() {
            "result" => frame::tensors(header.tensors, body).map(|tensors| Answer { data: header.data, tensors }),
            _ => match parse("error", header.data) {
                Ok(error) => {
                    _ = reply.send(Err(LinkError::Page { error }));
                    return None;
                }
                Err(source) => Err(source),
            },
        };
        _ = reply.send(answer.map_err(|source| LinkError::Malformed { kind, source }));
        None
    }

    fn announce(&mut self, header: Header, body: &Bytes) -> Option<Collection> {
        let id = header.id;
        let Some(request) = self.requests.get_mut(&id).filter(|request| request.collecting.is_none()) else {
            tracing::debug!(id, "an answer to no request, or another answer to one");
            return None;
        };
        // Neither is needed again: the answer is here.
        request.offered = None;
        request.frame = None;
        let Limits { bytes, patience } = self.limits;
        match Collection::announce(&self.attachments, header, body, bytes, patience) {
            Ok(collection) => Some(collection),
            Err(source) => {
                self.fail(id, source);
                None
            }
        }
    }

    /// The rest of an answer is being read by the task of `reading`.
    pub(crate) fn collecting(&mut self, id: u64, reading: AbortHandle) {
        match self.requests.get_mut(&id) {
            Some(request) => request.collecting = Some(Collecting(reading)),
            None => reading.abort(),
        }
    }

    /// All of an answer is there, or never will be.
    pub(crate) fn collected(&mut self, id: u64, answer: Result<Answer, AttachmentError>) {
        if let Some(InFlight { kind, reply, repeat_safe: repeatable, .. }) = self.remove(id) {
            _ = reply.send(answer.map_err(|source| LinkError::Attachment { kind, repeatable, source }));
        }
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
