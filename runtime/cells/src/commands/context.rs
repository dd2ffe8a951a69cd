//! What a command works with, and where its answer goes.

use std::io;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use pelago_models::Network;
use pelago_protocol::{Observer, Step};
use pelago_render::{Shown, Table};
use pelago_results::Results;
use pelago_session::{CancellationToken, Session, SessionError, SessionOptions};
use polars::prelude::{DataFrame, JsonFormat, JsonWriter, SerWriter};
use serde_json::Value;
use tokio::sync::{OnceCell, mpsc};

use super::CommandError;
use crate::interpreter::Event;
use crate::rust::Cells;

/// What a command works with.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Browsers, models, results.
    pub work: &'a Workplace,
    /// The Rust cells, where there are any.
    pub cells: Option<RustCells<'a>>,
    /// What relative paths are relative to.
    pub folder: &'a Path,
    /// Takes the answer.
    pub sink: &'a Arc<dyn Sink>,
    /// Cancelled by an interrupt.
    pub cancel: &'a CancellationToken,
}

/// The Rust cells, and who is told what they do.
#[derive(Clone, Copy, Debug)]
pub struct RustCells<'a> {
    /// The cells.
    pub cells: &'a Cells,
    /// Takes what the compiler says.
    pub events: &'a mpsc::Sender<Event>,
}

/// Takes what a command answers, in order, and draws it.
#[async_trait]
pub trait Sink: std::fmt::Debug + Send + Sync {
    /// Whether it takes JSON for programs ([`Sink::json`]) in place of values to look at ([`Sink::show`]).
    fn takes_json(&self) -> bool {
        false
    }

    /// A value to look at.
    ///
    /// # Errors
    /// Where it cannot be written.
    async fn show(&self, shown: Shown) -> io::Result<()>;

    /// JSON, one object a line. Where it is not taken, none comes.
    ///
    /// # Errors
    /// Where it cannot be written.
    async fn json(&self, lines: String) -> io::Result<()> {
        drop(lines);
        Ok(())
    }

    /// A piece of the text that a model makes now, of a run that [`Sink::show`] gets when all of it is there.
    ///
    /// # Errors
    /// Where it cannot be written.
    async fn made(&self, piece: String) -> io::Result<()>;

    /// The text is whole.
    ///
    /// # Errors
    /// Where it cannot be written.
    async fn made_all(&self) -> io::Result<()>;

    /// A line beside the answer.
    async fn say(&self, line: String);

    /// What is being done. A sink that is slow may miss some: no run waits for it.
    fn progress(&self, step: Step);
}

/// A session, or what of it commands have asked for so far. Whoever made it closes it.
#[derive(Debug)]
pub struct Workplace(Place);

#[derive(Debug)]
enum Place {
    Open(Arc<Session>),
    /// Its parts open when a command first asks for them.
    Lazy {
        options: Box<SessionOptions>,
        session: Box<OnceCell<Session>>,
        network: Box<OnceCell<Network>>,
        results: Box<OnceCell<Results>>,
    },
}

impl Workplace {
    /// One whose parts open when a command first asks for them.
    #[must_use]
    pub fn new(options: SessionOptions) -> Self {
        let options = Box::new(options);
        let (session, network, results) = (Box::default(), Box::default(), Box::default());
        Self(Place::Lazy { options, session, network, results })
    }

    /// An open session.
    #[must_use]
    pub fn of(session: Arc<Session>) -> Self {
        Self(Place::Open(session))
    }

    /// The session.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub async fn session(&self) -> Result<&Session, SessionError> {
        match &self.0 {
            Place::Open(session) => Ok(session),
            Place::Lazy { options, session, .. } => {
                session.get_or_try_init(|| Session::open(options.as_ref().clone())).await
            }
        }
    }

    /// The models. No browser is looked for.
    ///
    /// # Errors
    /// As [`Session::open_network`].
    pub async fn network(&self) -> Result<&Network, SessionError> {
        match &self.0 {
            Place::Open(session) => Ok(session.network()),
            Place::Lazy { options, session, network, .. } => match session.get() {
                Some(session) => Ok(session.network()),
                None => network.get_or_try_init(|| Session::open_network(options)).await,
            },
        }
    }

    /// The results. Neither browsers nor models are looked for.
    ///
    /// # Errors
    /// As [`Results::at`].
    pub async fn results(&self) -> Result<&Results, SessionError> {
        match &self.0 {
            Place::Open(session) => Ok(session.results()),
            Place::Lazy { options, session, results, .. } => match session.get() {
                Some(session) => Ok(session.results()),
                None => Ok(results.get_or_try_init(|| Results::at(options.results.clone())).await?),
            },
        }
    }

    /// Closes a session that a command opened.
    pub async fn close(&self) {
        if let Place::Lazy { session, .. } = &self.0
            && let Some(session) = session.get()
        {
            session.close().await;
        }
    }
}

impl Context<'_> {
    /// Tells the sink each step of the session.
    pub(super) fn observer(&self) -> Observer {
        let sink = Arc::clone(self.sink);
        Arc::new(move |step| sink.progress(step))
    }

    /// Gives values to look at, or objects to read: what the sink takes.
    pub(super) async fn give(
        &self,
        shown: impl FnOnce() -> Result<Vec<Shown>, CommandError> + Send,
        objects: impl FnOnce() -> Result<Vec<Value>, CommandError> + Send,
    ) -> Result<(), CommandError> {
        if self.sink.takes_json() {
            for object in objects()? {
                self.sink.json(format!("{object}\n")).await?;
            }
        } else {
            for value in shown()? {
                self.sink.show(value).await?;
            }
        }
        Ok(())
    }

    /// Gives a text, also where JSON is taken: what it says is not for the command to know.
    pub(super) async fn text(&self, text: String) -> Result<(), CommandError> {
        Ok(self.sink.show(Shown::Text(text)).await?)
    }

    /// Gives a frame: a table, or an object a row.
    pub(super) async fn frame(
        &self,
        mut frame: DataFrame,
        table: impl FnOnce(&DataFrame) -> Result<Table, CommandError> + Send,
    ) -> Result<(), CommandError> {
        if !self.sink.takes_json() {
            return Ok(self.sink.show(Shown::Table(table(&frame)?)).await?);
        }
        let mut lines = Vec::new();
        JsonWriter::new(&mut lines).with_json_format(JsonFormat::JsonLines).finish(&mut frame)?;
        Ok(self.sink.json(String::from_utf8_lossy(&lines).into_owned()).await?)
    }
}

/// A front end of cells: it takes events.
#[derive(Debug)]
pub(crate) struct Events(pub(crate) mpsc::Sender<Event>);

#[async_trait]
impl Sink for Events {
    async fn show(&self, shown: Shown) -> io::Result<()> {
        // A front end that is gone needs no output.
        let _ = self.0.send(Event::Result(shown)).await;
        Ok(())
    }

    async fn made(&self, piece: String) -> io::Result<()> {
        let _ = self.0.send(Event::Made(piece)).await;
        Ok(())
    }

    async fn made_all(&self) -> io::Result<()> {
        let _ = self.0.send(Event::MadeAll).await;
        Ok(())
    }

    async fn say(&self, line: String) {
        let _ = self.0.send(Event::Stderr(line + "\n")).await;
    }

    fn progress(&self, step: Step) {
        let _ = self.0.try_send(Event::Progress(step));
    }
}
