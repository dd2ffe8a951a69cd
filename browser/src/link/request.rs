//! A request as its caller sees it: a future that takes itself back when it is dropped.

use std::{sync::atomic::Ordering, time::Duration};

use pelago_protocol::{Header, PARTS_AHEAD, Platform, Progress, Tensor};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    Answer, Frame, GoneReason, Link, LinkError, LinkState,
    in_flight::{InFlight, Parts},
    task::{self, Control},
};

/// Parts that are taken before the page is told that it may send as many more.
const PARTS_A_CREDIT: u32 = PARTS_AHEAD as u32 / 2;

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
    /// Where its parts go, in order: none is lost, and the page waits where nobody takes them. The message's options
    /// must ask for [`PARTS_AHEAD`] of them. A request of which a part came is not asked twice.
    pub parts: Option<mpsc::Sender<Value>>,
    /// Cancelled where what the page has by then is enough: it then answers with that.
    pub stop: Option<CancellationToken>,
    /// Whether the page may be asked twice: true where a request changes nothing,
    /// or nothing more the second time.
    pub repeat_safe: bool,
}

impl RequestOptions {
    /// To wait so long for the answer to a request that changes nothing, and for nothing before it.
    #[must_use]
    pub fn within(deadline: Duration) -> Self {
        Self { deadline, progress: None, parts: None, stop: None, repeat_safe: true }
    }
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
        let RequestOptions { progress, parts, stop, repeat_safe, .. } = options;
        let frame = Some(frame);
        let (coming, came) = mpsc::channel(PARTS_AHEAD as usize);
        let parts_in = parts.is_some().then_some(Parts { sender: coming, begun: false });
        let request = InFlight {
            kind: kind.clone(),
            reply,
            progress,
            parts: parts_in,
            repeat_safe,
            frame,
            repeats: 0,
            offered: None,
        };
        if self.0.requests.send(task::Request { id, request }).await.is_err() {
            return Err(gone(kind));
        }
        let mut guard = CancelOnDrop { id, place: Some(place) };
        let listening = Listening { id, came, parts, taken: 0, stop, controls: self.0.controls.clone() };
        let answer = listening.until(answer).await;
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

/// What is done for a request while it is waited for.
struct Listening {
    id: u64,
    /// Parts as the page sent them.
    came: mpsc::Receiver<Value>,
    /// To whoever asked.
    parts: Option<mpsc::Sender<Value>>,
    /// Parts that the page may send again and was not told of.
    taken: u32,
    stop: Option<CancellationToken>,
    controls: mpsc::Sender<Control>,
}

impl Listening {
    /// Passes parts on until the answer is there. All parts came before it.
    async fn until(mut self, mut answer: oneshot::Receiver<Answered>) -> Reply {
        let mut answered = None;
        while answered.is_none() {
            tokio::select! {
                biased;
                () = stopped(self.stop.as_ref()) => self.tell_stop().await,
                Some(part) = self.came.recv() => {
                    if let Some(failed) = self.pass_on(part, &mut answer, &mut answered).await {
                        return failed;
                    }
                }
                reply = &mut answer => answered = Some(reply),
            }
        }
        while let Ok(part) = self.came.try_recv() {
            self.pass_on(part, &mut answer, &mut answered).await;
        }
        answered.unwrap_or_else(|| unreachable!("the loop ends with an answer"))
    }

    /// Waits until there is room for the part. A request that fails meanwhile need not wait for whoever takes parts.
    async fn pass_on(
        &mut self,
        part: Value,
        answer: &mut oneshot::Receiver<Answered>,
        answered: &mut Option<Reply>,
    ) -> Option<Reply> {
        while let Some(parts) = self.parts.clone() {
            tokio::select! {
                place = parts.reserve() => {
                    match place {
                        Ok(place) => place.send(part),
                        // Nobody takes parts any more; the answer is still waited for.
                        Err(_) => self.parts = None,
                    }
                    break;
                }
                () = stopped(self.stop.as_ref()) => self.tell_stop().await,
                reply = &mut *answer, if answered.is_none() => match reply {
                    Ok(Ok(answer)) => *answered = Some(Ok(Ok(answer))),
                    failed => return Some(failed),
                },
            }
        }
        self.taken += 1;
        if self.taken >= PARTS_A_CREDIT {
            // A task that is gone answers the request.
            _ = self.controls.send(Control::Credit { id: self.id, parts: self.taken }).await;
            self.taken = 0;
        }
        None
    }

    async fn tell_stop(&mut self) {
        self.stop = None;
        _ = self.controls.send(Control::Stop { id: self.id }).await;
    }
}

/// What the page said, or why there is no word of it.
type Answered = Result<Answer, LinkError>;
/// The same; an error where the task that would have said it is gone.
type Reply = Result<Answered, oneshot::error::RecvError>;

/// Waits for word that it is enough.
async fn stopped(stop: Option<&CancellationToken>) {
    match stop {
        Some(stop) => stop.cancelled().await,
        None => std::future::pending().await,
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
