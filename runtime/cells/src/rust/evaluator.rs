//! The thread that owns evcxr: it compiles a cell, has the child process run it,
//! and completes. evcxr blocks, so it has a thread of its own; what it is asked
//! comes through a queue.

use std::collections::HashSet;
use std::io;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use evcxr::{CommandContext, CompilationError, Error, EvalCallbacks, EvalContext, EvalContextOutputs};
use pelago_protocol::cells::{SOCKET_VARIABLE, TOKEN_VARIABLE};
use tokio::sync::oneshot;

use super::child::LIBRARY_VARIABLE;
use super::error::CellsError;
use super::options::CellOptions;
use super::prelude::{self, Prelude};
use super::state::State;
use super::toolchain::{COMPILE_VARIABLE, Toolchain, Tools};
use crate::interpreter::Event;

/// What every interpreter's cells begin with.
const FIRST: &str = "use pelago::prelude::*;";
/// Has evcxr expect `?` from now on: it compiles the first cell with it twice.
const FALLIBLE: &str = "Ok::<(), ()>(())?;";
/// Has the analyser read the prelude and Polars now, and not in the user's first cell.
const WARM: &str = "let frame = history()?; frame.clone().lazy().filter(col(\"a\").gt(lit(1))).collect()?.";
/// After so long without a job there is time for [`FALLIBLE`] and [`WARM`].
const IDLE: Duration = Duration::from_millis(700);

/// What the thread is asked.
pub(super) enum Job {
    /// Compile and run.
    Run { code: String, reply: oneshot::Sender<Result<Ran, Failed>> },
    /// What can stand at a byte.
    Complete { code: String, at: usize, reply: oneshot::Sender<Option<evcxr::Completions>> },
    /// What is known about the expression that ends at a byte.
    Inspect { code: String, at: usize, reply: oneshot::Sender<Option<(String, String)>> },
    /// Names and types of variables.
    Variables { reply: oneshot::Sender<Vec<(String, String)>> },
}

/// A cell that ran.
#[derive(Clone, Debug, Default)]
pub(super) struct Ran {
    /// Variables that were there before it and are not any more.
    pub(super) gone: Vec<String>,
}

/// Why a cell did not run to its end, as evcxr knows it.
#[derive(Debug)]
pub(super) enum Failed {
    /// It was not compiled.
    Compile(Vec<CompilationError>),
    /// Something else was in the way.
    Message(String),
    /// The process ended.
    Ended(String),
}

/// The process that cells run in.
pub(super) type Child = Arc<Mutex<std::process::Child>>;

/// A started evaluator.
#[derive(Clone, Debug)]
pub(super) struct Evaluator {
    jobs: mpsc::Sender<Job>,
    pub(super) child: Child,
    /// Rust's own tools.
    pub(super) tools: Tools,
}

impl Evaluator {
    /// Starts it; ready when this returns.
    pub(super) async fn start(options: CellOptions, state: Arc<State>, socket: &Path) -> Result<Self, CellsError> {
        let (jobs, queue) = mpsc::channel();
        let (ready, started) = oneshot::channel();
        let socket = socket.to_owned();
        let work = move || match open(&options, &state, &socket) {
            Ok((context, outputs, tools)) => {
                listen(outputs, &state);
                // Who waited may be gone.
                let _ = ready.send(Ok((context.process_handle(), tools)));
                serve(context, &queue, options.compile().file());
            }
            Err(error) => drop(ready.send(Err(error))),
        };
        let thread = thread::Builder::new().name("pelago-cells".to_owned()).spawn(work);
        thread.map_err(|source| CellsError::Evaluator { detail: source.to_string() })?;
        let stopped = |_| CellsError::Evaluator { detail: "its thread stopped".to_owned() };
        let (child, tools) = started.await.map_err(stopped)??;
        Ok(Self { jobs, child, tools })
    }

    /// Asks; `None` where the thread is gone.
    pub(super) async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(job(reply)).ok()?;
        answer.await.ok()
    }

    /// Ends the process that cells run in. evcxr starts another one.
    pub(super) fn kill(&self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = child.kill() {
            tracing::debug!(%error, "the cells' process was gone already");
        }
    }
}

fn open(
    options: &CellOptions,
    state: &State,
    socket: &Path,
) -> Result<(CommandContext, EvalContextOutputs, Tools), CellsError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| CellsError::Folder { path, source }
    };
    let mut phases = Phases::new();
    let tools = Tools::find(options.stand_in.environment())?;
    let (toolchain, prelude) = toolchain(options, &tools)?;
    options.stand_in.configure(&toolchain)?;
    let mut command = Command::new(&options.program);
    command
        // A terminal's Ctrl-C is the front end's to answer: it would end the process at once.
        .process_group(0)
        .current_dir(&options.folder)
        .env(LIBRARY_VARIABLE, &prelude.library)
        .env(SOCKET_VARIABLE, socket)
        .env(TOKEN_VARIABLE, &state.token);
    options.stand_in.environment().restore(&mut command);
    let refused = |error: Error| CellsError::Evaluator { detail: error.to_string() };
    phases.end("start: tools and the linked prelude");
    let (context, outputs) = EvalContext::with_subprocess_command(command).map_err(refused)?;
    let mut context = CommandContext::with_eval_context(context);
    context.set_opt_level("0").map_err(refused)?;
    phases.end("start: evcxr and its first cell");
    options.stand_in.show_standard_library(&tools)?;
    let source = prelude.analysis.join("pelago-prelude");
    context
        .execute(&format!(
            ":efmt {{:?}}\n:build_env {COMPILE_VARIABLE}={}\n:build_env {SOCKET_VARIABLE}={}\n:build_env {TOKEN_VARIABLE}={}\n:dep pelago = {{ path = {source:?}, package = \"pelago-prelude\" }}\n{FIRST}",
            options.compile().file().display(),
            socket.display(),
            state.token,
        ))
        .map_err(refused)?;
    phases.end("start: the prelude's first cell");
    for file in user_prelude(options).map_err(failed(&options.home))? {
        let code = std::fs::read_to_string(&file).map_err(failed(&file))?;
        context.execute(&code).map_err(|error| CellsError::UserPrelude { file, detail: error.to_string() })?;
    }
    Ok((context, outputs, tools))
}

fn toolchain(options: &CellOptions, tools: &Tools) -> Result<(Toolchain, Prelude), CellsError> {
    let libraries = tools.ask(&["--print", "target-libdir"])?.into();
    let prelude = prelude::ready(&options.prelude, &options.source, tools)?;
    let toolchain = Toolchain {
        cargo: tools.cargo.clone(),
        rustc: tools.rustc.clone(),
        libraries,
        environment: tools.environment.clone(),
        interface: prelude.interface.clone(),
        prelude: prelude.folder.clone(),
        metadata: prelude.metadata.clone(),
        library: prelude.library.clone(),
        words: prelude.words.clone(),
        sources: options.stand_in.sources(),
        dependencies: options.home.join("dependencies"),
        target: tools.target.clone(),
    };
    Ok((toolchain, prelude))
}

/// The user's own files, in the order of their names.
fn user_prelude(options: &CellOptions) -> io::Result<Vec<std::path::PathBuf>> {
    let Some(folder) = options.user_prelude.as_ref().filter(|folder| folder.is_dir()) else { return Ok(Vec::new()) };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// evcxr's own output: what came outside of a cell's code, e.g. while it was
/// compiled or when its process broke down.
fn listen(outputs: EvalContextOutputs, state: &Arc<State>) {
    type Wrap = fn(String) -> Event;
    for (lines, wrap) in [(outputs.stdout, Event::Stdout as Wrap), (outputs.stderr, Event::Stderr as Wrap)] {
        let state = Arc::clone(state);
        let forward = move || {
            for line in lines {
                // Of an error that was reported already, evcxr prints an empty line.
                if let Some(running) = state.running().filter(|_| !line.is_empty()) {
                    let _ = running.events.blocking_send(wrap(line + "\n"));
                }
            }
        };
        if let Err(error) = thread::Builder::new().name("pelago-cells-output".to_owned()).spawn(forward) {
            tracing::warn!(%error, "output of the compiler will not be seen");
        }
    }
}

fn serve(mut context: CommandContext, queue: &mpsc::Receiver<Job>, compile: &Path) {
    let mut is_warm = false;
    loop {
        let next = if is_warm { queue.recv().map_err(RecvTimeoutError::from) } else { queue.recv_timeout(IDLE) };
        let job = match next {
            Ok(job) => job,
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                // What it finds does not matter.
                let mut phases = Phases::new();
                let _ = context.execute(FALLIBLE);
                let _ = context.completions(WARM, WARM.len());
                phases.end("idle: the analyser reads Polars");
                is_warm = true;
                continue;
            }
        };
        // Who asked may be gone: an interrupted completion, a closed kernel.
        match job {
            Job::Run { code, reply } => {
                let ran = ask(|| Some(run(&mut context, &code, compile)));
                let broken = || Err(Failed::Message("the analyser broke down over this cell".to_owned()));
                drop(reply.send(ran.unwrap_or_else(broken)));
            }
            Job::Complete { code, at, reply } => drop(reply.send(ask(|| context.completions(&code, at).ok()))),
            Job::Inspect { code, at, reply } => drop(reply.send(ask(|| context.hover_at(&code, at).ok()))),
            Job::Variables { reply } => {
                let variables = context.variables_and_types();
                let mut variables: Vec<_> = variables.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect();
                variables.sort();
                drop(reply.send(variables));
            }
        }
    }
}

/// Asks the analyser, which panics over some code, such as what is half written.
/// That costs its answer, and no more.
fn ask<T>(question: impl FnOnce() -> Option<T>) -> Option<T> {
    let answer = catch_unwind(AssertUnwindSafe(question));
    answer.unwrap_or_else(|_| {
        tracing::warn!("the analyser broke down");
        None
    })
}

fn run(context: &mut CommandContext, code: &str, compile: &Path) -> Result<Ran, Failed> {
    let began = SystemTime::now();
    let before: HashSet<String> = names(context).collect();
    match context.execute_with_callbacks(code, &mut EvalCallbacks::default()) {
        Ok(outputs) => {
            let spent: Vec<_> = outputs.phases.iter().map(|phase| phase.duration).collect();
            // The stand-in writes this file when a compile begins; a cell of commands has none.
            let compiled = std::fs::metadata(compile).and_then(|file| file.modified()).ok();
            let analysis = compiled.and_then(|at| at.duration_since(began).ok());
            if let (Some(analysis), [until_compiled @ .., run]) = (analysis, spent.as_slice()) {
                let until_compiled: Duration = until_compiled.iter().sum();
                told("cell: analysis", analysis);
                told("cell: compile", until_compiled.saturating_sub(analysis));
                told("cell: run", *run);
            }
            let now: HashSet<String> = names(context).collect();
            Ok(Ran { gone: before.difference(&now).cloned().collect() })
        }
        Err(Error::CompilationErrors(errors)) => Err(Failed::Compile(errors)),
        Err(Error::SubprocessTerminated(detail)) => Err(Failed::Ended(detail)),
        Err(other) => Err(Failed::Message(other.to_string())),
    }
}

/// The variables that cells share.
fn names(context: &CommandContext) -> impl Iterator<Item = String> {
    context.variables_and_types().map(|(name, _)| name.to_owned())
}

/// What the time goes into, for who asks for it in the log.
struct Phases(Instant);

impl Phases {
    fn new() -> Self {
        Self(Instant::now())
    }

    /// Tells the phase that ends now, and begins the next one.
    fn end(&mut self, phase: &str) {
        told(phase, self.0.elapsed());
        self.0 = Instant::now();
    }
}

fn told(phase: &str, spent: Duration) {
    tracing::debug!(phase, ms = spent.as_secs_f64() * 1e3);
}
