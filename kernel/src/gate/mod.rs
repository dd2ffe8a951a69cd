//! The gate before each ZeroMQ socket: it listens where clients connect, and
//! carries bytes to and from the socket, which listens in a folder that only
//! this user can enter.
//!
//! ZeroMQ's library takes any length that a frame announces and reserves it; one
//! header of nine bytes would end the process before any signature is checked.
//! (`zeromq` 0.7 bounds what is read at a time, not a message. Once it has a
//! maximum message size, `frames` can go; the deadlines must stay.)
//! So a message larger than [`LIMITS`] ends its connection here, and so do a
//! client that never greets and one that takes nothing for [`STALL`], which would
//! hold the output of all others back. It knows nothing of Jupyter.

mod frames;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::unix::OwnedReadHalf;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use self::frames::{Frames, Limits};
use crate::connection::Address;

/// What one message may take: a notebook with its largest cell is a thousandth of it.
const LIMITS: Limits = Limits { bytes: 64 << 20, frames: 1024 };
/// Clients of one channel.
const CONNECTIONS: usize = 128;
/// From a connection to its greeting.
const GREETING: Duration = Duration::from_secs(10);
/// How long a client may take nothing of what waits for it.
const STALL: Duration = Duration::from_secs(10);
/// Wait after a connection could not be accepted, as where files run out.
const RETRY: Duration = Duration::from_millis(100);
const CHUNK: usize = 64 << 10;

/// The gate of one channel.
#[derive(Debug)]
pub(crate) struct Gate {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// How a socket lets go of its last messages once it is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    /// It writes them from a queue and then ends its connections.
    Queued,
    /// It wrote them before it was dropped, and leaves its connections open.
    Written,
}

enum Listener {
    Tcp(TcpListener),
    Ipc(UnixListener, PathBuf),
}

impl Gate {
    /// Listens at `address`; what comes goes to the socket at `inner`.
    pub(crate) async fn open(channel: &'static str, address: &Address, inner: PathBuf, last: Last) -> io::Result<Self> {
        let listener = match address {
            Address::Tcp(address) => Listener::Tcp(TcpListener::bind(address).await?),
            Address::Ipc(path) => Listener::Ipc(listen(path).await?, path.clone()),
        };
        let (stop, stopped) = watch::channel(false);
        let way = Way { channel, inner, last, stopped };
        Ok(Self { stop, task: tokio::spawn(accept(listener, way)) })
    }

    /// Takes no new client. Once the socket behind is dropped, waits until its
    /// last bytes are with the clients, or for the deadline.
    pub(crate) async fn close(self, deadline: Duration) {
        self.stop.send_replace(true);
        let abort = self.task.abort_handle();
        if tokio::time::timeout(deadline, self.task).await.is_err() {
            abort.abort();
        }
    }
}

/// A socket file that nobody listens at is what a killed kernel left.
async fn listen(path: &Path) -> io::Result<UnixListener> {
    if path.exists() && UnixStream::connect(path).await.is_err() {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(listener)
}

/// What each client's task knows.
#[derive(Clone)]
struct Way {
    channel: &'static str,
    inner: PathBuf,
    last: Last,
    stopped: watch::Receiver<bool>,
}

impl Way {
    /// Waits for the word to stop, or for the end of who could give it.
    async fn stopped(&self) {
        let _ = self.stopped.clone().wait_for(|stopped| *stopped).await;
    }
}

async fn accept(listener: Listener, way: Way) {
    let channel = way.channel;
    let mut clients = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = way.stopped() => break,
            Some(_) = clients.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(_) if clients.len() >= CONNECTIONS => {
                tracing::warn!(channel, limit = CONNECTIONS, "a client was turned away: too many are connected");
            }
            Ok(outer) => {
                clients.spawn(carry(outer, way.clone()));
            }
            Err(error) => {
                tracing::warn!(channel, %error, "a client was not accepted");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
    if let Listener::Ipc(_, path) = &listener {
        let _ = std::fs::remove_file(path);
    }
    drop(listener);
    while clients.join_next().await.is_some() {}
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Listener {
    async fn accept(&self) -> io::Result<Box<dyn Duplex>> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            Self::Ipc(listener, _) => Ok(Box::new(listener.accept().await?.0)),
        }
    }
}

/// Carries bytes both ways until one side ends.
async fn carry(outer: Box<dyn Duplex>, way: Way) {
    let carried = async {
        let (inner_read, inner_write) = UnixStream::connect(&way.inner).await?.into_split();
        let (outer_read, outer_write) = tokio::io::split(outer);
        tokio::select! {
            ended = inbound(outer_read, inner_write) => ended,
            ended = outbound(inner_read, outer_write, &way) => ended,
        }
    };
    if let Err(error) = carried.await {
        tracing::warn!(channel = way.channel, %error, "a client was disconnected");
    }
}

/// From the client to the socket, as far as its messages are of a size to bear.
async fn inbound(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    let mut frames = Frames::new(LIMITS);
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = if frames.is_greeted() {
            from.read(&mut chunk).await
        } else {
            let greeted = tokio::time::timeout(GREETING, from.read(&mut chunk)).await;
            greeted.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "it did not greet")))
        };
        let bytes = match read {
            Ok(0) => return Ok(()),
            Ok(length) => &chunk[..length],
            // A client that is gone is not news.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(()),
            Err(error) => return Err(error),
        };
        frames.advance(bytes).map_err(|large| {
            let what = format!("it announced a message of {} bytes in {} frames", large.bytes, large.frames);
            io::Error::new(io::ErrorKind::InvalidData, what)
        })?;
        to.write_all(bytes).await?;
    }
}

/// From the socket to the client.
async fn outbound(mut from: OwnedReadHalf, mut to: impl AsyncWrite + Unpin, way: &Way) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = tokio::select! {
            biased;
            length = from.read(&mut chunk) => length?,
            () = way.stopped(), if way.last == Last::Written => 0,
        };
        if length == 0 {
            return to.shutdown().await;
        }
        let written = tokio::time::timeout(STALL, to.write_all(&chunk[..length])).await;
        written.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "it takes no more messages")))?;
    }
}
