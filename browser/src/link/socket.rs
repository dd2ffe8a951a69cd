//! One WebSocket: frames wait in line and go out while messages come in. It
//! knows frames by the request they belong to, and nothing of what they say.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures::{Sink, SinkExt, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message,
        protocol::{
            Role, WebSocketConfig,
            frame::{
                Frame as WireFrame,
                coding::{CloseCode, Data, OpCode},
            },
        },
    },
};

use super::{CloseReason, Frame};

/// A message up to this size goes out as one WebSocket frame, which costs a
/// copy and saves the browser a hop for every part.
const WHOLE_BYTES: usize = 64 << 10;
/// Larger ones are cut: tungstenite copies each frame into its buffer and moves
/// what the kernel did not take, so a frame should fit a socket's send buffer.
const CHUNK_BYTES: usize = 256 << 10;
const READ_BYTES: usize = 256 << 10;
/// Messages in line before the callers have to wait.
const LINE: usize = 8;
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// What came of waiting for the other side.
#[derive(Debug)]
pub(crate) enum Event {
    Message(Bytes),
    /// Text, which nothing of this protocol is.
    Text,
    TooLarge,
    /// The browser said that the page went away.
    Left,
    Lost,
}

pub(crate) struct Socket {
    stream: WebSocketStream<Box<dyn Io>>,
    line: VecDeque<(u64, Frame)>,
    chunks: VecDeque<Message>,
    unflushed: bool,
    left: bool,
}

impl Socket {
    /// The server's side of a connection whose upgrade is done.
    pub(crate) async fn new(io: Box<dyn Io>, max_message_bytes: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .max_message_size(Some(max_message_bytes))
            .max_frame_size(Some(max_message_bytes));
        let stream = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        Self { stream, line: VecDeque::new(), chunks: VecDeque::new(), unflushed: false, left: false }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.line.len() < LINE
    }

    pub(crate) fn push(&mut self, id: u64, frame: Frame) {
        self.line.push_back((id, frame));
    }

    /// Takes a request out of the line; `false` where it began to go out before.
    pub(crate) fn withdraw(&mut self, id: u64) -> bool {
        let before = self.line.len();
        self.line.retain(|(waiting, _)| *waiting != id);
        self.line.len() < before
    }

    /// Whether nothing of a request went out yet.
    pub(crate) fn is_waiting(&self, id: u64) -> bool {
        self.line.iter().any(|(waiting, _)| *waiting == id)
    }

    /// Takes every frame of which nothing went out.
    pub(crate) fn take_line(&mut self) -> VecDeque<(u64, Frame)> {
        std::mem::take(&mut self.line)
    }

    /// Sends what waits and yields what comes. Cancel safe.
    pub(crate) async fn next(&mut self) -> Event {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if let Poll::Ready(Err(_)) = self.poll_write(cx) {
            return Poll::Ready(if self.left { Event::Left } else { Event::Lost });
        }
        loop {
            let event = match ready!(Pin::new(&mut self.stream).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) => Event::Message(bytes),
                Some(Ok(Message::Text(_))) => Event::Text,
                Some(Ok(Message::Close(frame))) => {
                    self.left = frame.is_some_and(|frame| frame.code == CloseCode::Away);
                    continue;
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Err(tungstenite::Error::Capacity(_))) => Event::TooLarge,
                Some(Err(_)) | None if self.left => Event::Left,
                Some(Err(_)) | None => Event::Lost,
            };
            return Poll::Ready(event);
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), tungstenite::Error>> {
        loop {
            ready!(Pin::new(&mut self.stream).poll_ready(cx))?;
            if self.chunks.is_empty()
                && let Some((_, frame)) = self.line.pop_front()
            {
                self.chunks = chunks(frame);
            }
            if let Some(chunk) = self.chunks.pop_front() {
                self.unflushed = true;
                Pin::new(&mut self.stream).start_send(chunk)?;
            } else if self.unflushed {
                ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
                self.unflushed = false;
            } else {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Says why and hangs up; gives up on saying it after a while.
    pub(crate) async fn close(mut self, reason: CloseReason) {
        let farewell = async {
            // A message that is half out must not be cut by the close frame, which
            // WebSocket allows between fragments; so nothing has to be finished first.
            if self.stream.send(Message::Close(Some(reason.frame()))).await.is_ok() {
                while let Some(Ok(_)) = self.stream.next().await {}
            }
        };
        if tokio::time::timeout(CLOSE_TIMEOUT, farewell).await.is_err() {
            tracing::debug!(?reason, "the page did not confirm that its socket was closed");
        }
    }
}

fn chunks(frame: Frame) -> VecDeque<Message> {
    let size = frame.size();
    let parts = frame.into_parts();
    if size <= WHOLE_BYTES {
        let mut whole = BytesMut::with_capacity(size);
        parts.iter().for_each(|part| whole.extend_from_slice(part));
        return VecDeque::from([Message::Binary(whole.freeze())]);
    }
    let mut pieces = VecDeque::new();
    for mut part in parts {
        while !part.is_empty() {
            pieces.push_back(part.split_to(part.len().min(CHUNK_BYTES)));
        }
    }
    let last = pieces.len() - 1;
    let piece = |(index, bytes)| {
        let kind = if index == 0 { Data::Binary } else { Data::Continue };
        Message::Frame(WireFrame::message(bytes, OpCode::Data(kind), index == last))
    };
    pieces.into_iter().enumerate().map(piece).collect()
}
