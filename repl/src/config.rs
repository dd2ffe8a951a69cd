//! From the command line and the environment to the values that a session is
//! given. Nowhere else is the environment read.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pelago_browser::driver::{Configured, Remote, Search};
use pelago_browser::pool::PoolOptions;
use pelago_browser::reaper::Reaper;
use pelago_cells::interpreter::InterpreterOptions;
use pelago_cells::rust::{CellOptions, StandIn};
use pelago_content::origin::{OriginError, Token};
use pelago_content::retrieve::Extent;
use pelago_models::network::{HUGGING_FACE, NetworkError, NetworkOptions};
use pelago_protocol::BrowserKind;
use pelago_results::Place;
use pelago_session::{SessionError, SessionOptions};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::args::{Global, Where};
use crate::failure::{Failure, SystemError};

/// From a browser's start to its page's first answer. A cold profile of Firefox
/// on a busy machine with two cores takes most of a minute.
const OPEN_DEADLINE: Duration = Duration::from_secs(90);

/// What is logged where `PELAGO_LOG` says nothing.
const LOG: &str = "error";

/// The hidden first argument with which Pelago starts itself as the reaper of a
/// browser's processes.
pub(crate) const REAPER: &str = "reaper";

/// Which lines of the log are written, from the variable `PELAGO_LOG`; and why
/// what the user gave is not used, where it is not.
pub(crate) fn log_filter() -> (EnvFilter, Option<String>) {
    let usual = || EnvFilter::new(LOG);
    let Some(given) = std::env::var_os("PELAGO_LOG").filter(|given| !given.is_empty()) else { return (usual(), None) };
    let Some(given) = given.to_str() else {
        return (usual(), Some("PELAGO_LOG is not text: give it a level, as in PELAGO_LOG=debug".to_owned()));
    };
    match EnvFilter::try_new(directives(given)) {
        Ok(filter) => (filter, None),
        Err(error) => {
            let help =
                "give it a level, as in PELAGO_LOG=debug, or targets with theirs, as in PELAGO_LOG=warn,pelago=trace";
            (usual(), Some(format!("PELAGO_LOG={given} cannot be used ({error}): {help}")))
        }
    }
}

/// A level alone is that of Pelago's own crates. Others would drown them: the
/// analyser writes thousands of lines for each cell.
fn directives(given: &str) -> String {
    match given.trim().parse::<LevelFilter>() {
        // The analyser warns at every start of what it then does otherwise.
        Ok(level) => {
            format!("{},ra_ap={},pelago={level}", level.min(LevelFilter::WARN), level.min(LevelFilter::ERROR))
        }
        Err(_) => given.to_owned(),
    }
}

/// How the terminal session looks and what it keeps.
#[derive(Clone, Debug)]
pub(crate) struct TerminalOptions {
    /// The file of what was typed in earlier sessions.
    pub(crate) history: PathBuf,
    /// Whether colours are wanted, where the output is a terminal (<https://no-color.org>).
    pub(crate) colours: bool,
    /// Whether the terminal can move its cursor. Where it cannot, lines are
    /// read as they come, and an answer that is not to be seen cannot be asked for.
    pub(crate) editing: bool,
}

/// The user's own folder of Jupyter's data, where the user has a home.
pub(crate) fn jupyter_data() -> Option<PathBuf> {
    let named = std::env::var_os("JUPYTER_DATA_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    if cfg!(target_os = "macos") {
        // Jupyter looks at no XDG variable there.
        let home = std::env::home_dir().filter(|home| home != Path::new(""));
        return named.or_else(|| Some(home?.join("Library/Jupyter")));
    }
    named.or_else(|| Some(user_folder("XDG_DATA_HOME", ".local/share", "")?.join("jupyter")))
}

/// The Python environment that is active in the user's shell.
pub(crate) fn python_environment() -> Option<PathBuf> {
    let named = |name| std::env::var_os(name).map(PathBuf::from).filter(|path: &PathBuf| path.is_absolute());
    named("VIRTUAL_ENV").or_else(|| named("CONDA_PREFIX"))
}

/// The options of a session with cells and commands.
///
/// # Safety
/// It sets environment variables: call it while the process has one thread.
pub(crate) unsafe fn interpreter_options(global: &Global) -> Result<InterpreterOptions, Failure> {
    let session = session_options(global)?;
    let program = program()?;
    let home = session.store.with_file_name("cells");
    // SAFETY: the caller's promise.
    let stand_in = unsafe { StandIn::install(&home, &program) }?;
    let (prelude, source) = prelude(&program);
    let cells = CellOptions {
        prelude,
        source,
        user_prelude: Some(session.store.with_file_name("prelude")),
        home,
        stand_in,
        program,
        folder: std::env::current_dir().map_err(|source| SystemError::Folder { source })?,
        interrupt_deadline: InterpreterOptions::INTERRUPT_DEADLINE,
    };
    Ok(InterpreterOptions { session, cells })
}

/// This executable.
fn program() -> Result<PathBuf, SystemError> {
    std::env::current_exe().map_err(|source| SystemError::Program { source })
}

/// The folders of the compiled prelude and of its sources: beside the executable
/// that cargo built, else in the workspace that it was built in.
fn prelude(program: &Path) -> (PathBuf, PathBuf) {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default();
    let beside = program.parent().map(Path::to_path_buf).unwrap_or_default();
    let built = [beside.clone(), workspace.join("target/debug"), workspace.join("target/release")];
    let folder = built.into_iter().find(|folder| folder.join(CellOptions::PRELUDE).is_file());
    (folder.unwrap_or(beside), workspace)
}

/// How the terminal session looks and what it keeps.
pub(crate) fn terminal_options(options: &InterpreterOptions) -> TerminalOptions {
    TerminalOptions {
        history: options.session.store.with_file_name("console-history"),
        colours: colours(),
        editing: is_editing(),
    }
}

/// Whether colours are wanted, where the output is a terminal (<https://no-color.org>).
pub(crate) fn colours() -> bool {
    is_editing() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Whether the terminal can move its cursor.
fn is_editing() -> bool {
    let term = std::env::var("TERM").unwrap_or_default().to_lowercase();
    !["dumb", "cons25", "emacs"].contains(&term.as_str())
}

/// The options of a session.
pub(crate) fn session_options(global: &Global) -> Result<SessionOptions, Failure> {
    let home = match &global.home {
        // Cells run in other folders.
        Some(home) => std::path::absolute(home).map_err(|source| SystemError::Home { path: home.clone(), source })?,
        None => user_folder("XDG_DATA_HOME", ".local/share", "Library/Application Support")
            .ok_or(SystemError::NoHome)?
            .join("pelago"),
    };
    let tools = user_folder("XDG_CACHE_HOME", ".cache", "Library/Caches").map(|cache| cache.join("pelago/tools"));
    let search = Search {
        path: std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default(),
        tool_dirs: tools.into_iter().collect(),
        configured: configured(global),
    };
    let remotes = global.remote.iter().map(|(kind, url)| Remote { url: url.clone(), kind: *kind }).collect();
    Ok(SessionOptions {
        store: home.join("store"),
        store_quota: global.store_quota,
        results: global.db_path.clone().map_or_else(|| home.join("results").into(), Place::File),
        browsers: PoolOptions {
            search,
            remotes,
            profiles: home.join("profiles"),
            reaper: Reaper { program: program()?, args: vec![REAPER.into()] },
            headless: !global.headed,
            port: global.port,
            open_deadline: OPEN_DEADLINE,
        },
        network: network_options(global, &home)?,
    })
}

/// Where models come from. The hub's variables are those of its own tools.
fn network_options(global: &Global, home: &Path) -> Result<NetworkOptions, Failure> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let hub = variable("HF_ENDPOINT").unwrap_or_else(|| HUGGING_FACE.to_owned());
    let failed = |error: OriginError| SessionError::from(NetworkError::from(error));
    let mut options = NetworkOptions::new(home.join("staging"), &hub).map_err(SessionError::from)?;
    options.origin.token = variable("HF_TOKEN").map(|token| Token::new(&token)).transpose().map_err(failed)?;
    options.sources = global.source.clone();
    options.download_limit = global.download_limit;
    options.discover = global.discover.map(|place| match place {
        Where::Network => Extent::Network,
        Where::Machine => Extent::Machine,
    });
    Ok(options)
}

/// What the user named, one entry a kind of browser.
fn configured(global: &Global) -> Vec<Configured> {
    let of = |named: &[(BrowserKind, PathBuf)], kind| {
        named.iter().rev().find(|(named, _)| *named == kind).map(|(_, path)| path.clone())
    };
    let kinds = BrowserKind::ALL.iter().map(|kind| Configured {
        kind: *kind,
        browser: of(&global.browser_path, *kind),
        driver: of(&global.driver_path, *kind),
    });
    kinds.filter(|found| found.browser.is_some() || found.driver.is_some()).collect()
}

/// The folder that the platform's convention gives, where the user has a home.
fn user_folder(variable: &str, linux: &str, macos: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let below_home = if cfg!(target_os = "macos") { macos } else { linux };
    named.or_else(|| std::env::home_dir().filter(|home| home != Path::new("")).map(|home| home.join(below_home)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_alone_is_that_of_pelagos_own_crates() {
        for (given, expected) in [
            ("debug", "warn,ra_ap=error,pelago=debug"),
            ("trace", "warn,ra_ap=error,pelago=trace"),
            (" INFO ", "warn,ra_ap=error,pelago=info"),
            ("warn", "warn,ra_ap=error,pelago=warn"),
            ("error", "error,ra_ap=error,pelago=error"),
            ("off", "off,ra_ap=off,pelago=off"),
        ] {
            assert_eq!(directives(given), expected, "{given}");
            assert!(EnvFilter::try_new(directives(given)).is_ok());
        }
    }

    #[test]
    fn a_filter_that_names_targets_is_taken_as_it_is() {
        for given in ["pelago_kernel=debug", "debug,ra_ap_hir_ty=warn", "info,pelago_cells::rust=trace", "salsa"] {
            assert_eq!(directives(given), given);
        }
        assert!(EnvFilter::try_new(directives("pelago=loud")).is_err());
    }
}
