//! What a Pelago offers to others of its kind: to pull a root from them and hold it.
//!
//! ```text
//! GET    /pelago/v1/replicas         who this is, its domain, the bytes it has left
//! POST   /pelago/v1/replicas/<cid>   {"from": "<gateway>", "size": <bytes>}: pull it, 202
//! GET    /pelago/v1/replicas/<cid>   {"state": "queued" | "pulling" | "held" | "failed"}, or 404
//! DELETE /pelago/v1/replicas/<cid>   let it go, 204
//! ```
//!
//! All of it needs the token that the peers share. Only this machine is
//! answered unless the options say otherwise. A peer pulls from the address
//! that asks, or from hosts that its options name, so that the token's holder
//! cannot send it into networks that only it can reach.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use pelago_dag::{Cid, cid};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::{Host, Url};

use super::ReplicaError;
use super::jobs::{Job, Jobs};
use super::replica_host::ReplicaHost;
use super::rest::parse;

/// The longest request, bytes.
const REQUEST_MAX: usize = 16 << 10;
/// The shortest token that is accepted, characters: one that cannot be guessed.
const TOKEN_MIN: usize = 16;
/// The wait that is asked for where too many pulls wait, s.
const BUSY_WAIT: &str = "60";

/// How a peer takes part.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Its name, another for each peer.
    pub id: String,
    /// What fails with it: peers of one domain are not trusted to fail one by one.
    pub domain: String,
    /// Hosts, as `host` or `host:port`, that it may pull from beside the address that asks.
    pub sources: Vec<String>,
    /// Whether others than this machine are answered.
    pub remote: bool,
    /// Pulls at the same time.
    pub running: usize,
    /// Pulls that may wait.
    pub queued: usize,
    /// The longest time for a pull.
    pub deadline: Duration,
}

impl ServerOptions {
    /// A peer of this machine, which pulls two roots at a time.
    #[must_use]
    pub fn new(id: &str, domain: &str) -> Self {
        Self {
            id: id.to_owned(),
            domain: domain.to_owned(),
            sources: Vec::new(),
            remote: false,
            running: 2,
            queued: 64,
            deadline: Duration::from_secs(6 * 3600),
        }
    }
}

/// What a peer says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PeerInfo {
    pub(super) id: String,
    pub(super) domain: String,
    pub(super) free: u64,
}

/// What is asked of a peer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PullRequest {
    pub(super) from: String,
    #[serde(default)]
    pub(super) size: u64,
}

/// How a root stands at a peer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PeerState {
    pub(super) state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<String>,
}

struct Shared {
    host: Arc<dyn ReplicaHost>,
    options: ServerOptions,
    /// Of the token: so that comparing takes the same time for every guess, of any length.
    token: [u8; 32],
    jobs: Jobs,
}

/// The routes of a peer. They must be served with the address of who asks
/// (`into_make_service_with_connect_info::<SocketAddr>()`); without it everybody counts as remote. Pulls
/// end when the last clone is dropped.
///
/// # Errors
///
/// `Credentials` where the token is shorter than 16 characters or cannot be sent.
pub fn router(host: Arc<dyn ReplicaHost>, token: &str, options: ServerOptions) -> Result<Router, ReplicaError> {
    if token.len() < TOKEN_MIN || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(ReplicaError::Credentials);
    }
    let jobs = Jobs::new(host.clone(), options.running, options.queued, options.deadline);
    let shared = Arc::new(Shared { host, options, token: Sha256::digest(token).into(), jobs });
    Ok(Router::new()
        .route("/pelago/v1/replicas", get(info))
        .route("/pelago/v1/replicas/{cid}", post(pull).get(state).delete(release))
        .layer(DefaultBodyLimit::max(REQUEST_MAX))
        // Last, so that it comes first: who is not let in learns nothing, not even what is too long.
        .layer(middleware::from_fn_with_state(shared.clone(), admit))
        .with_state(shared))
}

fn refuse(status: StatusCode, message: impl std::fmt::Display) -> Response {
    let body = json!({ "message": message.to_string() }).to_string();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn reply(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_string(value) {
        Ok(body) => (status, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

fn asking(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical())
}

async fn admit(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    if !shared.options.remote && !asking(&request).is_some_and(|address| address.is_loopback()) {
        return refuse(StatusCode::FORBIDDEN, "only this machine is answered: allow remote peers in the configuration");
    }
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|text| text.strip_prefix("Bearer ")).unwrap_or_default();
    let digest: [u8; 32] = Sha256::digest(given).into();
    if !bool::from(digest.ct_eq(&shared.token)) {
        let mut answer = refuse(StatusCode::UNAUTHORIZED, "the token is not the one that the peers share");
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        return answer;
    }
    next.run(request).await
}

async fn info(State(shared): State<Arc<Shared>>) -> Response {
    let ServerOptions { id, domain, .. } = shared.options.clone();
    match shared.host.free().await {
        Ok(free) => reply(StatusCode::OK, &PeerInfo { id, domain, free }),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

fn root(text: &str) -> Result<Cid, Box<Response>> {
    let bad = |error: &dyn std::fmt::Display| Box::new(refuse(StatusCode::BAD_REQUEST, error));
    let cid: Cid = text.parse().map_err(|error: ::cid::Error| bad(&error))?;
    cid::check_supported(&cid).map_err(|error| bad(&error))?;
    Ok(cid)
}

async fn pull(
    State(shared): State<Arc<Shared>>,
    Path(cid): Path<String>,
    info: Option<axum::Extension<ConnectInfo<SocketAddr>>>,
    body: Bytes,
) -> Response {
    let root = match root(&cid) {
        Ok(root) => root,
        Err(refused) => return *refused,
    };
    let asked: PullRequest = match serde_json::from_slice(&body) {
        Ok(asked) => asked,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, error),
    };
    let from = match parse(&asked.from) {
        Ok(from) => from,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, error),
    };
    let asking = info.map(|axum::Extension(info)| info.0.ip().to_canonical());
    if !may_pull(&from, asking, &shared.options.sources) {
        return refuse(
            StatusCode::FORBIDDEN,
            "this peer pulls from the address that asks and from configured hosts alone",
        );
    }
    match shared.host.holds(root).await {
        Ok(true) => return reply(StatusCode::OK, &PeerState { state: "held".to_owned(), detail: None }),
        Ok(false) => {}
        Err(error) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
    match shared.host.free().await {
        Ok(free) if free < asked.size => {
            return refuse(
                StatusCode::INSUFFICIENT_STORAGE,
                format!("{free} bytes are left, {} are asked", asked.size),
            );
        }
        Ok(_) => {}
        Err(error) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
    match shared.jobs.start(root, from) {
        Some(job) => reply(StatusCode::ACCEPTED, &said(job)),
        None => {
            let waiting = format!("{} roots are being pulled", shared.jobs.live());
            let mut answer = refuse(StatusCode::TOO_MANY_REQUESTS, waiting);
            answer.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static(BUSY_WAIT));
            answer
        }
    }
}

/// The asking address itself, or a host that the options name.
fn may_pull(from: &Url, asking: Option<IpAddr>, sources: &[String]) -> bool {
    let literal = match from.host() {
        Some(Host::Ipv4(v4)) => Some(IpAddr::V4(v4)),
        Some(Host::Ipv6(v6)) => Some(IpAddr::V6(v6).to_canonical()),
        Some(Host::Domain(_)) | None => None,
    };
    if literal.is_some() && literal == asking {
        return true;
    }
    let (Some(host), Some(port)) = (from.host_str(), from.port_or_known_default()) else { return false };
    let with_port = format!("{host}:{port}");
    sources.iter().any(|source| source.eq_ignore_ascii_case(host) || source.eq_ignore_ascii_case(&with_port))
}

async fn state(State(shared): State<Arc<Shared>>, Path(cid): Path<String>) -> Response {
    let root = match root(&cid) {
        Ok(root) => root,
        Err(refused) => return *refused,
    };
    if let Some(job) = shared.jobs.get(&root)
        && !matches!(job, Job::Failed(_))
    {
        return reply(StatusCode::OK, &said(job));
    }
    match (shared.host.holds(root).await, shared.jobs.get(&root)) {
        (Ok(true), _) => reply(StatusCode::OK, &PeerState { state: "held".to_owned(), detail: None }),
        (Ok(false), Some(job)) => reply(StatusCode::OK, &said(job)),
        (Ok(false), None) => refuse(StatusCode::NOT_FOUND, "it is not here, and not asked for"),
        (Err(error), _) => refuse(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

fn said(job: Job) -> PeerState {
    let (state, detail) = match job {
        Job::Queued => ("queued", None),
        Job::Pulling => ("pulling", None),
        Job::Failed(why) => ("failed", Some(why)),
    };
    PeerState { state: state.to_owned(), detail }
}

async fn release(State(shared): State<Arc<Shared>>, Path(cid): Path<String>) -> Response {
    let root = match root(&cid) {
        Ok(root) => root,
        Err(refused) => return *refused,
    };
    shared.jobs.cancel(&root);
    match shared.host.holds(root).await {
        Ok(false) => return StatusCode::NO_CONTENT.into_response(),
        Ok(true) => {}
        Err(error) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
    match shared.host.release(root).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_pulls_from_who_asks_and_from_whom_it_knows() {
        let sources = vec!["mirror.example".to_owned(), "10.0.0.9:81".to_owned()];
        let check = |from: &str, asking: &str| may_pull(&from.parse().unwrap(), asking.parse().ok(), &sources);
        assert!(check("http://10.0.0.7:8081/", "10.0.0.7") && check("http://[::ffff:10.0.0.7]/", "10.0.0.7"));
        assert!(check("https://Mirror.example/x", "10.0.0.7") && check("http://10.0.0.9:81/", "10.0.0.7"));
        assert!(!check("http://10.0.0.9/", "10.0.0.7") && !check("http://169.254.169.254/", "10.0.0.7"));
        assert!(!check("http://localhost/", "127.0.0.1") && !check("http://mirror.example.org/", ""));
    }
}
