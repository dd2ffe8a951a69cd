//! The link to one page: requests go out, answers come back, over one WebSocket
//! that may be lost and reopened.
//!
//! One task ([`task`]) owns the socket and every request in flight; a [`Link`]
//! is a cheap handle to it. When the last handle is dropped, the page is told
//! that it is no longer needed. What a request means, the link does not know.
//!
//! A page that loses its socket opens another within
//! [`LinkOptions::reconnect_grace`]. Requests of which nothing went out are then
//! sent; those that are `repeat_safe` are sent again, under the same id; all
//! others end with [`LinkError::Interrupted`] at once.
//!
//! A request may have parts, which come before its answer, in order. None is lost:
//! the page sends one only where the host has room for it. [`PARTS_AHEAD`](pelago_protocol::PARTS_AHEAD)
//! may be on their way at once, and a `credit` says how many were taken.
//!
//! Tensors of [`ATTACHMENT_BYTES`](pelago_protocol::ATTACHMENT_BYTES) or more go to
//! the page beside the socket: a message names them, and the page gets them over
//! HTTP from the server that it was loaded from. See [`attachments`]. Those of an
//! answer follow it through the socket, each as a message of its own.

mod answer;
pub(crate) mod attachments;
mod close;
mod error;
pub mod frame;
mod heartbeat;
mod in_flight;
mod incoming;
mod request;
mod socket;
mod task;

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use pelago_protocol::{Hello, REQUESTS_A_PAGE};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

pub use answer::Answer;
use attachments::Attachments;
pub use attachments::{AttachmentId, NotAnId};
pub use close::CloseReason;
pub use error::{FrameError, GoneReason, LinkError};
pub use frame::Frame;
pub use request::{Message, RequestOptions};
pub(crate) use socket::{Event, Io, Socket};

/// How a link behaves.
#[derive(Clone, Debug)]
pub struct LinkOptions {
    /// Bytes that a message may have, in either direction, with all its tensors.
    pub max_frame_bytes: usize,
    /// Requests that a page may have to answer at once; further ones wait.
    pub max_in_flight: usize,
    /// How long a page that opened its socket may take to say `hello`.
    pub hello_timeout: Duration,
    /// How often the page is asked for a sign of life.
    pub heartbeat_interval: Duration,
    /// How long an idle page may be silent.
    pub silence_timeout: Duration,
    /// How long a page that has requests to answer may be silent: its main
    /// thread may compute all the while.
    pub busy_silence_timeout: Duration,
    /// How long a page that lost its socket may take to open another.
    pub reconnect_grace: Duration,
}

impl Default for LinkOptions {
    fn default() -> Self {
        Self {
            max_frame_bytes: 1 << 30,
            max_in_flight: REQUESTS_A_PAGE as usize,
            hello_timeout: Duration::from_secs(10),
            heartbeat_interval: Duration::from_secs(5),
            silence_timeout: Duration::from_secs(20),
            busy_silence_timeout: Duration::from_secs(180),
            reconnect_grace: Duration::from_secs(10),
        }
    }
}

/// Where a link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// The page has its socket open.
    Connected,
    /// The socket was lost; the page may still come back.
    Interrupted,
    /// The page will not come back.
    Gone(GoneReason),
}

/// A handle to one page.
#[derive(Clone, Debug)]
pub struct Link(Arc<Shared>);

/// Where what the server gets from a page goes.
pub(crate) struct Entrance {
    /// Sockets that the page opens after its first.
    pub(crate) sockets: mpsc::Sender<Socket>,
    /// Tensors that the page gets.
    pub(crate) attachments: Arc<Attachments>,
}

#[derive(Debug)]
struct Shared {
    hello: Hello,
    max_frame_bytes: usize,
    ids: Arc<AtomicU64>,
    requests: mpsc::Sender<task::Request>,
    /// Has a place for each request in flight, taken before the request goes
    /// out, so that taking it back never has to wait.
    cancels: mpsc::Sender<u64>,
    controls: mpsc::Sender<task::Control>,
    state: watch::Receiver<LinkState>,
    closing: CancellationToken,
}

impl Link {
    /// Starts the task of a page that has said hello.
    pub(crate) fn start(
        socket: Socket,
        hello: Hello,
        options: LinkOptions,
        server: &CancellationToken,
    ) -> (Self, Entrance) {
        let (requests, requested) = mpsc::channel(1);
        let (cancels, cancelled) = mpsc::channel(options.max_in_flight.max(1));
        let (controls, controlled) = mpsc::channel(1);
        let (sockets, reopened) = mpsc::channel(1);
        let (state, state_seen) = watch::channel(LinkState::Connected);
        let ids = Arc::new(AtomicU64::new(1));
        let closing = CancellationToken::new();
        let attachments = Arc::new(Attachments::default());
        let link = Self(Arc::new(Shared {
            hello,
            max_frame_bytes: options.max_frame_bytes,
            ids: Arc::clone(&ids),
            requests,
            cancels,
            controls,
            state: state_seen,
            closing: closing.clone(),
        }));
        let entrance = Entrance { sockets, attachments: Arc::clone(&attachments) };
        let ends = task::Ends {
            requests: requested,
            cancels: cancelled,
            controls: controlled,
            sockets: reopened,
            state,
            ids,
            attachments,
        };
        tokio::spawn(task::Task::new(socket, ends, options, closing, server.clone()).run());
        (link, entrance)
    }

    /// What the page said of itself when it connected first.
    #[must_use]
    pub fn hello(&self) -> &Hello {
        &self.0.hello
    }

    /// Where the link stands now.
    #[must_use]
    pub fn state(&self) -> LinkState {
        *self.0.state.borrow()
    }

    /// Waits until the socket is lost, be it for a moment or for good.
    pub async fn interrupted(&self) {
        let mut state = self.0.state.clone();
        // The task that sends states is gone only after it sent the last one.
        let _ = state.wait_for(|state| *state != LinkState::Connected).await;
    }

    /// Waits until the page is gone for good.
    pub async fn closed(&self) -> GoneReason {
        let mut state = self.0.state.clone();
        loop {
            if let LinkState::Gone(reason) = *state.borrow_and_update() {
                return reason;
            }
            if state.changed().await.is_err() {
                return GoneReason::Closed;
            }
        }
    }

    /// Tells the page that it is no longer needed and ends every request.
    pub async fn close(&self) {
        self.0.closing.cancel();
        self.closed().await;
    }
}
