//! The control channel: interrupts, the end, and whatever else must not wait
//! for a cell.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::kernel::{End, Kernel};
use crate::shell::unknown;
use crate::sockets::{Incoming, Replies, Requests};
use crate::wire::{Message, kernel_info, reply_kind};

#[derive(Default, Deserialize)]
struct ShutdownRequest {
    #[serde(default)]
    restart: bool,
}

/// Serves the channel for as long as it is polled.
pub(crate) async fn serve(kernel: &Kernel, mut requests: Requests, replies: Replies) {
    loop {
        let request = requests.next().await;
        let publisher = kernel.iopub.about(&request.header);
        publisher.status("busy").await;
        let mut end = false;
        let content = match request.header.msg_type.as_str() {
            "interrupt_request" => {
                kernel.interrupt();
                Some(json!({ "status": "ok" }))
            }
            "kernel_info_request" => Some(kernel_info::reply()),
            "shutdown_request" => {
                end = true;
                Some(shutdown(&request))
            }
            other => unknown(other),
        };
        if let Some(content) = content {
            if end {
                publisher.send("shutdown_reply", content.clone()).await;
            }
            let kind = reply_kind(&request.header.msg_type);
            let metadata = kernel.dropped.metadata();
            replies.send(Message::new(kind, content).reply_to(&request).with_metadata(metadata)).await;
        }
        publisher.status("idle").await;
        if end {
            kernel.end(End::Shutdown);
        }
    }
}

fn shutdown(request: &Incoming) -> Value {
    let asked = ShutdownRequest::deserialize(&request.content).unwrap_or_default();
    json!({ "status": "ok", "restart": asked.restart })
}
