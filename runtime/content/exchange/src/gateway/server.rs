//! The gateway's life: listening, connections and their limits, the end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use pelago_dag::Blocks;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::{Shared, answer};
use super::body::{self, Body};
use super::error::GatewayError;
use super::options::GatewayOptions;
use super::stall::Stalling;
use crate::retrieve::Bandwidth;

/// Connections above the limit that are told so; further ones are dropped.
const TURNED_AWAY: usize = 32;
/// The longest head of a request, bytes.
const HEAD_MAX: usize = 32 << 10;
/// What is held of a request, and of an answer beyond the piece at hand, bytes.
const BUFFER: usize = 64 << 10;
/// Headers of a request.
const HEADERS_MAX: usize = 64;
/// Where the routes of another area lie.
const ROUTES: &str = "/pelago/";
/// The longest answer of such a route, bytes.
const ROUTED_MAX: usize = 1 << 20;
/// The pause after an error of accepting, such as having no file handles left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A gateway that runs. Dropping it cuts its connections; [`Gateway::close`] lets answers end first.
#[derive(Debug)]
pub struct Gateway {
    addr: SocketAddr,
    stop: CancellationToken,
    kill: CancellationToken,
    tasks: TaskTracker,
}

impl Gateway {
    /// Listens, and serves these blocks.
    ///
    /// # Errors
    ///
    /// `Public` where the address is not loopback and that was not allowed; `Listen`.
    pub async fn start(blocks: Arc<dyn Blocks>, options: GatewayOptions) -> Result<Self, GatewayError> {
        Self::start_with(blocks, options, None).await
    }

    /// The same, with routes of another area under `/pelago/`, which are told who asks as
    /// `ConnectInfo<SocketAddr>` and give short answers.
    ///
    /// # Errors
    ///
    /// As `start`.
    pub async fn start_with(
        blocks: Arc<dyn Blocks>,
        options: GatewayOptions,
        routes: Option<axum::Router>,
    ) -> Result<Self, GatewayError> {
        let listen = options.listen;
        if !listen.ip().is_loopback() && !options.beyond_loopback {
            return Err(GatewayError::Public { listen });
        }
        let failed = |source| GatewayError::Listen { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let gateway =
            Self { addr, stop: CancellationToken::new(), kill: CancellationToken::new(), tasks: TaskTracker::new() };
        let shared = Shared {
            blocks,
            requests: Arc::new(Semaphore::new(options.requests)),
            limit: options.rate.map(|rate| Bandwidth::limited(rate.get())).unwrap_or_default(),
            cors: options.cors.clone(),
            node: options.node.clone(),
        };
        let server = Server {
            shared: Arc::new(shared),
            routes,
            options,
            stop: gateway.stop.clone(),
            kill: gateway.kill.clone(),
            tasks: gateway.tasks.clone(),
        };
        gateway.tasks.spawn(server.listen(listener));
        Ok(gateway)
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Takes no more connections and requests, and waits for the answers that are being sent.
    ///
    /// # Errors
    ///
    /// `CutOff` where some were not through in this time.
    pub async fn close(self, within: Duration) -> Result<(), GatewayError> {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(within, self.tasks.wait()).await.is_ok() {
            return Ok(());
        }
        let connections = self.tasks.len();
        self.kill.cancel();
        self.tasks.wait().await;
        Err(GatewayError::CutOff { connections })
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.cancel();
        self.kill.cancel();
    }
}

/// Answers by another area's routes.
async fn routed(routes: axum::Router, mut request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
    request.extensions_mut().insert(ConnectInfo(peer));
    let Ok(response) = TowerToHyperService::new(routes).call(request).await;
    let (mut parts, body) = response.into_parts();
    match axum::body::to_bytes(body, ROUTED_MAX).await {
        Ok(bytes) => Response::from_parts(parts, body::whole(bytes)),
        Err(error) => {
            tracing::error!(%error, "an answer of a route could not be put together");
            parts.status = StatusCode::INTERNAL_SERVER_ERROR;
            parts.headers.clear();
            Response::from_parts(parts, body::empty())
        }
    }
}

struct Server {
    shared: Arc<Shared>,
    routes: Option<axum::Router>,
    options: GatewayOptions,
    stop: CancellationToken,
    kill: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    async fn listen(self, listener: TcpListener) {
        let places = Arc::new(Semaphore::new(self.options.connections));
        let outside = Arc::new(Semaphore::new(TURNED_AWAY));
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let place = places.clone().try_acquire_owned();
            let turned_away = place.is_err();
            let Ok(place) = place.or_else(|_| outside.clone().try_acquire_owned()) else {
                tracing::debug!(%peer, "a connection too many was dropped");
                continue;
            };
            let serve = self.serve(stream, peer, turned_away);
            self.tasks.spawn(async move {
                let _place = place;
                if let Err(error) = serve.await {
                    tracing::debug!(%peer, %error, "a connection ended early");
                }
            });
        }
    }

    fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        turned_away: bool,
    ) -> impl Future<Output = Result<(), hyper::Error>> + use<> {
        // Small frames before large ones must not wait for each other.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps Nagle's algorithm");
        }
        let (shared, routes) = (self.shared.clone(), self.routes.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (shared, routes) = (shared.clone(), routes.clone());
            async move {
                let routes = routes.filter(|_| !turned_away && request.uri().path().starts_with(ROUTES));
                Ok::<_, Infallible>(match routes {
                    Some(routes) => routed(routes, request, peer).await,
                    None => answer(&shared, request, turned_away).await,
                })
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.options.head)
            .max_buf_size(BUFFER)
            .max_headers(HEADERS_MAX)
            .max_header_size(HEAD_MAX)
            .serve_connection(TokioIo::new(Stalling::new(stream, self.options.stall)), service);
        let (stop, kill) = (self.stop.clone(), self.kill.clone());
        async move {
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                () = kill.cancelled() => return Ok(()),
                ended = &mut connection => return ended,
                () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
            }
            tokio::select! {
                () = kill.cancelled() => Ok(()),
                ended = connection => ended,
            }
        }
    }
}
