//! A session in a folder of its own, on a machine where no browser is found.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pelago_browser::driver::Search;
use pelago_browser::pool::PoolOptions;
use pelago_browser::reaper::Reaper;
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::commands::{self, CommandError, Context, Events, Outcome, RustCells, Sink, Workplace};
use crate::interpreter::{Event, InterpreterOptions};
use crate::rust::{CellOptions, Cells, StandIn};
use pelago_models::network::{HUGGING_FACE, NetworkOptions};
use pelago_protocol::Step;
use pelago_render::Shown;
use pelago_session::{CancellationToken, Session, SessionOptions};

/// The session, what its commands tell, and its folder.
pub(super) struct Lab {
    pub(super) session: Arc<Session>,
    /// What was done for the last line that was run well.
    pub(super) steps: Vec<Step>,
    events: mpsc::Receiver<Event>,
    cells: Cells,
    sender: mpsc::Sender<Event>,
    home: TempDir,
}

/// What an interpreter needs, on a machine where no browser is found.
pub(crate) fn options(home: &Path) -> InterpreterOptions {
    let at = |name: &str| home.join(name);
    let search = Search { configured: Vec::new(), path: Vec::new(), tool_dirs: Vec::new() };
    let session = SessionOptions {
        store: at("store"),
        store_quota: None,
        results: at("results").into(),
        browsers: PoolOptions {
            search,
            remotes: Vec::new(),
            profiles: at("profiles"),
            reaper: Reaper { program: at("nothing"), args: Vec::new() },
            headless: true,
            port: None,
            open_deadline: Duration::from_secs(5),
        },
        network: NetworkOptions::new(at("staging"), HUGGING_FACE).unwrap(),
    };
    let cells = CellOptions {
        home: at("cells"),
        program: at("nothing"),
        stand_in: StandIn::nowhere(home),
        prelude: at("nothing"),
        source: at("nothing"),
        user_prelude: None,
        folder: home.to_owned(),
        interrupt_deadline: Duration::from_secs(5),
    };
    InterpreterOptions { session, cells }
}

impl Lab {
    pub(super) async fn open() -> Self {
        let home = tempfile::tempdir().unwrap();
        let options = options(home.path());
        let session = Arc::new(Session::open(options.session).await.unwrap());
        let cells = Cells::open(options.cells).await.unwrap();
        cells.attach(Arc::clone(&session));
        let (sender, events) = mpsc::channel(4096);
        Self { session, steps: Vec::new(), events, cells, sender, home }
    }

    /// Runs a line, and gives what it shows.
    pub(super) async fn run(&mut self, line: &str) -> Result<Vec<Shown>, CommandError> {
        self.outcome(line).await.map(|(_, shown)| shown)
    }

    /// Runs a line, and gives what it says of it.
    pub(super) async fn outcome(&mut self, line: &str) -> Result<(Outcome, Vec<Shown>), CommandError> {
        let work = Workplace::of(Arc::clone(&self.session));
        let sink: Arc<dyn Sink> = Arc::new(Events(self.sender.clone()));
        let cells = Some(RustCells { cells: &self.cells, events: &self.sender });
        let cancel = CancellationToken::new();
        let context = Context { work: &work, cells, folder: self.home.path(), sink: &sink, cancel: &cancel };
        let outcome = commands::run(&context, line).await?;
        let mut shown = Vec::new();
        self.steps.clear();
        while let Ok(event) = self.events.try_recv() {
            match event {
                Event::Result(value) => shown.push(value),
                Event::Progress(step) => self.steps.push(step),
                _ => {}
            }
        }
        Ok((outcome, shown))
    }
}

/// A checked-in file or folder.
pub(super) fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(path)
}
