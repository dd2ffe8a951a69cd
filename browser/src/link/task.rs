//! The task that owns a page's socket and its requests in flight. Handles reach
//! it through bounded channels; it alone decides what is sent, repeated or ended.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use pelago_protocol::{Cancel, Credit, Header, Stop};
use serde_json::Value;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    CloseReason, Event, Frame, FrameError, GoneReason, LinkOptions, LinkState, Socket,
    attachments::Attachments,
    heartbeat::{Beat, Heartbeat},
    in_flight::{InFlight, Requests},
    incoming::{Incoming, Unreadable},
};

/// The `id` of a message that nothing answers.
const NO_ANSWER: u64 = 0;

#[derive(Debug)]
pub(super) struct Request {
    pub(super) id: u64,
    pub(super) request: InFlight,
}

/// What is told a page of a request that it works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    /// It may send more parts.
    Credit { id: u64, parts: u32 },
    /// What it has by then is enough.
    Stop { id: u64 },
}

/// The task's ends of what it shares with handles and server.
pub(super) struct Ends {
    pub(super) requests: mpsc::Receiver<Request>,
    pub(super) cancels: mpsc::Receiver<u64>,
    pub(super) controls: mpsc::Receiver<Control>,
    pub(super) sockets: mpsc::Receiver<Socket>,
    pub(super) state: watch::Sender<LinkState>,
    pub(super) ids: Arc<AtomicU64>,
    pub(super) attachments: Arc<Attachments>,
}

pub(super) struct Task {
    connection: Connection,
    in_flight: Requests,
    /// A message of which tensors are to follow.
    incoming: Option<Incoming>,
    ends: Ends,
    options: LinkOptions,
    closing: CancellationToken,
    server: CancellationToken,
}

enum Connection {
    Open { socket: Box<Socket>, heartbeat: Heartbeat },
    Lost { until: Instant },
}

impl Task {
    pub(super) fn new(
        socket: Socket,
        ends: Ends,
        options: LinkOptions,
        closing: CancellationToken,
        server: CancellationToken,
    ) -> Self {
        let connection = Connection::open(socket, &options);
        let in_flight = Requests::new(Arc::clone(&ends.attachments));
        Self { connection, in_flight, incoming: None, ends, options, closing, server }
    }

    pub(super) async fn run(mut self) {
        let reason = loop {
            if let Err(reason) = self.step().await {
                break reason;
            }
        };
        // First the state, so that whoever finds the channels closed finds the reason too.
        self.ends.state.send_replace(LinkState::Gone(reason));
        let socket = match self.connection {
            Connection::Open { socket, .. } => Some(socket),
            Connection::Lost { .. } => None,
        };
        self.in_flight.end(reason, |id| socket.as_ref().is_some_and(|socket| socket.is_waiting(id)));
        self.ends.attachments.close();
        drop(self.ends);
        if let Some(socket) = socket {
            socket.close(CloseReason::Done).await;
        }
    }

    /// Waits for one thing to happen and deals with it.
    async fn step(&mut self) -> Result<(), GoneReason> {
        let (has_room, due) = match &self.connection {
            Connection::Open { socket, heartbeat } => (socket.has_room(), heartbeat.due()),
            Connection::Lost { until } => (false, *until),
        };
        tokio::select! {
            event = self.connection.next() => self.on_event(event)?,
            Some(Request { id, request }) = self.ends.requests.recv(), if has_room => self.on_request(id, request),
            id = self.ends.cancels.recv() => self.on_cancel(id.ok_or(GoneReason::Closed)?),
            Some(control) = self.ends.controls.recv() => self.on_control(control),
            Some(socket) = self.ends.sockets.recv() => self.on_socket(socket),
            () = tokio::time::sleep_until(due) => self.on_time()?,
            () = self.closing.cancelled() => return Err(GoneReason::Closed),
            () = self.server.cancelled() => return Err(GoneReason::ServerStopped),
        }
        Ok(())
    }

    fn on_event(&mut self, event: Event) -> Result<(), GoneReason> {
        match event {
            Event::Message(message) => self.on_message(message),
            Event::Text => self.hang_up(CloseReason::Malformed),
            Event::TooLarge => self.hang_up(CloseReason::TooLarge),
            Event::Left => return Err(GoneReason::PageLeft),
            Event::Lost => self.on_lost(),
        }
        Ok(())
    }

    fn on_message(&mut self, message: Bytes) {
        let read = match self.incoming.take() {
            Some(incoming) => incoming.follow(message),
            None => Incoming::read(&message, self.options.max_frame_bytes),
        };
        match read {
            Ok(incoming) if incoming.is_whole() => self.on_whole(incoming),
            Ok(incoming) => self.incoming = Some(incoming),
            Err(Unreadable { id, error }) => {
                tracing::warn!(%error, "the page sent a message that cannot be read");
                // Where a message begins that follows a broken one, nobody knows.
                let is_lost = !matches!(error, FrameError::Header { .. });
                let is_told = id.is_some_and(|id| self.in_flight.fail(id, error));
                // Otherwise some request may wait for it: better interrupted now than at its deadline.
                if is_lost || !is_told {
                    return self.hang_up(CloseReason::Malformed);
                }
            }
        }
        if let Connection::Open { heartbeat, .. } = &mut self.connection {
            heartbeat.heard(Instant::now(), !self.in_flight.is_empty());
        }
    }

    fn on_whole(&mut self, incoming: Incoming) {
        let header = &incoming.header;
        match (header.kind.as_str(), header.attachments.len()) {
            (_, count @ 1..) => _ = self.in_flight.fail(header.id, FrameError::Attachments { count }),
            ("result" | "error" | "progress", 0) => self.in_flight.answer(incoming),
            ("part", 0) => {
                let id = header.id;
                if !self.in_flight.part(id, incoming.header.data) {
                    self.tell(cancel(id));
                }
            }
            ("pong", 0) => {}
            (kind, 0) => tracing::warn!(kind, "the page sent a message of a type that the host does not know"),
        }
    }

    fn on_request(&mut self, id: u64, mut request: InFlight) {
        if request.reply.is_closed() {
            return;
        }
        let Connection::Open { socket, heartbeat } = &mut self.connection else { return };
        let frame = if request.repeat_safe { request.frame.clone() } else { request.frame.take() };
        if let Some(frame) = frame {
            self.in_flight.insert(id, request, &frame);
            socket.push(id, frame);
            heartbeat.asked();
        }
    }

    fn on_cancel(&mut self, id: u64) {
        if self.in_flight.remove(id).is_none() {
            return;
        }
        if let Connection::Open { socket, .. } = &mut self.connection
            && !socket.withdraw(id)
            && let Some(frame) = cancel(id)
        {
            socket.push(NO_ANSWER, frame);
        }
    }

    fn on_control(&mut self, control: Control) {
        let (id, frame) = match control {
            Control::Credit { id, parts } => {
                (id, data(&Credit { target: id, parts }).and_then(|data| told("credit", data)))
            }
            Control::Stop { id } => (id, data(&Stop { target: id }).and_then(|data| told("stop", data))),
        };
        // A page that lost its socket begins the request again, or has been told that it ended.
        if self.in_flight.has(id) {
            self.tell(frame);
        }
    }

    fn tell(&mut self, frame: Option<Frame>) {
        if let (Connection::Open { socket, .. }, Some(frame)) = (&mut self.connection, frame) {
            socket.push(NO_ANSWER, frame);
        }
    }

    fn on_socket(&mut self, socket: Socket) {
        self.hang_up(CloseReason::Replaced);
        self.connection = Connection::open(socket, &self.options);
        if let Connection::Open { socket, heartbeat } = &mut self.connection {
            for (id, frame) in self.in_flight.resume() {
                socket.push(id, frame);
                heartbeat.asked();
            }
        }
        self.ends.state.send_replace(LinkState::Connected);
    }

    fn on_time(&mut self) -> Result<(), GoneReason> {
        let Connection::Open { socket, heartbeat } = &mut self.connection else {
            return Err(GoneReason::Lost { waited: self.options.reconnect_grace });
        };
        match heartbeat.tick(Instant::now()) {
            Beat::Nothing => {}
            Beat::Ping => {
                let id = self.ends.ids.fetch_add(1, Ordering::Relaxed);
                if let Some(frame) = control(id, "ping", Value::Null) {
                    socket.push(id, frame);
                }
            }
            Beat::Silent => self.hang_up(CloseReason::Silent),
        }
        Ok(())
    }

    /// Closes the socket, which the page may open again.
    fn hang_up(&mut self, reason: CloseReason) {
        if let Some(mut socket) = self.lose() {
            let line = socket.take_line();
            self.in_flight.interrupt(line);
            // The old socket has nothing to say any more; its farewell must not hold up the new one.
            tokio::spawn(socket.close(reason));
        }
    }

    fn on_lost(&mut self) {
        if let Some(mut socket) = self.lose() {
            self.in_flight.interrupt(socket.take_line());
        }
    }

    fn lose(&mut self) -> Option<Box<Socket>> {
        let lost = Connection::Lost { until: Instant::now() + self.options.reconnect_grace };
        match std::mem::replace(&mut self.connection, lost) {
            Connection::Open { socket, .. } => {
                self.incoming = None;
                self.ends.state.send_replace(LinkState::Interrupted);
                Some(socket)
            }
            already @ Connection::Lost { .. } => {
                self.connection = already;
                None
            }
        }
    }
}

impl Connection {
    fn open(socket: Socket, options: &LinkOptions) -> Self {
        let LinkOptions { heartbeat_interval, silence_timeout, busy_silence_timeout, .. } = *options;
        let heartbeat = Heartbeat::new(Instant::now(), heartbeat_interval, silence_timeout, busy_silence_timeout);
        Self::Open { socket: Box::new(socket), heartbeat }
    }

    /// Never ends while there is no socket.
    async fn next(&mut self) -> Event {
        match self {
            Self::Open { socket, .. } => socket.next().await,
            Self::Lost { .. } => std::future::pending().await,
        }
    }
}

fn cancel(target: u64) -> Option<Frame> {
    told("cancel", data(&Cancel { target })?)
}

/// A message that nothing answers.
fn told(kind: &str, data: Value) -> Option<Frame> {
    control(NO_ANSWER, kind, data)
}

fn data<T: serde::Serialize>(of: &T) -> Option<Value> {
    serde_json::to_value(of).ok()
}

fn control(id: u64, kind: &str, data: Value) -> Option<Frame> {
    Frame::encode(Header::new(id, kind, data), Vec::new(), usize::MAX).ok()
}
