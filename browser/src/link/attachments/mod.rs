//! The large tensors of one page's requests. They travel beside the socket: a
//! message names them, and the page gets them over HTTP.
//!
//! [`Attachments`] is what the server sees of a link. An id that it knows was
//! named by a message to this page, is used once, and is forgotten with the
//! request that it belongs to, which holds an [`Offered`]. No HTTP is known here.
//!
//! The other way large tensors stay in the socket, as messages of their own
//! (`incoming.rs`). That was measured: a page reads a response with
//! half the processor time of a message, and sends a POST with one and a half
//! times that of a message, in Chromium and in Firefox.

mod id;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

pub use id::{AttachmentId, NotAnId};

/// The attachments of one page.
#[derive(Default)]
pub(crate) struct Attachments(Mutex<State>);

#[derive(Default)]
struct State {
    is_closed: bool,
    /// `None` where the page has it already.
    offers: HashMap<AttachmentId, Option<Offer>>,
}

/// What the page may get.
pub(crate) struct Offer {
    pub(crate) bytes: Bytes,
    /// Cancelled when the request ends: nobody needs the rest then.
    pub(crate) ended: CancellationToken,
}

/// Why there is no attachment of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// No message named it, or its request has ended.
    Unknown,
    /// It was used already.
    Used,
}

impl Attachments {
    /// Offers bytes to the page until the guard is dropped.
    pub(super) fn offer(self: &Arc<Self>, items: &[(AttachmentId, Bytes)]) -> Offered {
        let ended = CancellationToken::new();
        let mut state = self.state();
        if !state.is_closed {
            let offer = |bytes: &Bytes| Some(Offer { bytes: bytes.clone(), ended: ended.clone() });
            state.offers.extend(items.iter().map(|(id, bytes)| (*id, offer(bytes))));
        }
        drop(state);
        Offered { ids: items.iter().map(|(id, _)| *id).collect(), ended, attachments: Arc::clone(self) }
    }

    /// Gives what was offered, once.
    pub(crate) fn take(&self, id: AttachmentId) -> Result<Offer, Missing> {
        match self.state().offers.get_mut(&id) {
            Some(offer) => offer.take().ok_or(Missing::Used),
            None => Err(Missing::Unknown),
        }
    }

    /// The page is gone: lets go of everything.
    pub(super) fn close(&self) {
        *self.state() = State { is_closed: true, offers: HashMap::new() };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock panics half-way; were it to, the map would still be whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure here is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn an_offer_is_taken_once_and_ends_with_its_guard() {
        let attachments = Arc::new(Attachments::default());
        let id = AttachmentId::draw().unwrap();
        assert_eq!(attachments.take(id).err(), Some(Missing::Unknown));
        let offered = attachments.offer(&[(id, Bytes::from_static(b"x"))]);
        let offer = attachments.take(id).unwrap();
        assert_eq!(offer.bytes, "x");
        assert_eq!(attachments.take(id).err(), Some(Missing::Used));
        assert!(!offer.ended.is_cancelled());
        drop(offered);
        assert!(offer.ended.is_cancelled());
        assert_eq!(attachments.take(id).err(), Some(Missing::Unknown));
        assert!(attachments.state().offers.is_empty());
    }

    #[test]
    fn a_page_that_is_gone_is_offered_nothing() {
        let attachments = Arc::new(Attachments::default());
        let ids = [AttachmentId::draw().unwrap(), AttachmentId::draw().unwrap()];
        let _before = attachments.offer(&[(ids[0], Bytes::new())]);
        attachments.close();
        let _after = attachments.offer(&[(ids[1], Bytes::new())]);
        assert!(ids.into_iter().all(|id| attachments.take(id).err() == Some(Missing::Unknown)));
    }
}
