//! What the kernel tells all clients. One task owns the socket; a message is
//! with the operating system once it was sent, so a slow client slows the
//! output down and loses none of it.

use jupyter_protocol::Header;
use jupyter_zmq_client::{Connection as Signed, SubscriptionEvent};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use zeromq::XPubSocket;

use crate::wire::Message;

/// Messages that may wait for the socket's task.
const QUEUE: usize = 64;

enum Order {
    Send(Box<Message>),
    /// Answered once everything before it was sent.
    Flush(oneshot::Sender<()>),
}

/// Publishes, from any task.
#[derive(Clone)]
pub(crate) struct Iopub(mpsc::Sender<Order>);

impl Iopub {
    /// The handle, and the task that has to be polled for it.
    pub(crate) fn new(socket: Signed<XPubSocket>) -> (Self, impl Future<Output = ()> + Send) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self(sender), publish(socket, receiver))
    }

    async fn send(&self, message: Message) {
        // Without its task the kernel is ending.
        let _ = self.0.send(Order::Send(Box::new(message))).await;
    }

    /// Waits until everything that was published is with the operating system.
    pub(crate) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.0.send(Order::Flush(done)).await.is_ok() {
            let _ = flushed.await;
        }
    }

    /// What is published because of a request.
    pub(crate) fn about(&self, parent: &Header) -> Publisher {
        Publisher { iopub: self.clone(), parent: parent.clone() }
    }
}

/// Publishes messages whose parent is one request.
#[derive(Clone)]
pub(crate) struct Publisher {
    iopub: Iopub,
    parent: Header,
}

impl Publisher {
    /// Publishes a message of this type.
    pub(crate) async fn send(&self, kind: &'static str, content: Value) {
        self.iopub.send(Message::new(kind, content).child_of(&self.parent)).await;
    }

    /// `busy` or `idle`.
    pub(crate) async fn status(&self, state: &str) {
        self.send("status", json!({ "execution_state": state })).await;
    }
}

async fn publish(mut socket: Signed<XPubSocket>, mut orders: mpsc::Receiver<Order>) {
    let mut is_started = false;
    loop {
        tokio::select! {
            event = socket.recv_subscription() => match event {
                Ok(SubscriptionEvent::Subscribe(topic)) => {
                    // The client's own signal that from here on it misses nothing.
                    send(&mut socket, Message::new("iopub_welcome", json!({ "subscription": topic }))).await;
                    if !std::mem::replace(&mut is_started, true) {
                        send(&mut socket, Message::new("status", json!({ "execution_state": "starting" }))).await;
                    }
                }
                Ok(SubscriptionEvent::Unsubscribe(_)) => {}
                Err(error) => {
                    tracing::debug!(%error, "a subscription was not understood");
                    tokio::task::yield_now().await;
                }
            },
            order = orders.recv() => match order {
                Some(Order::Send(message)) => send(&mut socket, *message).await,
                // A waiter that is gone needs no answer.
                Some(Order::Flush(done)) => drop(done.send(())),
                None => return,
            },
        }
    }
}

async fn send(socket: &mut Signed<XPubSocket>, message: Message) {
    let kind = message.kind().to_owned();
    let message = message.with_topic();
    if let Err(error) = socket.send(message.into_jupyter()).await {
        tracing::debug!(kind, %error, "a message was not published to a client");
    }
}

/// Takes the place of the socket.
#[cfg(test)]
pub(crate) struct Published(mpsc::Receiver<Order>);

#[cfg(test)]
impl Iopub {
    pub(crate) fn for_test() -> (Self, Published) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self(sender), Published(receiver))
    }
}

#[cfg(test)]
impl Published {
    /// The type and the content of the next message.
    pub(crate) async fn next(&mut self) -> (String, Value) {
        let message = self.message().await;
        (message.kind().to_owned(), message.content().clone())
    }

    /// The parent of the next message, which is text of a stream, the stream and the text.
    pub(crate) async fn stream(&mut self) -> (String, String, String) {
        let message = self.message().await;
        assert_eq!(message.kind(), "stream");
        let text = |name: &str| message.content()[name].as_str().unwrap_or_default().to_owned();
        let parent = message.parent().map(|parent| parent.msg_id.clone());
        (parent.unwrap_or_default(), text("name"), text("text"))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    async fn message(&mut self) -> Message {
        match self.0.recv().await {
            Some(Order::Send(message)) => *message,
            Some(Order::Flush(_)) | None => panic!("no message came"),
        }
    }
}
