//! What ends a kernel beside its clients: signals, and the end of its parent.

use std::os::unix::process::parent_id;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

use crate::error::KernelError;
use crate::kernel::{End, Kernel};

/// Between two looks at the parent.
const PARENT: Duration = Duration::from_secs(1);

/// Watches for as long as the tasks are polled.
pub(crate) fn watch(kernel: &Arc<Kernel>, with_parent: bool, tasks: &mut JoinSet<()>) -> Result<(), KernelError> {
    let open = |kind| signal(kind).map_err(|source| KernelError::Signals { source });
    let interrupt = open(SignalKind::interrupt())?;
    let (terminate, hangup) = (open(SignalKind::terminate())?, open(SignalKind::hangup())?);
    tasks.spawn(interrupts(Arc::clone(kernel), interrupt));
    tasks.spawn(ends(Arc::clone(kernel), terminate, hangup));
    if with_parent {
        tasks.spawn(parent(Arc::clone(kernel)));
    }
    Ok(())
}

async fn interrupts(kernel: Arc<Kernel>, mut signal: Signal) {
    while signal.recv().await.is_some() {
        kernel.interrupt();
    }
}

async fn ends(kernel: Arc<Kernel>, mut terminate: Signal, mut hangup: Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    kernel.end(End::Signal);
}

/// A process whose parent ended gets another one.
async fn parent(kernel: Arc<Kernel>) {
    let first = parent_id();
    let mut look = tokio::time::interval(PARENT);
    while parent_id() == first {
        look.tick().await;
    }
    kernel.end(End::Orphaned);
}
