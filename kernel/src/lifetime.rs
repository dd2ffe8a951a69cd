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

/// Watches for as long as the tasks are polled. `parent` is the process whose end is the kernel's.
pub(crate) fn watch(kernel: &Arc<Kernel>, parent: Option<u32>, tasks: &mut JoinSet<()>) -> Result<(), KernelError> {
    let open = |kind| signal(kind).map_err(|source| KernelError::Signals { source });
    let interrupt = open(SignalKind::interrupt())?;
    let (terminate, hangup) = (open(SignalKind::terminate())?, open(SignalKind::hangup())?);
    tasks.spawn(interrupts(Arc::clone(kernel), interrupt));
    tasks.spawn(ends(Arc::clone(kernel), terminate, hangup));
    if let Some(parent) = parent {
        tasks.spawn(orphaned(Arc::clone(kernel), parent));
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
async fn orphaned(kernel: Arc<Kernel>, parent: u32) {
    let mut look = tokio::time::interval(PARENT);
    while parent_id() == parent {
        look.tick().await;
    }
    kernel.end(End::Orphaned);
}
