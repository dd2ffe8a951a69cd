//! The shell channel: one request at a time, in the order in which they came.
//! A second task reads ahead, so that a failing cell knows what waited behind it.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use futures::FutureExt;
use pelago_cells::interpreter::{Completions, completeness};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::execute;
use crate::kernel::Kernel;
use crate::sockets::{Incoming, Publisher, Replies, Requests};
use crate::wire::{Message, complete, execute::ExecuteRequest, failure, history, inspect, is_complete, kernel_info};
use crate::wire::{read, reply_kind};

/// Requests that are read ahead; more wait in the socket.
const QUEUE: usize = 1024;
/// How long a completion or an inspection may take before it is answered with nothing.
const ANSWER: Duration = Duration::from_secs(5);
/// How long after a failure a request may arrive that was sent before it.
const ON_THE_WAY: Duration = Duration::from_millis(250);
/// Characters of a cell that is looked at while it is typed.
const TYPED: usize = 1 << 20;

/// When a cell failed whose successors are not to run.
struct Failure {
    at: Instant,
    date: DateTime<Utc>,
}

impl Failure {
    fn now() -> Self {
        Self { at: Instant::now(), date: Utc::now() }
    }

    /// Whether a client sent this before it could know of the failure.
    fn precedes(&self, request: &Incoming) -> bool {
        let sent = request.header.date;
        // Clients that date nothing are given the epoch.
        let is_dated = sent.timestamp() > 0;
        request.received < self.at || (request.received < self.at + ON_THE_WAY && is_dated && sent < self.date)
    }
}

/// Serves the channel for as long as it is polled.
pub(crate) async fn serve(kernel: &Kernel, mut requests: Requests, replies: Replies) {
    let (queue, mut waiting) = mpsc::channel(QUEUE);
    let read_ahead = async {
        loop {
            let request = requests.next().await;
            if queue.send(request).await.is_err() {
                return;
            }
        }
    };
    let work = async {
        let mut failure = None;
        while let Some(request) = waiting.recv().await {
            let publisher = kernel.iopub.about(&request.header);
            publisher.status("busy").await;
            answer(kernel, &request, &publisher, &replies, &mut failure).await;
            publisher.status("idle").await;
        }
    };
    tokio::join!(read_ahead, work);
}

async fn answer(
    kernel: &Kernel,
    request: &Incoming,
    publisher: &Publisher,
    replies: &Replies,
    failure: &mut Option<Failure>,
) {
    let is_aborted = |failure: &Failure| failure.precedes(request);
    let mut reply = Message::new(reply_kind(&request.header.msg_type), Value::Null).reply_to(request);
    let content = if request.header.msg_type != "execute_request" {
        // A request that makes the kernel's own code panic costs its answer and nothing else.
        let content = AssertUnwindSafe(content(kernel, request, publisher)).catch_unwind().await;
        content.unwrap_or_else(|_| Some(panicked()))
    } else if failure.as_ref().is_some_and(is_aborted) {
        Some(crate::wire::execute::aborted(kernel.next_count()))
    } else {
        *failure = None;
        match read::<ExecuteRequest>(request) {
            Err(refused) => Some(refused),
            Ok(cell) => {
                let ended = AssertUnwindSafe(execute::execute(kernel, request, publisher, cell)).catch_unwind().await;
                let ended = ended.unwrap_or_else(|_| execute::Ended { reply: panicked(), stop: false });
                *failure = ended.stop.then(Failure::now);
                Some(ended.reply)
            }
        }
    };
    if let Some(content) = content {
        if request.header.msg_type == "kernel_info_request" {
            reply = reply.with_metadata(kernel.dropped.metadata());
        }
        replies.send(reply.with_content(content)).await;
    }
}

/// The content of the answer; nothing where the protocol knows none.
async fn content(kernel: &Kernel, request: &Incoming, publisher: &Publisher) -> Option<Value> {
    let answered = match request.header.msg_type.as_str() {
        "kernel_info_request" => Ok(kernel_info::reply()),
        "is_complete_request" => read(request).map(|asked: is_complete::IsCompleteRequest| {
            if asked.code.len() > TYPED {
                json!({ "status": "unknown" })
            } else {
                is_complete::reply(&completeness(&asked.code))
            }
        }),
        "complete_request" => match read(request) {
            Ok(asked) => Ok(complete(kernel, asked).await),
            Err(refused) => Err(refused),
        },
        "inspect_request" => match read(request) {
            Ok(asked) => Ok(inspect(kernel, asked).await),
            Err(refused) => Err(refused),
        },
        "history_request" => match read::<history::HistoryRequest>(request) {
            Ok(asked) => Ok(history::reply(&kernel.history.entries(asked.access).await, asked.output)),
            Err(refused) => Err(refused),
        },
        // No comm is ever open: nothing here registers a target.
        "comm_info_request" => Ok(json!({ "status": "ok", "comms": {} })),
        "comm_open" => {
            let id = request.content.get("comm_id").cloned().unwrap_or_default();
            publisher.send("comm_close", json!({ "comm_id": id, "data": {} })).await;
            return None;
        }
        "comm_msg" | "comm_close" => return None,
        other => return unknown(other),
    };
    Some(answered.unwrap_or_else(|refused| refused))
}

/// A request that is not understood is answered, lest its client wait for ever.
pub(crate) fn unknown(kind: &str) -> Option<Value> {
    tracing::debug!(kind, "an unknown message");
    kind.ends_with("_request").then(|| failure("UnknownRequest", &format!("this kernel does not know {kind}")))
}

fn panicked() -> Value {
    failure("InternalError", "the kernel failed on this request; PELAGO_LOG=error shows where")
}

async fn complete(kernel: &Kernel, asked: complete::CompleteRequest) -> Value {
    let cursor = cursor(&asked.code, asked.cursor_pos);
    let nothing = Completions { start: cursor, end: cursor, matches: Vec::new() };
    // While the interpreter opens, nothing is known yet.
    let Some(interpreter) = kernel.interpreter_now() else { return complete::reply(&nothing) };
    let found = tokio::time::timeout(ANSWER, interpreter.complete(&asked.code, cursor)).await;
    complete::reply(&found.unwrap_or(nothing))
}

async fn inspect(kernel: &Kernel, asked: inspect::InspectRequest) -> Value {
    let cursor = cursor(&asked.code, asked.cursor_pos);
    let Some(interpreter) = kernel.interpreter_now() else { return inspect::reply(None) };
    let found = tokio::time::timeout(ANSWER, interpreter.inspect(&asked.code, cursor)).await;
    inspect::reply(found.ok().flatten().as_ref())
}

/// The cursor in code points, never behind the end of the code.
fn cursor(code: &str, asked: Option<usize>) -> usize {
    let end = code.chars().count();
    asked.map_or(end, |cursor| cursor.min(end))
}
