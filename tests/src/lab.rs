//! A session in a folder of its own, with this machine's browsers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pelago_browser::driver::Search;
use pelago_browser::pool::PoolOptions;
use pelago_browser::reaper::Reaper;
use pelago_models::network::{HUGGING_FACE, NetworkOptions};
use pelago_protocol::Request;
use pelago_protocol::{Output, Run};
use pelago_session::{Session, SessionError, SessionOptions};
use tempfile::TempDir;

/// A session and the folder that holds all of it.
#[derive(Debug)]
pub struct Lab {
    /// The session.
    pub session: Session,
    home: TempDir,
}

impl Lab {
    /// Opens a session in a new folder. The reaper is the `pelago` binary.
    ///
    /// # Errors
    /// As [`Session::open`]; a machine without a temporary folder panics.
    pub async fn open() -> Result<Self, SessionError> {
        let home = tempfile::tempdir().unwrap_or_else(|error| panic!("a temporary folder is needed: {error}"));
        let session = Session::open(options(home.path())).await?;
        Ok(Self { session, home })
    }

    /// The folder: every process of this lab's browsers names it.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Adds a model's folder under a name.
    ///
    /// # Errors
    /// Where the folder is not a model's.
    pub async fn add(&self, folder: &Path, name: &str) -> Result<(), SessionError> {
        self.session.models().add(folder, Some(name), None, |_| {}).await?;
        Ok(())
    }

    /// Runs without watching.
    ///
    /// # Errors
    /// As [`Session::accelerate`].
    pub async fn run(&self, request: &Request) -> Result<Run, SessionError> {
        self.session.accelerate(request, None).await
    }
}

/// Options of a session in `home` with the browsers that `make deps` installs.
#[must_use]
pub fn options(home: &Path) -> SessionOptions {
    let path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    SessionOptions {
        store: home.join("store"),
        store_quota: None,
        results: home.join("results").into(),
        browsers: PoolOptions {
            search: Search { path, tool_dirs: vec![cache().join("tools")], configured: Vec::new() },
            remotes: Vec::new(),
            profiles: home.join("profiles"),
            reaper: Reaper { program: pelago(), args: vec!["reaper".into()] },
            headless: true,
            port: None,
            open_deadline: Duration::from_secs(120),
        },
        network: NetworkOptions::new(home.join("staging"), HUGGING_FACE).unwrap_or_else(|error| panic!("{error}")),
    }
}

/// The `pelago` binary of this build: it lies beside the folder of the test's own.
#[must_use]
pub fn pelago() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    let folders = own.ancestors().skip(1).take(2);
    folders.map(|folder| folder.join("pelago")).find(|path| path.exists()).unwrap_or_else(|| {
        panic!(
            "no `pelago` beside {}: run `make test`, or `cargo build --workspace` before `cargo test`",
            own.display()
        )
    })
}

/// The folder of tools and models that `make` keeps for all clones.
#[must_use]
pub fn cache() -> PathBuf {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    named.or_else(|| Some(std::env::home_dir()?.join(".cache"))).unwrap_or_default().join("pelago")
}

/// The folder of all-MiniLM-L6-v2 that `make model` fetches.
#[must_use]
pub fn minilm() -> PathBuf {
    let folder = cache().join("models/all-MiniLM-L6-v2-0.1.0");
    assert!(folder.join("model.safetensors").exists(), "no model in {}: run `make model`", folder.display());
    folder
}

/// The embeddings of a run.
#[must_use]
pub fn embeddings(run: &Run) -> (&[usize; 2], &[f32]) {
    match &run.output {
        Output::Embeddings { shape, values } => (shape, values),
        Output::Texts(texts) => panic!("{} texts where embeddings were due", texts.len()),
        Output::Tensors(tensors) => panic!("{} tensors where embeddings were due", tensors.len()),
        other => panic!("{other:?} where embeddings were due"),
    }
}
