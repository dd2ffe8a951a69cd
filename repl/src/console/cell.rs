//! One cell: its events on the screen, its questions to the user, Ctrl-C.

use pelago_cells::interpreter::{CellError, Event, ExecuteOptions, InputRequest, Interpreter, question as asked};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::Session;
use super::question::{self, Answer};
use crate::config::TerminalOptions;
use crate::failure::{Failure, SystemError};
use crate::output::screen::{Screen, Stream};
use pelago_render::paint::Ink;

/// Events that may wait to be shown; a cell that is further ahead waits itself.
const QUEUE: usize = 64;

/// How a cell ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// As it should.
    Well,
    /// With an error, which was shown.
    Failed,
    /// By Ctrl-C, which was shown too.
    Interrupted,
}

/// Runs a cell and shows all that comes of it.
///
/// # Errors
/// Where the terminal or a pipe is gone; the cell is interrupted then.
pub(super) async fn run(
    interpreter: &Interpreter,
    Session { terminal, screen, threads }: &mut Session,
    code: String,
    options: ExecuteOptions,
) -> Result<Ended, Failure> {
    if let Some(word) = asked(&code) {
        return match interpreter.explain(word).await {
            Ok(found) => screen.text(Stream::Out, &format!("{}\n", found.text.trim_end())).map(|()| Ended::Well),
            Err(error) => screen.error(&error).map(|()| Ended::Failed),
        }
        .map_err(Failure::from);
    }
    // A listener of this cell's own: a Ctrl-C from before does not count.
    let mut interrupts = signal(SignalKind::interrupt()).map_err(|source| SystemError::Signals { source })?;
    let mut interrupted = false;
    let (sender, mut events) = mpsc::channel(QUEUE);
    let execution = tokio::spawn({
        let interpreter = interpreter.clone();
        async move { interpreter.execute(&code, &options, &sender).await }
    });
    tokio::pin!(execution);
    screen.begin();
    let ended = loop {
        tokio::select! {
            Some(event) = events.recv() => {
                if let Err(failure) = show(interpreter, screen, terminal, event, &mut interrupted).await {
                    interpreter.interrupt();
                    return Err(failure);
                }
            }
            // Of threads that other cells started: one terminal shows all, in the order in which it comes.
            late = threads.next() => {
                if let Err(error) = late.show(screen) {
                    interpreter.interrupt();
                    return Err(error.into());
                }
            }
            ended = &mut execution => break ended,
            _ = interrupts.recv() => interrupt(interpreter, screen, &mut interrupted)?,
        }
    };
    // What the cell told is in the queue by now; what is still running on a
    // thread of its own must not keep the prompt away.
    events.close();
    while let Ok(event) = events.try_recv() {
        // A question that was left behind needs no answer.
        if !matches!(event, Event::Input(_)) {
            show(interpreter, screen, terminal, event, &mut interrupted).await?;
        }
    }
    let ended = ended.unwrap_or_else(|panic| Err(CellError::new("InternalError", panic.to_string())));
    let ended = match ended {
        // It left in good order, because it was asked to.
        Ok(ended) if ended.interrupted => Ended::Interrupted,
        Ok(_) => Ended::Well,
        Err(error) => {
            screen.error(&error)?;
            if interrupted { Ended::Interrupted } else { Ended::Failed }
        }
    };
    screen.end()?;
    Ok(ended)
}

async fn show(
    interpreter: &Interpreter,
    screen: &mut Screen,
    terminal: &TerminalOptions,
    event: Event,
    interrupted: &mut bool,
) -> Result<(), Failure> {
    match event {
        Event::Stdout(text) => screen.text(Stream::Out, &text)?,
        Event::Stderr(text) => screen.text(Stream::Err, &text)?,
        Event::Display { shown, id, update } => screen.show(&shown, id.as_deref(), update)?,
        Event::Result(shown) => screen.result(shown)?,
        Event::Made(piece) => screen.made(&piece)?,
        Event::MadeAll => screen.made_all()?,
        Event::Clear { wait } => screen.clear(wait)?,
        Event::Progress(step) => screen.progress(&step)?,
        Event::Input(InputRequest { prompt, password, reply }) => {
            screen.make_room(&prompt)?;
            match question::ask(terminal, prompt, password).await? {
                // A cell that ended meanwhile needs no answer.
                Answer::Line(line) => drop(reply.send(line)),
                Answer::None => {}
                Answer::Interrupted => interrupt(interpreter, screen, interrupted)?,
            }
        }
    }
    Ok(())
}

/// Passes a Ctrl-C on, and says what the next one does.
fn interrupt(interpreter: &Interpreter, screen: &mut Screen, interrupted: &mut bool) -> Result<(), Failure> {
    let first = !std::mem::replace(interrupted, true);
    interpreter.interrupt();
    if first {
        screen.say(Ink::Dim, "interrupting; Ctrl-C again ends the cells' process, and with it their variables")?;
    }
    Ok(())
}
