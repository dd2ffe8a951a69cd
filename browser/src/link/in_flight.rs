//! The requests that a page has not answered yet.

use std::collections::BTreeMap;

use bytes::Bytes;
use pelago_protocol::{Header, Progress};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::{Answer, Frame, FrameError, GoneReason, LinkError, frame};

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
}

/// By id, so that what is repeated keeps its order.
#[derive(Default)]
pub(crate) struct Requests(BTreeMap<u64, InFlight>);

impl Requests {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn insert(&mut self, id: u64, request: InFlight) {
        self.0.insert(id, request);
    }

    pub(crate) fn remove(&mut self, id: u64) -> Option<InFlight> {
        self.0.remove(&id)
    }

    /// The socket is gone. `waiting` had not begun to go out; the rest may have run.
    pub(crate) fn interrupt(&mut self, waiting: impl IntoIterator<Item = (u64, Frame)>) {
        let mut waiting: BTreeMap<u64, Frame> = waiting.into_iter().collect();
        for (id, mut request) in std::mem::take(&mut self.0) {
            if let Some(frame) = waiting.remove(&id) {
                request.frame = Some(frame);
            } else if request.repeat_safe && request.repeats < MAX_REPEATS {
                request.repeats += 1;
            } else {
                let InFlight { kind, reply, repeat_safe, .. } = request;
                // A caller that has left needs no answer; so with every reply here.
                _ = reply.send(Err(LinkError::Interrupted { kind, repeatable: repeat_safe }));
                continue;
            }
            self.0.insert(id, request);
        }
    }

    /// What to send on a new socket: all that outlived the old one.
    pub(crate) fn resume(&mut self) -> Vec<(u64, Frame)> {
        let frame_of = |request: &mut InFlight| {
            if request.repeat_safe { request.frame.clone() } else { request.frame.take() }
        };
        self.0.iter_mut().filter_map(|(id, request)| Some((*id, frame_of(request)?))).collect()
    }

    /// The page is gone for good. `unsent` tells of a request whether nothing of it went out.
    pub(crate) fn end(&mut self, reason: GoneReason, unsent: impl Fn(u64) -> bool) {
        for (id, InFlight { kind, reply, repeat_safe, frame, .. }) in std::mem::take(&mut self.0) {
            let repeatable = repeat_safe || frame.is_some() || unsent(id);
            _ = reply.send(Err(LinkError::Gone { kind, reason, repeatable }));
        }
    }

    /// Hands an answer of the page to whom it belongs.
    pub(crate) fn answer(&mut self, header: Header, body: &Bytes) {
        let id = header.id;
        if header.kind == "progress" {
            return self.progress(id, header.data);
        }
        let Some(InFlight { kind, reply, .. }) = self.remove(id) else {
            // What was cancelled may still be answered.
            tracing::debug!(id, kind = header.kind, "an answer to no request");
            return;
        };
        let answer = match header.kind.as_str() {
            "result" => frame::tensors(header.tensors, body).map(|tensors| Answer { data: header.data, tensors }),
            _ => match parse("error", header.data) {
                Ok(error) => {
                    _ = reply.send(Err(LinkError::Page { error }));
                    return;
                }
                Err(source) => Err(source),
            },
        };
        _ = reply.send(answer.map_err(|source| LinkError::Malformed { kind, source }));
    }

    /// The answer to `id` cannot be read; `false` where there is no such request.
    pub(crate) fn fail(&mut self, id: u64, source: FrameError) -> bool {
        let Some(InFlight { kind, reply, .. }) = self.remove(id) else { return false };
        _ = reply.send(Err(LinkError::Malformed { kind, source }));
        true
    }

    fn progress(&self, id: u64, data: Value) {
        let Some(progress) = self.0.get(&id).and_then(|request| request.progress.as_ref()) else { return };
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
