//! Trustless gateways, and other Pelagos, which speak the same protocol:
//! raw blocks and CARs over HTTP
//! (<https://specs.ipfs.tech/http-gateways/trustless-gateway/>).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{StreamExt, TryFutureExt};
use pelago_dag::buffer::Buffer;
use pelago_dag::car::{CarError, CarLimits, CarReader};
use pelago_dag::{BLOCK_MAX, Cid};
use pelago_http::retry_after;
use reqwest::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RANGE, RETRY_AFTER,
};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use tokio_util::io::StreamReader;
use url::Url;

use super::body::{Body, first_line};
use super::{BlockStream, Kind, Meter, Pace, Provider, ProviderError, Reach, Request, Scope, net};
use crate::gateway::{COMING, NODE};

const RAW: &str = "application/vnd.ipld.raw";
const CAR: &str = "application/vnd.ipld.car";
/// How often a broken transfer of one block is taken up where it broke.
const RESUMES: usize = 2;
/// The longest wait that a source may ask for; what asks for more is worth less than another source.
const WAIT_MAX: Duration = Duration::from_secs(300);
/// The wait where a source asks for one and does not say how long.
const WAIT_DEFAULT: Duration = Duration::from_secs(2);

/// The least and the longest wait for a block that a peer is fetching itself, until it is asked again.
const AGAIN_MIN: Duration = Duration::from_millis(50);
const AGAIN_MAX: Duration = Duration::from_secs(2);

/// How an HTTP source is spoken to.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// The longest wait for a connection.
    pub connect: Duration,
    /// The least that it must send.
    pub pace: Pace,
    /// Hosts that it may redirect to, beside itself.
    pub redirects_to: Vec<String>,
    /// This node's name, letters, digits and dashes, at most 63: that of its gateway
    /// (`GatewayOptions::node`). Peers are told of it, and say when they are fetching what it asks
    /// for themselves: then one of them asks the origin, and the others wait for it. Without it
    /// nobody is waited for.
    pub node: Option<String>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), pace: Pace::default(), redirects_to: Vec::new(), node: None }
    }
}

/// A trustless gateway or a peer.
#[derive(Debug)]
pub struct HttpProvider {
    name: String,
    kind: Kind,
    base: Url,
    client: reqwest::Client,
    pace: Pace,
    /// This node's name, for a peer.
    node: Option<HeaderValue>,
}

impl HttpProvider {
    /// A gateway at an address such as `https://gateway.example/`, under which `ipfs/<cid>` lies.
    ///
    /// # Errors
    ///
    /// `Address`, `Blocked`, `Connection` where TLS cannot be set up.
    pub fn gateway(address: &str, reach: Reach, options: &HttpOptions) -> Result<Self, ProviderError> {
        Self::new(Kind::Gateway, address, reach, options)
    }

    /// Another Pelago. It is asked for what it has, and must not ask others for it.
    ///
    /// # Errors
    ///
    /// As `gateway`.
    pub fn peer(address: &str, reach: Reach, options: &HttpOptions) -> Result<Self, ProviderError> {
        Self::new(Kind::Peer, address, reach, options)
    }

    fn new(kind: Kind, address: &str, reach: Reach, options: &HttpOptions) -> Result<Self, ProviderError> {
        let base = net::parse_base(address, reach)?;
        let client = net::client(&base, reach, &options.redirects_to, options.connect)?;
        let name = base.as_str().trim_end_matches('/').to_owned();
        let node = options.node.as_deref().filter(|_| kind.is_peer());
        let refused = |reason: &str| ProviderError::Address { address: name.clone(), reason: reason.to_owned() };
        let node = node.map(HeaderValue::from_str).transpose();
        let node = node.map_err(|_| refused("this node's name has characters that a header cannot have"))?;
        Ok(Self { name, kind, base, client, pace: options.pace, node })
    }

    fn ask(&self, method: Method, cid: &Cid, path: &str, query: &str, accept: &str) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            // `base` ends with a slash; each segment is escaped.
            segments.pop_if_empty().push("ipfs").push(&cid.to_string());
            segments.extend(path.split('/').filter(|part| !part.is_empty()));
        }
        url.set_query(Some(query));
        let request = self.client.request(method, url).header(ACCEPT, accept);
        let request = match &self.node {
            Some(node) => request.header(NODE, node),
            None => request,
        };
        if self.kind.is_peer() { request.header(CACHE_CONTROL, "only-if-cached") } else { request }
    }

    async fn send(&self, request: RequestBuilder, meter: &Meter) -> Result<Response, ProviderError> {
        let sent = tokio::time::timeout(self.pace.answer, request.send()).await;
        let response = sent.map_err(|_| ProviderError::Silent { waited: self.pace.answer })??;
        meter.answered();
        check_status(response, self.pace).await
    }

    async fn block(&self, cid: &Cid, meter: &Meter) -> Result<Bytes, ProviderError> {
        let mut got = Buffer::default();
        let mut resumes = 0;
        loop {
            let before = got.len();
            match self.block_from(cid, &mut got, meter).await {
                Ok(()) => return Ok(got.into_bytes()),
                // Only what brought something is worth going on with, and only from where it broke.
                Err(ProviderError::Connection { .. }) if resumes < RESUMES && got.len() > before => resumes += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// One request for the bytes that `got` lacks.
    async fn block_from(&self, cid: &Cid, got: &mut Buffer, meter: &Meter) -> Result<(), ProviderError> {
        let mut request = self.ask(Method::GET, cid, "", "format=raw", RAW);
        if !got.is_empty() {
            request = request.header(RANGE, format!("bytes={}-", got.len()));
        }
        let response = self.send(request, meter).await?;
        expect_type(&response, &[RAW, "application/octet-stream"])?;
        if response.status() != StatusCode::PARTIAL_CONTENT || range_start(response.headers()) != Some(got.len()) {
            if response.status() == StatusCode::PARTIAL_CONTENT {
                return Err(ProviderError::Unexpected {
                    expected: "the bytes that are missing",
                    found: "another range".to_owned(),
                });
            }
            got.clear();
        }
        if response.content_length().is_some_and(|length| length > BLOCK_MAX) {
            return Err(ProviderError::TooLarge { limit: BLOCK_MAX });
        }
        if got.capacity() == 0 {
            // A length that was announced is a hint; it was seen to be no more than a block has.
            *got = Buffer::with_capacity(response.content_length().unwrap_or(0) as usize);
        }
        Body::new(response, self.pace, BLOCK_MAX - got.len() as u64).read_into(got, meter).await
    }

    async fn car(&self, request: &Request, meter: &Arc<Meter>) -> Result<BlockStream, ProviderError> {
        let scope = if request.bytes.is_some() { Scope::Entity } else { request.scope };
        let mut query = format!("format=car&dag-scope={}", scope.as_str());
        if let Some(bytes) = request.bytes.as_ref().filter(|bytes| !bytes.is_empty()) {
            query.push_str(&format!("&entity-bytes={}:{}", bytes.start, bytes.end - 1));
        }
        let accept = format!("{CAR}; version=1; order=dfs; dups=n");
        let request = self.ask(Method::GET, &request.root, &request.path, &query, &accept);
        let response = self.send(request, meter).await?;
        expect_type(&response, &[CAR])?;
        let body = Body::new(response, self.pace, u64::MAX).into_stream(meter.clone());
        Ok(car_blocks(StreamReader::new(Box::pin(body))))
    }
}

/// Reads a CAR into its blocks.
pub(super) fn car_blocks(source: impl tokio::io::AsyncRead + Unpin + Send + 'static) -> BlockStream {
    let opened = CarReader::open(source, CarLimits::default()).map_err(car_error);
    futures::stream::once(opened)
        .map(|reader| match reader {
            Ok(reader) => futures::stream::try_unfold(reader, |mut reader| async move {
                Ok(reader.next().await.map_err(car_error)?.map(|block| (block, reader)))
            })
            .boxed(),
            Err(error) => futures::stream::iter([Err(error)]).boxed(),
        })
        .flatten()
        .boxed()
}

/// A block that does not match is worse than a CAR that is cut off; and what the body's guard said
/// comes back out of the reader.
fn car_error(error: CarError) -> ProviderError {
    match error {
        CarError::Block { source: source @ pelago_dag::BlockError::WrongBlock { .. }, .. } => {
            ProviderError::Wrong { source: Box::new(source) }
        }
        CarError::Read { at, source } => match source.downcast::<ProviderError>() {
            Ok(error) => error,
            Err(source) => ProviderError::Car { source: CarError::Read { at, source } },
        },
        source => ProviderError::Car { source },
    }
}

/// Tells the answers apart that the trustless gateway specification names.
pub(crate) async fn check_status(response: Response, pace: Pace) -> Result<Response, ProviderError> {
    let status = response.status();
    let wait = response.headers().get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?));
    let coming = coming(response.headers());
    match status {
        _ if status.is_success() => Ok(response),
        StatusCode::PRECONDITION_FAILED if coming.is_some() => {
            Err(ProviderError::Coming { wait: coming.unwrap_or_default() })
        }
        // 412: it was asked not to look elsewhere, and does not have it itself.
        StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::PRECONDITION_FAILED => Err(ProviderError::Lacks),
        StatusCode::TOO_MANY_REQUESTS => Err(ProviderError::Busy { wait: wait.unwrap_or(WAIT_DEFAULT).min(WAIT_MAX) }),
        StatusCode::SERVICE_UNAVAILABLE if wait.is_some() => {
            Err(ProviderError::Busy { wait: wait.unwrap_or(WAIT_DEFAULT).min(WAIT_MAX) })
        }
        _ if status.is_redirection() => {
            let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("nowhere");
            Err(ProviderError::Redirect { to: to.chars().take(200).collect() })
        }
        _ => Err(ProviderError::Status { status: status.as_u16(), message: first_line(response, pace).await }),
    }
}

/// When a block is worth asking for again that the source is fetching itself.
fn coming(headers: &HeaderMap) -> Option<Duration> {
    let ms = headers.get(COMING)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_millis(ms).clamp(AGAIN_MIN, AGAIN_MAX))
}

/// The first byte of `Content-Range: bytes 5-9/10`.
fn range_start(headers: &HeaderMap) -> Option<usize> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    text.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()
}

/// A gateway that knows only of pages answers with one.
pub(crate) fn expect_type(response: &Response, wanted: &[&'static str]) -> Result<(), ProviderError> {
    let Some(found) = response.headers().get(CONTENT_TYPE).and_then(|t| t.to_str().ok()) else { return Ok(()) };
    let essence = found.split(';').next().unwrap_or_default().trim();
    if wanted.iter().any(|wanted| essence.eq_ignore_ascii_case(wanted)) {
        return Ok(());
    }
    let expected = wanted.first().copied().unwrap_or(RAW);
    Err(ProviderError::Unexpected { expected, found: essence.chars().take(100).collect() })
}

impl Provider for HttpProvider {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> Kind {
        self.kind
    }

    fn fetch_block<'a>(&'a self, cid: &'a Cid, meter: &'a Meter) -> BoxFuture<'a, Result<Bytes, ProviderError>> {
        Box::pin(self.block(cid, meter))
    }

    fn fetch_car<'a>(
        &'a self,
        request: &'a Request,
        meter: &'a Arc<Meter>,
    ) -> Option<BoxFuture<'a, Result<BlockStream, ProviderError>>> {
        Some(Box::pin(self.car(request, meter)))
    }

    fn has<'a>(&'a self, cid: &'a Cid) -> BoxFuture<'a, Result<bool, ProviderError>> {
        Box::pin(async move {
            // Never looks elsewhere, a gateway neither: who has to fetch it first does not have it.
            let request = self.ask(Method::HEAD, cid, "", "format=raw", RAW).header(CACHE_CONTROL, "only-if-cached");
            match self.send(request, &Meter::default()).await {
                Ok(_) => Ok(true),
                Err(ProviderError::Lacks) => Ok(false),
                Err(error) => Err(error),
            }
        })
    }
}
