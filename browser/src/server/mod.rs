//! The loopback server: gives browsers the page, its socket and model files, and
//! gives nobody else anything.
//!
//! It listens on 127.0.0.1 alone. A page is invited with a token that the address
//! holds; loading the page sets a cookie, without which `/ipfs/` stays shut; the
//! page's socket presents the token again, and the first page to do so keeps it.
//! Large tensors come beside that socket, by ids that its messages name; who asks
//! for one presents the token too.
//! The server knows no browser, no model and no block.

mod attachments;
mod content;
mod error;
mod greet;
mod invite;
mod origin;
mod range;
mod routes;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::serve::ListenerExt;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use self::invite::Guests;
use crate::{
    assets::{self, Assets},
    link::LinkOptions,
};

pub use content::{Content, ContentError, ContentInfo, ContentStream};
pub use error::ServerError;
pub use invite::Invitation;

/// How long transfers may go on after [`Server::close`].
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How a server is started.
pub struct ServerOptions {
    /// The port; 0 for any free one. Browsers keep compiled wasm and fetched
    /// files by origin, so the same port again makes for a warm start.
    pub port: u16,
    /// The page's files.
    pub assets: Arc<dyn Assets>,
    /// Model files.
    pub content: Arc<dyn Content>,
    /// How links to pages behave.
    pub link: LinkOptions,
}

struct Shared {
    assets: Arc<dyn Assets>,
    content: Arc<dyn Content>,
    link: LinkOptions,
    guests: Guests,
    /// Cookies do not tell ports apart, so the name does.
    cookie_name: String,
    stop: CancellationToken,
}

/// A running server. Dropping it stops it and ends every link.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Server {
    /// Binds and serves.
    ///
    /// # Errors
    /// [`ServerError::PortTaken`], [`ServerError::Bind`]; [`ServerError::Assets`] where there is no page.
    pub async fn start(options: ServerOptions) -> Result<Self, ServerError> {
        let ServerOptions { port, assets, content, link } = options;
        assets::check(&*assets)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let failed = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::AddrInUse => ServerError::PortTaken { port, source },
            _ => ServerError::Bind { address, source },
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let stop = CancellationToken::new();
        let cookie_name = format!("pelago_{}", address.port());
        let shared =
            Arc::new(Shared { assets, content, link, guests: Guests::default(), cookie_name, stop: stop.clone() });
        let router = routes::router(Arc::clone(&shared), address.port());
        // A small message must not wait for the acknowledgement of the last one.
        let listener = listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY is off");
            }
        });
        let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
        let task = tokio::spawn(async move {
            if let Err(error) = served.await {
                tracing::error!(%error, "the server ended");
            }
        });
        Ok(Self { address, shared, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Invites one page, which must say hello within `timeout`.
    ///
    /// # Errors
    /// [`ServerError::Random`].
    pub fn invite(&self, timeout: Duration) -> Result<Invitation, ServerError> {
        self.shared.guests.invite(&format!("http://{}", self.address), timeout)
    }

    /// Stops serving and ends every link.
    pub async fn close(mut self) {
        self.shared.stop.cancel();
        if tokio::time::timeout(CLOSE_TIMEOUT, &mut self.task).await.is_err() {
            tracing::debug!("transfers were cut when the server stopped");
        }
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.cancel();
        // Transfers under way end with their connections; `close` lets them finish.
        self.task.abort();
    }
}
