//! A message of the kernel's.

use bytes::Bytes;
use jupyter_protocol::{Header, JupyterMessage, UnknownMessage};
use serde_json::Value;

use crate::sockets::Incoming;

/// The version of the messaging protocol that is spoken.
pub(crate) const PROTOCOL: &str = "5.4";

/// A message that is to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    kind: String,
    content: Value,
    metadata: Value,
    parent: Option<Header>,
    identities: Vec<Bytes>,
}

impl Message {
    /// A message that nobody asked for. `content` is an object.
    pub(crate) fn new(kind: impl Into<String>, content: Value) -> Self {
        let metadata = Value::Object(serde_json::Map::new());
        Self { kind: kind.into(), content, metadata, parent: None, identities: Vec::new() }
    }

    /// To the client that sent the request, because of it.
    pub(crate) fn reply_to(mut self, request: &Incoming) -> Self {
        self.identities.clone_from(&request.identities);
        self.child_of(&request.header)
    }

    /// Because of a request.
    pub(crate) fn child_of(mut self, parent: &Header) -> Self {
        self.parent = Some(parent.clone());
        self
    }

    pub(crate) fn with_content(mut self, content: Value) -> Self {
        self.content = content;
        self
    }

    pub(crate) fn with_metadata(mut self, metadata: Value) -> Self {
        self.metadata = metadata;
        self
    }

    /// As published: its type is the topic that clients may subscribe to.
    pub(crate) fn with_topic(mut self) -> Self {
        self.identities = vec![Bytes::from(self.kind.clone())];
        self
    }

    pub(crate) fn kind(&self) -> &str {
        &self.kind
    }

    #[cfg(test)]
    pub(crate) fn content(&self) -> &Value {
        &self.content
    }

    #[cfg(test)]
    pub(crate) fn parent(&self) -> Option<&Header> {
        self.parent.as_ref()
    }

    /// For the library that signs and sends it.
    pub(crate) fn into_jupyter(self) -> JupyterMessage {
        let content = UnknownMessage { msg_type: self.kind, content: self.content };
        let mut message = JupyterMessage::new(content, None).with_metadata(self.metadata);
        "kernel".clone_into(&mut message.header.username);
        PROTOCOL.clone_into(&mut message.header.version);
        message.parent_header = self.parent;
        message.zmq_identities = self.identities;
        message
    }
}
