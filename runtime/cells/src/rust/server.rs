//! The socket on which the process of Rust cells talks to the session.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pelago_protocol::cells::{Call, Notice, Opening, Order};
use subtle::ConstantTimeEq;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::calls;
use super::error::CellsError;
use super::making;
use super::output;
use super::state::State;
use super::wire;
use crate::interpreter::Event;
use pelago_protocol::Step;

/// The socket and its address.
#[derive(Debug)]
pub(super) struct Server {
    /// Only the user can read it: so nobody else can name the socket.
    folder: TempDir,
    accept: JoinHandle<()>,
}

impl Server {
    pub(super) fn start(state: &Arc<State>) -> Result<Self, CellsError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| CellsError::Folder { path, source }
        };
        let temporary = std::env::temp_dir();
        let folder = tempfile::Builder::new().prefix("pelago-cells-").tempdir().map_err(failed(&temporary))?;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700))
            .map_err(failed(folder.path()))?;
        let path = folder.path().join("session");
        let listener = UnixListener::bind(&path).map_err(failed(&path))?;
        let accept = tokio::spawn(accept(listener, Arc::clone(state)));
        Ok(Self { folder, accept })
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("session")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

async fn accept(listener: UnixListener, state: Arc<State>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let state = Arc::clone(&state);
                tokio::spawn(async move {
                    if let Err(error) = serve(stream, &state).await {
                        tracing::debug!(%error, "a connection of the cells ended");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection of the cells was not taken");
                // Out of descriptors: others have to close first.
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(mut stream: UnixStream, state: &Arc<State>) -> io::Result<()> {
    let opening: Opening = wire::read(&mut stream).await?;
    if !bool::from(opening.token.as_bytes().ct_eq(state.token.as_bytes())) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "a connection with a wrong token"));
    }
    match opening.call {
        Call::Control => control(stream, state).await,
        Call::Streams { stdout, stderr } => output::forward(stream, [stdout, stderr], state).await,
        Call::Building => building(stream, state).await,
        Call::Generate { request, parts } => making::answer(stream, &request, parts, state).await,
        call => calls::answer(stream, call, state).await,
    }
}

/// How far cargo is, line by line.
async fn building(stream: UnixStream, state: &Arc<State>) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(running) = state.running() {
            let step = Step::Building { what: line.trim().to_owned() };
            // A front end that is gone needs no progress.
            let _ = running.events.send(Event::Progress(step)).await;
        }
    }
    Ok(())
}

async fn control(stream: UnixStream, state: &Arc<State>) -> io::Result<()> {
    let (mut read, mut write) = stream.into_split();
    let (orders, mut queue) = mpsc::channel::<Order>(4);
    state.control_opened(orders);
    let sending = tokio::spawn(async move {
        while let Some(order) = queue.recv().await {
            if wire::write(&mut write, &order).await.is_err() {
                break;
            }
        }
    });
    let ended = loop {
        match wire::read::<Notice>(&mut read).await {
            Ok(notice) => state.noticed(notice),
            Err(error) => break error,
        }
    };
    sending.abort();
    if ended.kind() == io::ErrorKind::UnexpectedEof { Ok(()) } else { Err(ended) }
}
