//! One `execute_request`, from its arrival to the content of its reply.

mod late;
mod made;
mod output;
mod progress;
mod streams;

use std::time::Instant;

use pelago_cells::interpreter::{CellError, Event, ExecuteOptions, Interpreter, question};
use pelago_render::Shown;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use self::output::Output;
use crate::kernel::Kernel;
use crate::sockets::{Incoming, Publisher};
use crate::wire::execute::{self, ExecuteRequest};
use crate::wire::inspect;

/// Events of a cell that may wait for the sockets.
const EVENTS: usize = 256;

/// How a cell ended.
pub(crate) struct Ended {
    /// The content of the reply.
    pub(crate) reply: Value,
    /// Whether the cells that wait are to be aborted.
    pub(crate) stop: bool,
}

/// A cell that did not fail.
#[derive(Default)]
struct Ran {
    /// What the front end's pager is to show.
    pages: Vec<Value>,
    /// Whether the user interrupted it and it left in good order.
    interrupted: bool,
}

/// Runs a cell and publishes what it shows.
pub(crate) async fn execute(kernel: &Kernel, request: &Incoming, publisher: &Publisher, cell: ExecuteRequest) -> Ended {
    let store = cell.store_history && !cell.silent;
    let count = kernel.next_count();
    if !cell.silent {
        publisher.send("execute_input", json!({ "code": cell.code, "execution_count": count })).await;
    }
    let mut output = Output::new(publisher.clone(), kernel.output_limit, cell.silent);
    let (sender, mut coming) = late::channel();
    let ran = run(kernel, request, &cell, count, &mut output, (&sender, &mut coming)).await;
    let (reply, text, stop) = match ran {
        Ok(ran) => {
            let text = output.finish(Some(count)).await;
            let expressions = expressions(kernel, &cell, &mut output, (&sender, &mut coming)).await;
            // The user wanted an end of more than this cell, as where an interrupt fails it.
            (execute::ok(count, &expressions, &ran.pages), text, ran.interrupted && cell.stop_on_error)
        }
        Err(error) => {
            output.finish(None).await;
            if !cell.silent {
                publisher.send("error", execute::output(&error)).await;
            }
            (execute::failed(count, &error), None, cell.stop_on_error)
        }
    };
    // From here on only the cell's threads hold a sender.
    drop(sender);
    late::publish(output, coming);
    if store {
        kernel.advance_count();
        if !cell.code.trim().is_empty() {
            kernel.history.add(count, cell.code, text).await;
        }
    }
    Ended { reply, stop }
}

/// Where the threads of a cell print to once their part of it has ended.
type Late<'a> = (&'a mpsc::Sender<Event>, &'a mut mpsc::Receiver<Event>);

/// Runs the code.
async fn run(
    kernel: &Kernel,
    request: &Incoming,
    cell: &ExecuteRequest,
    count: u64,
    output: &mut Output,
    (sender, late): Late<'_>,
) -> Result<Ran, CellError> {
    let interpreter = kernel.interpreter().await?;
    if let Some(word) = question(&cell.code) {
        let page = execute::page(inspect::data(&interpreter.explain(word).await?));
        return Ok(Ran { pages: vec![page], ..Ran::default() });
    }
    let options =
        ExecuteOptions { label: format!("[{count}]"), allow_input: cell.allow_stdin, late: Some(sender.clone()) };
    let (events, mut coming) = mpsc::channel(EVENTS);
    let execution = interpreter.execute(&cell.code, &options, &events);
    tokio::pin!(execution);
    let ended = loop {
        let due = output.due();
        tokio::select! {
            ended = &mut execution => break ended,
            Some(event) = coming.recv() => take(kernel, request, output, event).await,
            // Of threads that an earlier part of the same cell started.
            Some(event) = late.recv() => output.take(event).await,
            () = until(due) => output.tick().await,
        }
    };
    // Everything that it showed came before it ended.
    while let Ok(event) = coming.try_recv() {
        take(kernel, request, output, event).await;
    }
    kernel.stdin.cancel();
    ended.map(|ended| Ran { interrupted: ended.interrupted, ..Ran::default() })
}

async fn take(kernel: &Kernel, request: &Incoming, output: &mut Output, event: Event) {
    match event {
        Event::Input(question) => {
            // What stands above the question is read before it is answered.
            output.flush().await;
            kernel.stdin.ask(request, question).await;
        }
        shown => output.take(shown).await,
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

/// The expressions that the client evaluates along with the cell. One that
/// fails is an error of its own and not of the cell. What they print, they and
/// their threads, is the cell's output, as in IPython.
async fn expressions(
    kernel: &Kernel,
    cell: &ExecuteRequest,
    output: &mut Output,
    (sender, late): Late<'_>,
) -> Map<String, Value> {
    let mut values = Map::new();
    if cell.user_expressions.is_empty() {
        return values;
    }
    let Ok(interpreter) = kernel.interpreter().await else { return values };
    for (name, code) in &cell.user_expressions {
        let value = match evaluate(&interpreter, name, code, output, (sender, &mut *late)).await {
            Ok(shown) => {
                let data = shown.as_ref().map(pelago_render::bundle).unwrap_or_default();
                json!({ "status": "ok", "data": data, "metadata": {} })
            }
            Err(error) => {
                let mut value = execute::output(&error);
                value["status"] = "error".into();
                value
            }
        };
        values.insert(name.clone(), value);
    }
    // A client that waits for the cell to be idle has it by then.
    output.flush().await;
    values
}

async fn evaluate(
    interpreter: &Interpreter,
    name: &str,
    code: &str,
    output: &mut Output,
    (sender, late): Late<'_>,
) -> Result<Option<Shown>, CellError> {
    let options = ExecuteOptions { label: format!("[{name}]"), allow_input: false, late: Some(sender.clone()) };
    let (events, mut coming) = mpsc::channel(EVENTS);
    let execution = interpreter.execute(code, &options, &events);
    tokio::pin!(execution);
    let mut last = None;
    let ended = loop {
        let due = output.due();
        tokio::select! {
            ended = &mut execution => break ended,
            Some(event) = coming.recv() => keep(event, &mut last, output).await,
            Some(event) = late.recv() => output.take_late(event).await,
            () = until(due) => output.tick().await,
        }
    };
    while let Ok(event) = coming.try_recv() {
        keep(event, &mut last, output).await;
    }
    ended.map(|_| last)
}

/// Its last result is the value of an expression; what it prints and displays is shown.
async fn keep(event: Event, last: &mut Option<Shown>, output: &mut Output) {
    match event {
        Event::Result(shown) => *last = Some(shown),
        printed @ (Event::Stdout(_) | Event::Stderr(_) | Event::Display { .. }) => output.take_late(printed).await,
        Event::Clear { .. } | Event::Progress(_) | Event::Input(_) | Event::Made(_) | Event::MadeAll => {}
    }
}
