//! Who may come in: tokens for pages, cookies for what pages fetch. Everything
//! here is decided under one lock and nothing waits.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rand::{TryRngCore, rngs::OsRng};
use subtle::ConstantTimeEq;
use tokio::{sync::oneshot, time::Instant};

use super::error::{Refusal, ServerError};
use crate::link::{CloseReason, Entrance, Link, Socket, attachments::Attachments};

/// 256 bits from the operating system, as hexadecimal digits. Has no `Debug`.
#[derive(Clone)]
pub(super) struct Secret(Arc<str>);

impl Secret {
    pub(super) fn new() -> Result<Self, ServerError> {
        let mut bytes = [0; 32];
        OsRng.try_fill_bytes(&mut bytes).map_err(|error| ServerError::Random { message: error.to_string() })?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()))
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// In a time that does not tell how much of it was right.
    fn is(&self, presented: &str) -> bool {
        self.0.as_bytes().ct_eq(presented.as_bytes()).into()
    }
}

/// An open invitation: the address to open, and the page that will come of it.
#[derive(Debug)]
pub struct Invitation {
    url: String,
    page: oneshot::Receiver<Link>,
    until: Instant,
    timeout: Duration,
}

impl Invitation {
    /// The address to open in a browser, once. It holds the token: keep it from logs.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits until the page is there. Dropping the invitation, or this future, revokes it.
    ///
    /// # Errors
    /// [`ServerError::NobodyCame`] after the invitation's time, [`ServerError::Stopped`].
    pub async fn link(self) -> Result<Link, ServerError> {
        match tokio::time::timeout_at(self.until, self.page).await {
            Ok(Ok(link)) => Ok(link),
            Ok(Err(_)) => Err(ServerError::Stopped),
            Err(_) => Err(ServerError::NobodyCame { waited: self.timeout }),
        }
    }
}

/// One invited page.
struct Page {
    token: Secret,
    /// Set when the page was loaded. Pages of one browser profile share a cookie
    /// jar, so they share the cookie too.
    cookie: Option<Secret>,
    seat: Seat,
}

enum Seat {
    Free { until: Instant, link: Option<oneshot::Sender<Link>> },
    Taken { page_id: String, entrance: Entrance },
}

impl Page {
    fn is_over(&self, now: Instant) -> bool {
        match &self.seat {
            Seat::Free { until, link } => now >= *until || link.as_ref().is_none_or(oneshot::Sender::is_closed),
            Seat::Taken { entrance, .. } => entrance.sockets.is_closed(),
        }
    }
}

/// Every page that was invited and is not gone.
#[derive(Default)]
pub(super) struct Guests(Mutex<Vec<Page>>);

impl Guests {
    pub(super) fn invite(&self, base: &str, timeout: Duration) -> Result<Invitation, ServerError> {
        let token = Secret::new()?;
        let (link, page) = oneshot::channel();
        let until = Instant::now() + timeout;
        let url = format!("{base}/?token={}", token.expose());
        self.pages().push(Page { token, cookie: None, seat: Seat::Free { until, link: Some(link) } });
        Ok(Invitation { url, page, until, timeout })
    }

    /// A browser loads the page. Returns the cookie that it is to keep.
    pub(super) fn load(&self, token: &str, fresh: Secret, has: Option<&str>) -> Result<Secret, Refusal> {
        let mut pages = self.pages();
        let kept = has.and_then(|has| pages.iter().filter_map(|page| page.cookie.as_ref()).find(|held| held.is(has)));
        let cookie = kept.cloned().unwrap_or(fresh);
        let page = find(&mut pages, token)?;
        if page.cookie.is_some() {
            return Err(Refusal::Used);
        }
        page.cookie = Some(cookie.clone());
        Ok(cookie)
    }

    pub(super) fn has_cookie(&self, presented: &str) -> bool {
        self.pages().iter().filter_map(|page| page.cookie.as_ref()).any(|cookie| cookie.is(presented))
    }

    pub(super) fn has_token(&self, token: &str) -> Result<(), Refusal> {
        find(&mut self.pages(), token).map(|_| ())
    }

    /// The attachments of the page that has this token.
    pub(super) fn attachments(&self, token: &str) -> Result<Arc<Attachments>, Refusal> {
        match &find(&mut self.pages(), token)?.seat {
            Seat::Taken { entrance, .. } => Ok(Arc::clone(&entrance.attachments)),
            Seat::Free { .. } => Err(Refusal::NoHello),
        }
    }

    /// A page says hello. The token belongs to the first `page_id`: its socket
    /// goes to `start`, and later ones to the link that came of it.
    ///
    /// # Errors
    /// The socket comes back with the reason why it must be closed.
    pub(super) fn welcome(
        &self,
        token: &str,
        page_id: &str,
        socket: Socket,
        start: impl FnOnce(Socket) -> (Link, Entrance),
    ) -> Result<(), (Box<Socket>, CloseReason)> {
        let mut pages = self.pages();
        let Ok(page) = find(&mut pages, token) else { return Err((Box::new(socket), CloseReason::NotInvited)) };
        match &mut page.seat {
            Seat::Free { link, .. } => {
                let Some(waiting) = link.take() else { return Err((Box::new(socket), CloseReason::NotInvited)) };
                let (link, entrance) = start(socket);
                page.seat = Seat::Taken { page_id: page_id.to_owned(), entrance };
                // Where nobody waits any more, dropping the link closes the page.
                _ = waiting.send(link);
                Ok(())
            }
            Seat::Taken { page_id: owner, entrance } if owner == page_id => entrance
                .sockets
                .try_send(socket)
                // Full: the page opens sockets faster than its link can take them.
                .map_err(|error| (Box::new(error.into_inner()), CloseReason::Replaced)),
            Seat::Taken { .. } => Err((Box::new(socket), CloseReason::NotInvited)),
        }
    }

    /// The pages that are not over.
    fn pages(&self) -> MutexGuard<'_, Vec<Page>> {
        // Nothing under this lock panics half-way; were it to, the list would still be whole.
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        pages.retain(|page| !page.is_over(now));
        pages
    }
}

fn find<'a>(pages: &'a mut [Page], token: &str) -> Result<&'a mut Page, Refusal> {
    pages.iter_mut().find(|page| page.token.is(token)).ok_or(Refusal::Token)
}
