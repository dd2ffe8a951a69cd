//! One request: where it may lead, what goes with it, and when it is given up.
//!
//! Redirects are followed here, one by one, so that each is checked and the
//! token stays with the endpoint. Names are resolved by a resolver that leaves
//! out private addresses, and a connection goes to what it gave, so a name
//! whose address changes after the check leads nowhere.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use bytes::{Bytes, BytesMut};
use pelago_exchange::retrieve::Reach;
use pelago_http::{find_cause, retry_after};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER,
};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout};
use url::{Host, Url};

use super::error::shown;
use super::{OriginError, OriginOptions};

/// Redirects that are followed one after another.
const REDIRECTS_MAX: usize = 8;
/// The longest answer that is read as JSON, bytes: a page of a listing has far less.
const JSON_MAX: usize = 32 << 20;
/// The longest part of an error's message that is shown, characters.
const MESSAGE_MAX: usize = 300;

/// A client for origins.
pub(super) struct Http {
    options: OriginOptions,
    /// For hosts that the configuration names.
    named: Client,
    /// For all others.
    public: Client,
}

/// The head of an answer, whatever its status.
pub(super) struct Answer {
    pub(super) response: Response,
    /// Where it came from after redirects, as it may be shown.
    pub(super) url: String,
    /// Headers of the endpoint's own answers, redirects among them, which describe what they lead to.
    pub(super) endpoint: Vec<HeaderMap>,
}

impl Http {
    pub(super) fn new(options: OriginOptions) -> Result<Self, OriginError> {
        let builder = || {
            Client::builder()
                .redirect(Policy::none())
                // A proxy would resolve names itself, where nothing checks them.
                .no_proxy()
                .referer(false)
                .connect_timeout(options.connect)
                .user_agent(concat!("pelago/", env!("CARGO_PKG_VERSION")))
        };
        let client = |source| OriginError::Client { source };
        let named = builder().build().map_err(client)?;
        let public = builder().dns_resolver(Arc::new(PublicOnly)).build().map_err(client)?;
        Ok(Self { options, named, public })
    }

    pub(super) fn options(&self) -> &OriginOptions {
        &self.options
    }

    /// Whether the configuration names this host and port.
    pub(super) fn is_named(&self, url: &Url) -> bool {
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return false };
        let with_port = format!("{host}:{port}");
        self.is_endpoint(url)
            || self
                .options
                .named_hosts
                .iter()
                .any(|n| n.eq_ignore_ascii_case(host) || n.eq_ignore_ascii_case(&with_port))
    }

    fn is_endpoint(&self, url: &Url) -> bool {
        url.origin() == self.options.endpoint.origin()
    }

    /// Sends a request, and follows its redirects.
    pub(super) async fn get(&self, url: &Url, headers: &HeaderMap) -> Result<Answer, OriginError> {
        let mut url = url.clone();
        let mut endpoint = Vec::new();
        for _ in 0..=REDIRECTS_MAX {
            let response = self.send(&url, headers).await?;
            if self.is_endpoint(&url) {
                endpoint.push(response.headers().clone());
            }
            let status = response.status();
            if !status.is_redirection() || status == StatusCode::NOT_MODIFIED {
                return Ok(Answer { response, url: shown(&url), endpoint });
            }
            let refused = |reason: String| OriginError::Redirect { url: shown(&url), reason };
            let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            let to = to.ok_or_else(|| refused("it has no Location".to_owned()))?;
            let next = url.join(to).map_err(|e| refused(format!("its Location cannot be read: {e}")))?;
            if !matches!(next.scheme(), "http" | "https") {
                return Err(refused(format!("it leads to {:?}", next.scheme())));
            }
            if url.scheme() == "https" && next.scheme() == "http" {
                return Err(refused(format!("it leads from https to {}", shown(&next))));
            }
            url = next;
        }
        Err(OriginError::Redirect { url: shown(&url), reason: format!("more than {REDIRECTS_MAX} in a row") })
    }

    async fn send(&self, url: &Url, headers: &HeaderMap) -> Result<Response, OriginError> {
        let client = if self.is_named(url) {
            &self.named
        } else {
            check_literal(url)?;
            &self.public
        };
        let mut request = client
            .get(url.clone())
            .headers(headers.clone())
            // A range is of the bytes as they are published.
            .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if self.is_endpoint(url)
            && let Some(token) = &self.options.token
        {
            request = request.header(AUTHORIZATION, token.header());
        }
        let waited = self.options.answer;
        match timeout(waited, request.send()).await {
            Err(_) => Err(OriginError::Silent { url: shown(url), waited }),
            Ok(Err(source)) => Err(failed(url, source)),
            Ok(Ok(response)) => Ok(response),
        }
    }

    /// Asks for JSON, tried again where that may help.
    pub(super) async fn json<T: DeserializeOwned>(&self, url: &Url) -> Result<(T, HeaderMap), OriginError> {
        let mut tries = Tries::new(&self.options);
        loop {
            match self.json_once(url).await {
                Ok(found) => return Ok(found),
                Err(error) => tries.after(error).await?,
            }
        }
    }

    async fn json_once<T: DeserializeOwned>(&self, url: &Url) -> Result<(T, HeaderMap), OriginError> {
        let answer = check(self.get(url, &HeaderMap::new()).await?).await?;
        let headers = answer.response.headers().clone();
        let bytes = self.body(answer, JSON_MAX).await?;
        let unexpected = |e: serde_json::Error| OriginError::Unexpected { url: shown(url), reason: e.to_string() };
        Ok((serde_json::from_slice(&bytes).map_err(unexpected)?, headers))
    }

    async fn body(&self, mut answer: Answer, limit: usize) -> Result<Bytes, OriginError> {
        let mut pace = Pace::new(&self.options);
        let mut body = BytesMut::new();
        while let Some(chunk) = pace.chunk(&mut answer).await? {
            if body.len() + chunk.len() > limit {
                let reason = format!("it has more than {limit} bytes");
                return Err(OriginError::Unexpected { url: answer.url, reason });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

/// Passes on an answer that brings what was asked for; any other becomes an error.
pub(super) async fn check(answer: Answer) -> Result<Answer, OriginError> {
    let status = answer.response.status();
    let headers = answer.response.headers();
    if status.is_success() {
        return match headers.get(CONTENT_ENCODING) {
            Some(encoding) if encoding != "identity" => {
                let reason = format!("its bytes are encoded as {encoding:?}, though that was not asked for");
                Err(OriginError::Unexpected { url: answer.url, reason })
            }
            _ => Ok(answer),
        };
    }
    let (url, wait, status) = (answer.url.clone(), wait_asked_for(headers), status.as_u16());
    match status {
        408 | 429 | 500..=599 => Err(OriginError::Unavailable { url, status, wait }),
        401 | 403 => {
            let code = header(headers, "x-error-code");
            let advice = match &code[..] {
                "GatedRepo" => "ask for access on the model's page, then give a token of that account",
                "RepoNotFound" => "there is no such repository, or it is private: check the name, or give a token",
                _ if status == 401 => "check the name, and give a token that may read it",
                _ => "give a token that may read it",
            };
            let message = message_of(answer).await;
            Err(OriginError::Denied { url, status, message, advice: advice.to_owned() })
        }
        404 | 410 => Err(OriginError::NotFound { what: url, advice: "check the address".to_owned() }),
        status => Err(OriginError::Unexpected { url, reason: format!("its status is {status}") }),
    }
}

/// What an error's answer says: the hub puts it in a header.
async fn message_of(answer: Answer) -> String {
    let said = header(answer.response.headers(), "x-error-message");
    said.chars().filter(|c| !c.is_control()).take(MESSAGE_MAX).collect()
}

/// A header's text; empty where there is none.
pub(super) fn header(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// The wait that a server asks for: by `Retry-After`, or by `t=` of the draft's `RateLimit`, which the hub sends.
fn wait_asked_for(headers: &HeaderMap) -> Option<Duration> {
    retry_after(&header(headers, RETRY_AFTER.as_str())).or_else(|| {
        let limit = header(headers, "ratelimit");
        let seconds = limit.split(';').find_map(|part| part.trim().strip_prefix("t="))?;
        seconds.parse().ok().map(Duration::from_secs)
    })
}

/// Refuses private addresses that stand in the place of a name, for which no resolver is asked.
fn check_literal(url: &Url) -> Result<(), OriginError> {
    let address: IpAddr = match url.host() {
        Some(Host::Ipv4(v4)) => v4.into(),
        Some(Host::Ipv6(v6)) => v6.into(),
        Some(Host::Domain(_)) | None => return Ok(()),
    };
    if Reach::Public.allows(address) {
        return Ok(());
    }
    Err(OriginError::Blocked { host: url.host_str().unwrap_or_default().to_owned(), address })
}

/// Resolves as the system does, and leaves out private addresses.
struct PublicOnly;

#[derive(Debug, thiserror::Error)]
#[error("it is at {0}")]
struct Private(IpAddr);

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let public: Vec<SocketAddr> = found.iter().copied().filter(|a| Reach::Public.allows(a.ip())).collect();
            match found.first() {
                Some(private) if public.is_empty() => Err(Private(private.ip()).into()),
                _ => Ok(Box::new(public.into_iter()) as Addrs),
            }
        })
    }
}

/// An error of a request, told apart: a private address is not a broken connection.
fn failed(url: &Url, source: reqwest::Error) -> OriginError {
    if let Some(Private(address)) = find_cause(&source) {
        return OriginError::Blocked { host: url.host_str().unwrap_or_default().to_owned(), address: *address };
    }
    OriginError::Connection { url: shown(url), source: source.without_url() }
}

/// Holds a transfer to its least rate. Only the time spent waiting for the network counts.
pub(super) struct Pace {
    floor: u64,
    window: Duration,
    waited: Duration,
    came: u64,
}

impl Pace {
    pub(super) fn new(options: &OriginOptions) -> Self {
        Self {
            floor: options.floor,
            window: options.floor_window.max(Duration::from_millis(1)),
            waited: Duration::ZERO,
            came: 0,
        }
    }

    /// The next bytes; none at the end.
    pub(super) async fn chunk(&mut self, answer: &mut Answer) -> Result<Option<Bytes>, OriginError> {
        loop {
            let began = Instant::now();
            let next = timeout(self.window.saturating_sub(self.waited), answer.response.chunk()).await;
            self.waited += began.elapsed();
            match next {
                Ok(Ok(None)) => return Ok(None),
                Ok(Ok(Some(chunk))) => {
                    self.came += chunk.len() as u64;
                    return Ok(Some(chunk));
                }
                Ok(Err(source)) => {
                    return Err(OriginError::Connection { url: answer.url.clone(), source: source.without_url() });
                }
                Err(_) if self.came < self.floor => {
                    let (expected, actual, waited) = (self.floor, self.came, self.window);
                    return Err(OriginError::Slow { url: answer.url.clone(), expected, actual, waited });
                }
                Err(_) => (self.waited, self.came) = (Duration::ZERO, 0),
            }
        }
    }
}

/// Tries of one request.
pub(super) struct Tries {
    back_off: ExponentialBuilder,
    waits: ExponentialBackoff,
    wait_max: Duration,
}

impl Tries {
    pub(super) fn new(options: &OriginOptions) -> Self {
        // Jitter makes each wait up to twice as long.
        let back_off = ExponentialBuilder::default()
            .with_min_delay(options.back_off / 2)
            .with_max_delay(options.wait_max / 2)
            .with_max_times(options.tries.saturating_sub(1) as usize)
            .with_jitter();
        Self { back_off, waits: back_off.build(), wait_max: options.wait_max }
    }

    /// The last try brought something: the count begins anew.
    pub(super) fn progressed(&mut self) {
        self.waits = self.back_off.build();
    }

    /// Waits until the next try.
    ///
    /// # Errors
    ///
    /// The error itself where another try would not help, or there were enough.
    pub(super) async fn after(&mut self, error: OriginError) -> Result<(), OriginError> {
        let asked_for = match &error {
            OriginError::Unavailable { wait, .. } => wait.unwrap_or_default(),
            _ => Duration::ZERO,
        };
        if !error.is_transient() || asked_for > self.wait_max {
            return Err(error);
        }
        let Some(wait) = self.waits.next() else { return Err(error) };
        let wait = wait.max(asked_for);
        tracing::info!(%error, ?wait, "tried again after a wait");
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_that_is_asked_for() {
        let of = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            wait_asked_for(&headers)
        };
        assert_eq!(of("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(of("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert!(of("retry-after", "Wed, 21 Oct 2093 07:28:00 GMT").unwrap() > Duration::from_secs(1 << 30));
        assert_eq!(of("retry-after", "soon"), None);
        assert_eq!(of("ratelimit", r#""api";r=0;t=55"#), Some(Duration::from_secs(55)));
    }
}
