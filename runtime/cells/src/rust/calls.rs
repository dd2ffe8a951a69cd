//! The session's answers to what cells ask.

use std::io;
use std::sync::Arc;

use pelago_protocol::cells::{Call, Failure, Reply};
use pelago_protocol::packed::Attachment;
use pelago_protocol::{Advice, Observer, Run, Voice};
use pelago_results::{Filter, Results};
use pelago_session::{CancellationToken, Searched, SessionError};
use polars::prelude::DataFrame;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::sync::oneshot;

use super::shown::ipc;
use super::state::State;
use super::wire;
use crate::commands;
use crate::interpreter::{Event, InputRequest};

/// Answers one call. An interrupt, or the end of the asking process, ends it:
/// dropping the session's future cancels what it does.
pub(super) async fn answer(mut stream: UnixStream, call: Call, state: &Arc<State>) -> io::Result<()> {
    let mut interrupts = state.interrupts.subscribe();
    interrupts.mark_unchanged();
    let (mut read, mut write) = stream.split();
    let mut nothing = [0; 1];
    let keeps = matches!(call, Call::Bench { .. } | Call::Tune { .. });
    let cancel = CancellationToken::new();
    let answering = of(call, state, &cancel);
    tokio::pin!(answering);
    let reply = tokio::select! {
        answered = &mut answering => answered.unwrap_or_else(|failure| Reply::Failed { failure }),
        _ = interrupts.changed() => {
            cancel.cancel();
            if keeps {
                // It records what it has. Its answer is no whole one.
                drop(tokio::time::timeout(commands::ENDING, answering).await);
            }
            Reply::Failed { failure: interrupted() }
        }
        // The asking side says nothing more: this is its end.
        _ = read.read(&mut nothing) => return Ok(()),
    };
    wire::write(&mut write, &reply).await
}

pub(super) fn interrupted() -> Failure {
    Failure { code: "interrupted".to_owned(), message: "the call was interrupted".to_owned(), help: String::new() }
}

pub(super) fn failure(error: impl Into<SessionError>) -> Failure {
    let error = error.into();
    Failure { code: error.code().to_owned(), message: error.to_string(), help: error.advice().words(Voice::Rust) }
}

fn unusable(error: &io::Error) -> Failure {
    Failure {
        code: "protocol".to_owned(),
        message: error.to_string(),
        help: Advice::none().restart_cells().words(Voice::Rust),
    }
}

async fn of(call: Call, state: &Arc<State>, cancel: &CancellationToken) -> Result<Reply, Failure> {
    let session = state.session().await;
    let observer = observer(state);
    let frame = match call {
        Call::Accelerate { request } => {
            let run = session.accelerate(&request, observer).await.map_err(failure)?;
            return of_run(run);
        }
        Call::Bench { request } => {
            let rows = session.sweep(&request, observer, cancel).await.map_err(failure)?.rows;
            let frame = packed(Results::sweep_frame(&rows))?;
            return Ok(Reply::Sweep { rows, frame });
        }
        Call::Tune { request } => {
            let searched = session.tune(&request, observer, cancel).await.map_err(failure)?;
            let Searched::Found(tuned) = searched else { return Err(interrupted()) };
            let frame = packed(pelago_session::sensitivities_frame(&tuned))?;
            return Ok(Reply::Tuned { tuned: *tuned, frame });
        }
        Call::Model { model } => {
            let model = session.model(&model, observer.as_ref()).await.map_err(failure)?;
            return Ok(Reply::Model { model });
        }
        Call::Input { prompt, password } => return input(prompt, password, state).await,
        Call::History { limit } => {
            let filter = Filter { limit, ..Filter::default() };
            packed(session.results().history(filter).await)?
        }
        Call::Sql { query } => packed(session.results().sql(query).await)?,
        Call::Browsers => packed(session.browsers_frame())?,
        Call::Models => {
            let models = session.models().list().await.map_err(failure)?;
            packed(pelago_session::models_frame(&models))?
        }
        Call::Generate { .. } | Call::Control | Call::Streams { .. } | Call::Building => {
            return Err(unusable(&io::Error::other("a connection that has another purpose")));
        }
    };
    Ok(Reply::Frame { frame })
}

/// A run, with its row.
pub(super) fn of_run(run: Run) -> Result<Reply, Failure> {
    let frame = packed(Results::frame(std::slice::from_ref(&run.report)))?;
    Ok(Reply::Run { run: Box::new(run), frame })
}

fn packed(frame: Result<DataFrame, impl Into<SessionError>>) -> Result<Attachment, Failure> {
    ipc(frame.map_err(failure)?).map_err(|error| unusable(&error))
}

/// Tells the front end of the running cell each step.
pub(super) fn observer(state: &State) -> Option<Observer> {
    let running = state.running()?;
    // A front end that is behind misses a step, and the call does not wait for it.
    Some(Arc::new(move |step| drop(running.events.try_send(Event::Progress(step)))))
}

async fn input(prompt: String, password: bool, state: &Arc<State>) -> Result<Reply, Failure> {
    let refused = || Failure {
        code: "no_input".to_owned(),
        message: "nobody can be asked for a line here".to_owned(),
        help: "run the cell in a terminal or a notebook, or give the value as a parameter".to_owned(),
    };
    let running = state.running().filter(|running| running.allow_input).ok_or_else(refused)?;
    let (reply, answered) = oneshot::channel();
    let asked = running.events.send(Event::Input(InputRequest { prompt, password, reply })).await;
    asked.map_err(|_| refused())?;
    let text = answered.await.map_err(|_| refused())?;
    Ok(Reply::Text { text })
}
