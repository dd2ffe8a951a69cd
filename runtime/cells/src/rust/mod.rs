//! Rust cells: evcxr compiles them, a child process runs them, and a socket lets
//! them talk back to the session.
//!
//! What survives what: a panic or a failed `?` ends the cell, and its new
//! variables are gone; a second interrupt, an abort or an exit ends the child
//! process, and all variables are gone. Browsers, models and history belong to
//! the session, which is in this process, and stay.

mod analysis;
mod broken;
mod calls;
mod child;
mod compile;
mod compile_error;
mod error;
mod evaluator;
mod execute;
mod making;
mod options;
mod output;
mod places;
mod prelude;
mod refused;
mod server;
mod shown;
mod state;
mod toolchain;
mod transform;
mod wire;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use pelago_protocol::{Advice, Voice};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

pub use error::CellsError;
pub use options::CellOptions;
pub use toolchain::StandIn;

use self::compile::Compile;
use self::evaluator::{Evaluator, Job};
use self::places::Places;
use self::server::Server;
use self::state::State;
use crate::interpreter::typed;
use crate::interpreter::{CellError, Completion, Completions, Event, Inspection};
use pelago_session::Session;

/// How long a completion or an inspection may take: longer, and the user has typed on.
const PATIENCE: Duration = Duration::from_secs(5);

/// Call it first in `main`, before any thread and before the command line is
/// read: the same executable is the process that cells run in. For that it does
/// not return.
pub fn hook() {
    if child::is_wanted() {
        child::run();
    }
    evcxr::runtime_hook();
}

/// All that the stand-in for cargo does: compiles a cell, or passes on what it was asked.
pub fn stand_in() -> ! {
    toolchain::stand_in()
}

/// A variable that cells share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its type, as Rust.
    pub type_name: String,
}

/// How far the evaluator is.
type Started = Option<Result<Evaluator, Arc<CellsError>>>;

/// The Rust cells of one interpreter.
#[derive(Debug)]
pub struct Cells {
    options: CellOptions,
    state: Arc<State>,
    evaluator: watch::Receiver<Started>,
    numbers: AtomicU64,
    memory: std::sync::Mutex<execute::Memory>,
    _server: Server,
}

impl Cells {
    /// Opens the socket and starts the evaluator in the background. What cells
    /// ask of the session waits until there is one: [`Cells::attach`].
    ///
    /// # Errors
    /// [`CellsError`] where the socket cannot be made.
    pub async fn open(options: CellOptions) -> Result<Self, CellsError> {
        std::fs::create_dir_all(&options.home)
            .map_err(|source| CellsError::Folder { path: options.home.clone(), source })?;
        let places = Places::new(options.stand_in.sources());
        let state = Arc::new(State::new(Uuid::now_v7().simple().to_string() + &token(), places));
        let server = Server::start(&state)?;
        let (started, evaluator) = watch::channel(None);
        let (starting, socket) = (options.clone(), server.path());
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            let evaluator = Evaluator::start(starting, shared, &socket).await;
            // Nobody listens any more where the interpreter is gone.
            let _ = started.send(Some(evaluator.map_err(Arc::new)));
        });
        Ok(Self {
            options,
            state,
            evaluator,
            numbers: AtomicU64::new(0),
            memory: std::sync::Mutex::default(),
            _server: server,
        })
    }

    /// Gives cells their session.
    pub fn attach(&self, session: Arc<Session>) {
        self.state.attach(session);
    }

    /// Waits until Rust cells can run.
    ///
    /// # Errors
    /// [`CellError`] where they cannot.
    pub async fn ready(&self) -> Result<(), CellError> {
        self.evaluator().await.map(|_| ())
    }

    async fn evaluator(&self) -> Result<Evaluator, CellError> {
        let mut started = self.evaluator.clone();
        let found = started.wait_for(Option::is_some).await.ok().and_then(|found| found.clone());
        match found {
            Some(Ok(evaluator)) => Ok(evaluator),
            Some(Err(error)) => {
                Err(CellError::new("CellsError", error.to_string()).with_help(error.advice().words(Voice::Command)))
            }
            None => Err(CellError::new("CellsError", "the Rust evaluator stopped")
                .with_help(Advice::none().restart_cells().words(Voice::Command))),
        }
    }

    /// The evaluator where it is ready by now.
    fn evaluator_now(&self) -> Option<Evaluator> {
        self.evaluator.borrow().clone()?.ok()
    }

    /// Completes Rust at `cursor`, in code points.
    pub(crate) async fn complete(&self, code: &str, cursor: usize) -> Completions {
        let nothing = Completions { start: cursor, end: cursor, matches: Vec::new() };
        let Some(evaluator) = self.evaluator_now() else { return nothing };
        let at = byte_of(code, cursor);
        let asked = async {
            // What the analyser does not know of a macro's arguments, it knows of the same as an expression.
            for text in [Some(typed::closed(code, at).into_owned()), typed::without_macros(code, at)] {
                let Some(text) = text else { continue };
                let found = evaluator.ask(|reply| Job::Complete { code: text, at, reply }).await;
                if let Some(found) = found.flatten().filter(|found| !found.completions.is_empty()) {
                    return Some(found);
                }
            }
            None
        };
        let Ok(Some(found)) = tokio::time::timeout(PATIENCE, asked).await else { return nothing };
        let mut known = HashSet::new();
        let offered = found.completions.iter();
        let offered = offered.filter_map(|each| Completion::offered(&each.code, each.kind, &each.label));
        Completions {
            start: code_points(code, found.start_offset),
            end: code_points(code, found.end_offset),
            matches: offered.filter(|offered| known.insert(offered.text.clone())).collect(),
        }
    }

    /// What is known about the word of Rust at `cursor`, in code points.
    pub(crate) async fn inspect(&self, code: &str, cursor: usize) -> Option<Inspection> {
        let evaluator = self.evaluator_now()?;
        let at = word_end(code, byte_of(code, cursor));
        // The analyser sees nothing in a macro call that is not closed.
        let text = typed::without_macros(code, at).unwrap_or_else(|| code.to_owned());
        let asked = evaluator.ask(|reply| Job::Inspect { code: text, at, reply });
        let (text, html) = tokio::time::timeout(PATIENCE, asked).await.ok()???;
        (text != "No documentation found").then_some(Inspection { text, markdown: html })
    }

    /// The variables that cells share, by name.
    pub async fn variables(&self) -> Vec<Variable> {
        let Some(evaluator) = self.evaluator_now() else { return Vec::new() };
        let found = evaluator.ask(|reply| Job::Variables { reply }).await.unwrap_or_default();
        found.into_iter().map(|(name, type_name)| Variable { name, type_name }).collect()
    }

    /// Adds a crate for all cells to come, as `:dep` does: `serde`, `serde = "1"`, or
    /// `serde = { version = "1", features = ["derive"] }`. Its compiler output
    /// goes to `events`.
    ///
    /// # Errors
    /// [`CellError`] with cargo's words.
    pub async fn add_dependency(&self, spec: &str, events: &mpsc::Sender<Event>) -> Result<(), CellError> {
        let spec = in_folder(spec, &self.options.folder);
        self.run_plain(format!(":dep {spec}\n"), events).await?;
        let name = spec.split(['=', ' ']).next().unwrap_or_default();
        if name == "tokio" { self.add_runtime(events).await } else { Ok(()) }
    }

    /// Ends the child process.
    pub(crate) async fn close(&self) {
        if let Some(evaluator) = self.evaluator_now() {
            evaluator.kill();
        }
        self.options.compile().reset();
    }
}

impl CellOptions {
    fn compile(&self) -> Compile {
        Compile::at(self.stand_in.compile_file(&self.folder))
    }
}

/// What others cannot guess.
fn token() -> String {
    Uuid::new_v4().simple().to_string()
}

/// A line of dependencies whose `path` is one from this folder: evcxr would take it from this process's own.
fn in_folder(spec: &str, folder: &Path) -> String {
    let Some(key) = spec.find("path").filter(|at| spec[..*at].contains('{')) else { return spec.to_owned() };
    let Some(open) = spec[key..].find('"').map(|at| key + at + 1) else { return spec.to_owned() };
    let Some(close) = spec[open..].find('"').map(|at| open + at) else { return spec.to_owned() };
    format!("{}{}{}", &spec[..open], folder.join(&spec[open..close]).display(), &spec[close..])
}

fn byte_of(code: &str, cursor: usize) -> usize {
    code.char_indices().nth(cursor).map_or(code.len(), |(at, _)| at)
}

fn code_points(code: &str, byte: usize) -> usize {
    code.char_indices().take_while(|(at, _)| *at < byte).count()
}

/// The end of the word around `at`: what is known is asked of a whole word.
fn word_end(code: &str, at: usize) -> usize {
    let rest = code.get(at..).unwrap_or_default();
    let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
    at + word.unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crates_folder_is_found_from_the_cells_own() {
        let absolute = |spec| in_folder(spec, Path::new("/notebooks"));
        assert_eq!(absolute("a = { path = \"./a\" }"), "a = { path = \"/notebooks/./a\" }");
        assert_eq!(absolute("a = { path = \"/x/a\", version = \"1\" }"), "a = { path = \"/x/a\", version = \"1\" }");
        assert_eq!(absolute("serde = \"1\""), "serde = \"1\"");
        assert_eq!(absolute("path = \"1\""), "path = \"1\"");
    }
}
