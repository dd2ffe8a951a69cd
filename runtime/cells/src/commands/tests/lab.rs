//! A session in a folder of its own, on a machine where no browser is found.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pelago_browser::driver::Search;
use pelago_browser::pool::PoolOptions;
use pelago_browser::reaper::Reaper;
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::commands::{self, CommandError, Context};
use crate::interpreter::{Event, InterpreterOptions};
use crate::rust::{CellOptions, Cells, StandIn};
use pelago_models::network::{HUGGING_FACE, NetworkOptions};
use pelago_render::Shown;
use pelago_session::{Session, SessionOptions};

/// The session, what its commands tell, and its folder.
pub(super) struct Lab {
    pub(super) session: Arc<Session>,
    pub(super) events: mpsc::Receiver<Event>,
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
        let (sender, events) = mpsc::channel(64);
        Self { session, events, cells, sender, home }
    }

    /// Runs a line.
    pub(super) async fn run(&self, line: &str) -> Result<Vec<Shown>, CommandError> {
        let folder = self.home.path();
        let context = Context { session: &self.session, cells: &self.cells, folder, events: &self.sender };
        commands::run(&context, line).await
    }
}

/// A checked-in file or folder.
pub(super) fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(path)
}
