//! The five channels of a kernel, each behind its gate. They listen before
//! anything else of the kernel exists, so a client that connects early waits
//! instead of being refused.

mod heartbeat;
mod incoming;
mod iopub;
mod stdin;

use std::sync::Arc;
use std::time::Duration;

use jupyter_zmq_client::{Connection as Signed, RouterRecvConnection, RouterSendConnection};
use tempfile::TempDir;
use zeromq::{RouterSocket, Socket, XPubSocket};

pub(crate) use self::heartbeat::echo;
pub(crate) use self::incoming::{Dropped, Incoming, Requests};
#[cfg(test)]
pub(crate) use self::iopub::Published;
pub(crate) use self::iopub::{Iopub, Publisher};
pub(crate) use self::stdin::Stdin;
use crate::connection::{Address, Connection};
use crate::error::KernelError;
use crate::gate::{Gate, Last};
use crate::wire::Message;

/// How long a message may wait for the queue to its client.
pub(crate) const SEND_DEADLINE: Duration = Duration::from_secs(10);
/// From the end of the sockets to the end of what they still had to say.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// The channels, ready to be used.
pub(crate) struct Sockets {
    pub(crate) shell: (Requests, Replies),
    pub(crate) control: (Requests, Replies),
    pub(crate) stdin: (Requests, Replies),
    pub(crate) iopub: Signed<XPubSocket>,
    pub(crate) heartbeat: RouterSocket,
    pub(crate) dropped: Arc<Dropped>,
    pub(crate) gates: Gates,
}

/// The gates and the folder of the sockets behind them.
pub(crate) struct Gates {
    gates: Vec<Gate>,
    /// Removed, with what is in it, when this is dropped.
    folder: TempDir,
}

impl Gates {
    /// To be called once the sockets are dropped: their last messages reach the clients.
    pub(crate) async fn close(self) {
        let closing = self.gates.into_iter().map(|gate| gate.close(CLOSE_DEADLINE));
        futures::future::join_all(closing).await;
    }
}

/// Answers on one channel, from any task.
#[derive(Clone)]
pub(crate) struct Replies(Arc<tokio::sync::Mutex<RouterSendConnection>>);

impl Replies {
    /// Sends to the client that the message names. One that is gone misses it.
    pub(crate) async fn send(&self, message: Message) {
        let kind = message.kind().to_owned();
        let sent =
            tokio::time::timeout(SEND_DEADLINE, async { self.0.lock().await.send(message.into_jupyter()).await });
        match sent.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(kind, %error, "a message did not reach its client"),
            Err(_) => tracing::warn!(kind, "a message did not reach its client in time"),
        }
    }
}

impl Sockets {
    /// Listens on all channels. `session` is what the kernel calls itself in its messages.
    pub(crate) async fn bind(connection: &Connection, session: &str) -> Result<Self, KernelError> {
        let folder = tempfile::Builder::new()
            .prefix("pelago-kernel-")
            .tempdir()
            .map_err(|source| KernelError::Folder { source })?;
        let mut gates = Gates { gates: Vec::new(), folder };
        let dropped = Arc::<Dropped>::default();
        let mut shell = RouterSocket::new();
        gates.open("shell", &connection.shell, &mut shell, Last::Queued).await?;
        let mut control = RouterSocket::new();
        gates.open("control", &connection.control, &mut control, Last::Queued).await?;
        let mut stdin = RouterSocket::new();
        gates.open("stdin", &connection.stdin, &mut stdin, Last::Queued).await?;
        let mut iopub = XPubSocket::new();
        gates.open("iopub", &connection.iopub, &mut iopub, Last::Written).await?;
        let mut heartbeat = RouterSocket::new();
        gates.open("heartbeat", &connection.heartbeat, &mut heartbeat, Last::Queued).await?;
        let halves = |channel, socket: RouterSocket| -> (Requests, Replies) {
            let (send, receive): (RouterSendConnection, RouterRecvConnection) =
                Signed::new(socket, &connection.key, session).split();
            let requests = Requests::new(channel, receive, Arc::clone(&dropped));
            (requests, Replies(Arc::new(tokio::sync::Mutex::new(send))))
        };
        Ok(Self {
            shell: halves("shell", shell),
            control: halves("control", control),
            stdin: halves("stdin", stdin),
            iopub: Signed::new(iopub, &connection.key, session),
            heartbeat,
            dropped,
            gates,
        })
    }
}

impl Gates {
    async fn open(
        &mut self,
        channel: &'static str,
        address: &Address,
        socket: &mut impl Socket,
        last: Last,
    ) -> Result<(), KernelError> {
        let inner = self.folder.path().join(channel);
        let endpoint = format!("ipc://{}", inner.display());
        socket.bind(&endpoint).await.map_err(|source| KernelError::Socket { channel, source })?;
        let gate = Gate::open(channel, address, inner, last).await;
        let bind = |source| KernelError::Bind { channel, address: address.to_string(), source };
        self.gates.push(gate.map_err(bind)?);
        Ok(())
    }
}
