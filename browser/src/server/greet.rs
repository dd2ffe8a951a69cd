//! The first message on a new socket: who is there, and may it stay?

use pelago_protocol::{Hello, PROTOCOL_VERSION};

use super::Shared;
use crate::link::{CloseReason, Event, Io, Link, Socket, frame};

/// Hears a page's hello and gives its socket to its link, or closes it.
pub(super) async fn greet(shared: &Shared, token: &str, io: Box<dyn Io>) {
    let mut socket = Socket::new(io, shared.link.max_frame_bytes).await;
    let first = tokio::time::timeout(shared.link.hello_timeout, socket.next()).await;
    let refused = match first.map_err(|_| CloseReason::NoHello).and_then(hello) {
        Ok(hello) => {
            let page_id = hello.page_id.clone();
            let start = |socket| Link::start(socket, hello, shared.link.clone(), &shared.stop);
            shared.guests.welcome(token, &page_id, socket, start)
        }
        Err(reason) => Err((Box::new(socket), reason)),
    };
    if let Err((socket, reason)) = refused {
        tracing::warn!(?reason, "a page was refused");
        socket.close(reason).await;
    }
}

fn hello(first: Event) -> Result<Hello, CloseReason> {
    let Event::Message(message) = first else { return Err(CloseReason::NoHello) };
    let (header, _) = frame::split(&message).map_err(|_| CloseReason::NoHello)?;
    if header.kind != "hello" {
        return Err(CloseReason::NoHello);
    }
    // The version first: a page of another one may say hello in other words.
    let version = header.data.get("protocol_version").and_then(serde_json::Value::as_u64);
    if version != Some(u64::from(PROTOCOL_VERSION)) {
        return Err(if version.is_some() { CloseReason::WrongVersion } else { CloseReason::NoHello });
    }
    serde_json::from_value(header.data).map_err(|_| CloseReason::NoHello)
}
