//! The Jupyter kernel: Jupyter's messages on one side, an
//! [`Interpreter`](pelago_cells::interpreter::Interpreter) on the other.
//!
//! The sockets listen before anything else is done, and `kernel_info` is
//! answered while the interpreter still opens. Each channel has its own task:
//! shell runs one request after another, control interrupts and ends the kernel
//! meanwhile, stdin brings answers to a cell's questions, iopub publishes, and
//! heartbeat echoes. Nothing that a client sends ends the kernel but a
//! `shutdown_request` with the right signature.
//!
//! It knows neither the terminal nor the environment.

mod connection;
mod control;
mod error;
mod execute;
mod gate;
mod history;
mod kernel;
mod lifetime;
mod shell;
mod sockets;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use pelago_cells::interpreter::{Interpreter, InterpreterOptions};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use uuid::Uuid;

pub use error::KernelError;

use crate::connection::Connection;
use crate::history::History;
use crate::kernel::{End, Kernel, Opened};
use crate::sockets::{Iopub, Sockets, Stdin};

/// Bytes of output that a cell shows, unless the front end decides otherwise.
pub const OUTPUT_LIMIT: usize = 16 << 20;

/// How long browsers and cells are waited for at the end. Jupyter kills a
/// kernel five seconds after it asked it to end.
const CLOSE_DEADLINE: Duration = Duration::from_secs(4);
const FLUSH_DEADLINE: Duration = Duration::from_secs(1);

/// What a front end decides for a kernel.
#[derive(Clone, Debug)]
pub struct KernelOptions {
    /// The file in which Jupyter names ports and key.
    pub connection_file: PathBuf,
    /// Whether to listen where other machines can reach it, if the file says so.
    pub allow_remote: bool,
    /// The SQLite file of past cells; made where it is missing.
    pub history: PathBuf,
    /// Bytes of output that one cell shows at most; the rest is dropped, and told.
    pub output_limit: usize,
    /// Whether to end with the process that started this one.
    pub end_with_parent: bool,
}

/// Runs a kernel until a client, a signal or the end of its parent ends it.
/// Signals of the process are the kernel's from here on: SIGINT interrupts the
/// cell, SIGTERM and SIGHUP end the kernel.
///
/// # Errors
/// [`KernelError`] where it cannot begin to listen. An interpreter that cannot
/// be opened is the error of each cell.
pub async fn run(options: KernelOptions, interpreter: InterpreterOptions) -> Result<(), KernelError> {
    // Asked for first: a parent that ends while the sockets are made is missed otherwise.
    let parent = options.end_with_parent.then(std::os::unix::process::parent_id);
    let connection = Connection::read(&options.connection_file, options.allow_remote)?;
    let sockets = Sockets::bind(&connection, &Uuid::now_v7().to_string()).await?;
    if connection.key.is_empty() {
        tracing::warn!("the connection file names no key: messages are not signed");
    }
    let (end, mut ended) = watch::channel(None);
    let (opening, opened) = watch::channel::<Opened>(None);
    let (iopub, publishing) = Iopub::new(sockets.iopub);
    let (stdin, listening) = Stdin::new(sockets.stdin.0, sockets.stdin.1);
    let kernel = Arc::new(Kernel {
        opened,
        iopub: iopub.clone(),
        stdin,
        history: History::new(options.history),
        dropped: sockets.dropped,
        output_limit: options.output_limit,
        end,
        count: AtomicU64::new(1),
        interrupted: Notify::new(),
    });
    let mut tasks = JoinSet::new();
    lifetime::watch(&kernel, parent, &mut tasks)?;
    tasks.spawn(publishing);
    tasks.spawn(listening);
    tasks.spawn(sockets::echo(sockets.heartbeat));
    tasks.spawn({
        let (kernel, (requests, replies)) = (Arc::clone(&kernel), sockets.control);
        async move { control::serve(&kernel, requests, replies).await }
    });
    tasks.spawn({
        let (kernel, (requests, replies)) = (Arc::clone(&kernel), sockets.shell);
        async move { shell::serve(&kernel, requests, replies).await }
    });
    tasks.spawn(async move {
        let opened = Interpreter::open(interpreter).await.map_err(Arc::new);
        if let Err(error) = &opened {
            tracing::error!(%error, "the session cannot be opened");
        }
        // Without receivers the kernel is ending.
        let _ = opening.send(Some(opened));
        // Held open: a closed channel would say that the kernel ends.
        opening.closed().await;
    });

    let why = ended.wait_for(Option::is_some).await.map_or(None, |why| *why);
    tracing::info!(?why, "the kernel ends");
    close(&kernel, &iopub, why).await;
    // Ends the tasks; with them the sockets, whose last messages the gates deliver.
    tasks.shutdown().await;
    drop(kernel);
    drop(iopub);
    sockets.gates.close().await;
    Ok(())
}

async fn close(kernel: &Kernel, iopub: &Iopub, why: Option<End>) {
    kernel.stdin.cancel();
    if let Some(interpreter) = kernel.interpreter_now()
        && tokio::time::timeout(CLOSE_DEADLINE, interpreter.close()).await.is_err()
    {
        // Their reapers end the browsers with this process.
        tracing::warn!("browsers did not close in time and are ended");
    }
    // Nobody is left to read the rest.
    if why != Some(End::Orphaned) && tokio::time::timeout(FLUSH_DEADLINE, iopub.flush()).await.is_err() {
        tracing::debug!("a client did not take the last output");
    }
}
