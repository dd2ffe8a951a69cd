//! The large tensors of one page's messages. They travel beside the socket, over
//! HTTP: the page gets what the host offers, and posts what its answers announce.
//!
//! [`Attachments`] is what the server sees of a link. An id that it knows was
//! named by a message of this page, is used once, and is forgotten with the
//! request that it belongs to: [`Offered`] and [`Expected`] are held by that
//! request and forget their ids when they are dropped. No HTTP is known here.

mod collect;
mod id;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::stream::BoxStream;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{AttachmentError, FrameError};

pub(super) use collect::Collection;
pub use id::{AttachmentId, NotAnId};

/// Bodies that may wait for the message that announces them. The page sends the
/// message first, but on another connection.
const EARLY: usize = 64;

/// The attachments of one page.
pub(crate) struct Attachments {
    state: Mutex<State>,
    /// How long a body waits for its announcement.
    pub(crate) announcement_timeout: Duration,
}

#[derive(Default)]
struct State {
    is_closed: bool,
    /// `None` where the page has it already.
    offers: HashMap<AttachmentId, Option<Offer>>,
    /// `None` where its body has come already.
    expected: HashMap<AttachmentId, Option<oneshot::Sender<Upload>>>,
    early: HashMap<AttachmentId, Upload>,
}

/// What the page may get.
pub(crate) struct Offer {
    pub(crate) bytes: Bytes,
    /// Cancelled when the request ends: nobody needs the rest then.
    pub(crate) ended: CancellationToken,
}

/// The body of a request that brings an attachment.
pub(crate) struct Upload {
    /// Its length, where the request says it.
    pub(crate) length: Option<u64>,
    pub(crate) body: BoxStream<'static, std::io::Result<Bytes>>,
    /// What became of it. Dropped where its request ended meanwhile.
    pub(crate) done: oneshot::Sender<Result<(), AttachmentError>>,
}

/// Why there is no attachment of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// No message named it, or its request has ended.
    Unknown,
    /// It was used already.
    Used,
    /// Too many bodies wait for their announcement.
    TooMany,
}

impl Attachments {
    pub(crate) fn new(announcement_timeout: Duration) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), announcement_timeout })
    }

    /// Offers bytes to the page until the guard is dropped.
    pub(super) fn offer(self: &Arc<Self>, items: &[(AttachmentId, Bytes)]) -> Offered {
        let ended = CancellationToken::new();
        let mut state = self.state();
        if !state.is_closed {
            let offer = |bytes: &Bytes| Some(Offer { bytes: bytes.clone(), ended: ended.clone() });
            state.offers.extend(items.iter().map(|(id, bytes)| (*id, offer(bytes))));
        }
        Offered { ids: items.iter().map(|(id, _)| *id).collect(), ended, attachments: Arc::clone(self) }
    }

    /// Gives what was offered, once.
    pub(crate) fn take(&self, id: AttachmentId) -> Result<Offer, Missing> {
        match self.state().offers.get_mut(&id) {
            Some(offer) => offer.take().ok_or(Missing::Used),
            None => Err(Missing::Unknown),
        }
    }

    /// The page announced an attachment.
    ///
    /// # Errors
    /// [`FrameError::AttachmentTwice`].
    fn expect(self: &Arc<Self>, id: AttachmentId) -> Result<Expected, FrameError> {
        let mut state = self.state();
        if state.expected.contains_key(&id) || state.offers.contains_key(&id) {
            return Err(FrameError::AttachmentTwice { id });
        }
        let (sender, upload) = oneshot::channel();
        let waiting = match state.early.remove(&id) {
            // The receiver is in hand: this cannot fail.
            Some(early) => {
                _ = sender.send(early);
                None
            }
            None => Some(sender),
        };
        if !state.is_closed {
            state.expected.insert(id, waiting);
        }
        Ok(Expected { id, upload, attachments: Arc::clone(self) })
    }

    /// A body is here. It waits where it was not announced yet, and
    /// [`retract`](Self::retract) ends the wait.
    pub(crate) fn arrive(&self, id: AttachmentId, upload: Upload) -> Result<(), Missing> {
        let mut state = self.state();
        if state.early.contains_key(&id) || state.offers.contains_key(&id) {
            return Err(Missing::Used);
        }
        match state.expected.get_mut(&id) {
            // Where nobody expects it any more, dropping the upload says so to whoever sent it.
            Some(expected) => _ = expected.take().ok_or(Missing::Used)?.send(upload),
            None if state.is_closed => return Err(Missing::Unknown),
            None if state.early.len() >= EARLY => return Err(Missing::TooMany),
            None => _ = state.early.insert(id, upload),
        }
        Ok(())
    }

    /// Takes back a body that still waits for its announcement; `false` where it was announced.
    pub(crate) fn retract(&self, id: AttachmentId) -> bool {
        self.state().early.remove(&id).is_some()
    }

    /// The page is gone: lets go of everything.
    pub(super) fn close(&self) {
        let mut state = self.state();
        *state = State { is_closed: true, ..State::default() };
    }

    /// Whether no id is known.
    #[cfg(test)]
    fn is_empty(&self) -> bool {
        let state = self.state();
        state.offers.is_empty() && state.expected.is_empty() && state.early.is_empty()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock panics half-way; were it to, the maps would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps attachments on offer.
pub(super) struct Offered {
    ids: Vec<AttachmentId>,
    ended: CancellationToken,
    attachments: Arc<Attachments>,
}

impl Drop for Offered {
    fn drop(&mut self) {
        self.ended.cancel();
        let mut state = self.attachments.state();
        for id in &self.ids {
            state.offers.remove(id);
        }
    }
}

impl std::fmt::Debug for Offered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Offered").field("ids", &self.ids).finish_non_exhaustive()
    }
}

/// An attachment that was announced.
struct Expected {
    id: AttachmentId,
    upload: oneshot::Receiver<Upload>,
    attachments: Arc<Attachments>,
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.attachments.state().expected.remove(&self.id);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure here is a failed test")]
mod tests {
    use futures::StreamExt;

    use super::*;

    fn upload() -> (Upload, oneshot::Receiver<Result<(), AttachmentError>>) {
        let (done, outcome) = oneshot::channel();
        (Upload { length: None, body: futures::stream::empty().boxed(), done }, outcome)
    }

    #[test]
    fn an_offer_is_taken_once_and_ends_with_its_guard() {
        let attachments = Attachments::new(Duration::ZERO);
        let id = AttachmentId::draw().unwrap();
        assert_eq!(attachments.take(id).err(), Some(Missing::Unknown));
        let offered = attachments.offer(&[(id, Bytes::from_static(b"x"))]);
        let offer = attachments.take(id).unwrap();
        assert_eq!(attachments.take(id).err(), Some(Missing::Used));
        assert_eq!(attachments.arrive(id, upload().0).err(), Some(Missing::Used), "it is not for posting");
        drop(offered);
        assert!(offer.ended.is_cancelled());
        assert_eq!(attachments.take(id).err(), Some(Missing::Unknown));
        assert!(attachments.is_empty());
    }

    #[tokio::test]
    async fn a_body_finds_its_announcement_before_and_after() {
        let attachments = Attachments::new(Duration::ZERO);
        for is_early in [false, true] {
            let id = AttachmentId::draw().unwrap();
            let mut expected = (!is_early).then(|| attachments.expect(id).unwrap());
            attachments.arrive(id, upload().0).unwrap();
            assert_eq!(attachments.arrive(id, upload().0).err(), Some(Missing::Used));
            let mut expected = expected.take().unwrap_or_else(|| attachments.expect(id).unwrap());
            assert!(matches!(attachments.expect(id), Err(FrameError::AttachmentTwice { .. })));
            assert_eq!(attachments.arrive(id, upload().0).err(), Some(Missing::Used));
            assert!(!attachments.retract(id));
            assert!(expected.upload.try_recv().is_ok());
            drop(expected);
            assert!(attachments.is_empty());
        }
    }

    #[tokio::test]
    async fn bodies_without_an_announcement_are_bounded_and_go_with_the_page() {
        let attachments = Attachments::new(Duration::ZERO);
        let mut waiting: Vec<_> = (0..EARLY)
            .map(|_| {
                let (upload, outcome) = upload();
                let id = AttachmentId::draw().unwrap();
                attachments.arrive(id, upload).unwrap();
                (id, outcome)
            })
            .collect();
        let another = AttachmentId::draw().unwrap();
        assert_eq!(attachments.arrive(another, upload().0).err(), Some(Missing::TooMany));
        assert!(attachments.retract(waiting.remove(0).0));
        attachments.arrive(another, upload().0).unwrap();
        attachments.close();
        for (_, outcome) in waiting {
            assert!(outcome.await.is_err());
        }
        assert_eq!(attachments.arrive(AttachmentId::draw().unwrap(), upload().0).err(), Some(Missing::Unknown));
        drop(attachments.offer(&[(another, Bytes::new())]));
        assert!(attachments.is_empty());
    }
}
