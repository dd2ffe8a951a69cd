//! The session's answers to what cells ask.

use std::io;
use std::sync::Arc;

use pelago_protocol::cells::{self, Call, CellRequest, Failure, Reply};
use pelago_protocol::{DType, Input, SweepRequest, Tensor, TensorHeader, TuneRequest};
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::sync::oneshot;

use super::shown::ipc;
use super::state::State;
use super::wire;
use crate::commands;
use crate::interpreter::{Event, InputRequest};
use pelago_protocol::{Observer, Output, Run};
use pelago_results::{Filter, Results};
use pelago_session::{CancellationToken, Searched, SessionError};

/// Answers one call. An interrupt, or the end of the asking process, ends it:
/// dropping the session's future cancels what it does.
pub(super) async fn answer(mut stream: UnixStream, call: Call, body: Vec<u8>, state: &Arc<State>) -> io::Result<()> {
    let mut interrupts = state.interrupts.subscribe();
    interrupts.mark_unchanged();
    let (mut read, mut write) = stream.split();
    let mut nothing = [0; 1];
    let keeps = matches!(call, Call::Bench { .. } | Call::Tune { .. });
    let cancel = CancellationToken::new();
    let answering = of(call, body, state, &cancel);
    tokio::pin!(answering);
    let (reply, body) = tokio::select! {
        answered = &mut answering => answered.unwrap_or_else(|failure| (Reply::Failed { failure }, Vec::new())),
        _ = interrupts.changed() => {
            cancel.cancel();
            if keeps {
                // It records what it has. Its answer is no whole one.
                drop(tokio::time::timeout(commands::ENDING, answering).await);
            }
            (Reply::Failed { failure: interrupted() }, Vec::new())
        }
        // The asking side says nothing more: this is its end.
        _ = read.read(&mut nothing) => return Ok(()),
    };
    wire::write(&mut write, &reply, &body).await
}

fn interrupted() -> Failure {
    Failure { code: "interrupted".to_owned(), message: "the call was interrupted".to_owned(), help: String::new() }
}

fn failure(error: impl Into<SessionError>) -> Failure {
    let error = error.into();
    Failure { code: error.code().to_owned(), message: error.to_string(), help: error.help() }
}

fn unusable(error: &io::Error) -> Failure {
    Failure { code: "protocol".to_owned(), message: error.to_string(), help: "restart the kernel".to_owned() }
}

async fn of(
    call: Call,
    body: Vec<u8>,
    state: &Arc<State>,
    cancel: &CancellationToken,
) -> Result<(Reply, Vec<u8>), Failure> {
    let session = state.session().await;
    let frame = match call {
        Call::Accelerate { request } => return accelerate(request, &body, state).await,
        Call::Bench { request, tensors } => return bench(*request, tensors, &body, state, cancel).await,
        Call::Tune { request, tensors } => return tune(*request, tensors, &body, state, cancel).await,
        Call::Model { model } => {
            let model = session.model(&model, observer(state).as_ref()).await.map_err(failure)?;
            return Ok((Reply::Model { model }, Vec::new()));
        }
        Call::Input { prompt, password } => return input(prompt, password, state).await,
        Call::History { limit } => {
            let filter = Filter { limit, ..Filter::default() };
            session.results().history(filter).await.map_err(failure)?
        }
        Call::Sql { query } => session.results().sql(query).await.map_err(failure)?,
        Call::Browsers => session.browsers_frame().map_err(failure)?,
        Call::Models => {
            let models = session.models().list().await.map_err(failure)?;
            pelago_session::models_frame(&models).map_err(failure)?
        }
        Call::Control | Call::Streams { .. } | Call::Building => {
            return Err(unusable(&io::Error::other("a connection that has another purpose")));
        }
    };
    Ok((Reply::Frame, ipc(frame).map_err(|error| unusable(&error))?))
}

/// Tells the front end of the running cell each step.
fn observer(state: &State) -> Option<Observer> {
    let running = state.running()?;
    // A front end that is behind misses a step, and the call does not wait for it.
    Some(Arc::new(move |step| drop(running.events.try_send(Event::Progress(step)))))
}

async fn accelerate(asked: CellRequest, body: &[u8], state: &Arc<State>) -> Result<(Reply, Vec<u8>), Failure> {
    let mut request = asked.request;
    if let Some(headers) = asked.tensors {
        request.input = tensors_of(&headers, body)?;
    }
    let run = state.session().await.accelerate(&request, observer(state)).await;
    let Run { report, output } = run.map_err(failure)?;
    let row = Results::frame(std::slice::from_ref(&report)).map_err(failure)?;
    let (tensors, is_embedding) = match output {
        Output::Embeddings { shape, values } => {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            let tensor = Tensor::new("embedding", DType::Float32, shape.to_vec(), bytes.into());
            (vec![tensor.map_err(|error| unusable(&io::Error::other(error)))?], true)
        }
        Output::Tensors(tensors) => (tensors, false),
    };
    let (tensors, mut body) = cells::pack(&tensors);
    let frame = body.len();
    body.extend(ipc(row).map_err(|error| unusable(&error))?);
    Ok((Reply::Run { report: Box::new(report), tensors, is_embedding, frame }, body))
}

fn tensors_of(headers: &[TensorHeader], body: &[u8]) -> Result<Input, Failure> {
    Ok(Input::Tensors(cells::unpack(headers, body).map_err(|error| unusable(&error))?))
}

async fn bench(
    mut request: SweepRequest,
    tensors: Option<Vec<TensorHeader>>,
    body: &[u8],
    state: &Arc<State>,
    cancel: &CancellationToken,
) -> Result<(Reply, Vec<u8>), Failure> {
    if let Some(headers) = tensors {
        request.input = Some(tensors_of(&headers, body)?);
    }
    let sweep = state.session().await.sweep(&request, observer(state), cancel).await.map_err(failure)?;
    let frame = Results::sweep_frame(&sweep.rows).map_err(failure)?;
    Ok((Reply::Sweep { rows: sweep.rows }, ipc(frame).map_err(|error| unusable(&error))?))
}

async fn tune(
    mut request: TuneRequest,
    tensors: Option<Vec<TensorHeader>>,
    body: &[u8],
    state: &Arc<State>,
    cancel: &CancellationToken,
) -> Result<(Reply, Vec<u8>), Failure> {
    if let Some(headers) = tensors {
        request.input = Some(tensors_of(&headers, body)?);
    }
    let searched = state.session().await.tune(&request, observer(state), cancel).await.map_err(failure)?;
    let Searched::Found(tuned) = searched else { return Err(interrupted()) };
    let frame = pelago_session::sensitivities_frame(&tuned).map_err(failure)?;
    Ok((Reply::Tuned { tuned: *tuned }, ipc(frame).map_err(|error| unusable(&error))?))
}

async fn input(prompt: String, password: bool, state: &Arc<State>) -> Result<(Reply, Vec<u8>), Failure> {
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
    Ok((Reply::Text { text }, Vec::new()))
}
