//! What the engines have in common: one request with a deadline to an address
//! that the configuration names, and an answer of bounded size.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use pelago_dag::Cid;
use pelago_http::retry_after;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Method};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::ReplicaError;

/// The longest answer that is read, bytes.
const ANSWER_MAX: usize = 4 << 20;
/// The longest part of an error's message that is shown, characters.
const MESSAGE_MAX: usize = 300;

/// What proves to a service who asks. Never printed.
#[derive(Clone)]
pub struct Credentials(HeaderValue);

impl Credentials {
    /// A bearer token.
    ///
    /// # Errors
    ///
    /// `Credentials` where it cannot be sent.
    pub fn bearer(token: &str) -> Result<Self, ReplicaError> {
        let token = token.trim();
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ReplicaError::Credentials);
        }
        Self::new(format!("Bearer {token}"))
    }

    /// A user's name and password (RFC 7617).
    ///
    /// # Errors
    ///
    /// `Credentials` where the name has a colon.
    pub fn basic(user: &str, password: &str) -> Result<Self, ReplicaError> {
        if user.contains(':') {
            return Err(ReplicaError::Credentials);
        }
        Self::new(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
    }

    fn new(text: String) -> Result<Self, ReplicaError> {
        let mut value = HeaderValue::try_from(text).map_err(|_| ReplicaError::Credentials)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// A service.
#[derive(Clone, Debug)]
pub(super) struct Rest {
    base: Url,
    credentials: Option<Credentials>,
    client: Client,
    deadline: Duration,
}

/// An answer, whatever its status.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
    wait: Option<Duration>,
    url: String,
}

impl Rest {
    pub(super) fn new(
        address: &str,
        credentials: Option<Credentials>,
        deadline: Duration,
    ) -> Result<Self, ReplicaError> {
        let base = parse(address)?;
        let client = Client::builder()
            // A service that moved must be named anew: the credentials are for this one.
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .user_agent(concat!("pelago/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|source| ReplicaError::Client { source })?;
        Ok(Self { base, credentials, client, deadline })
    }

    /// The address, as it may be shown.
    pub(super) fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Asks, and reads all of the answer.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, ReplicaError> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let shown = url.to_string();
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.client.request(method, url);
        if let Some(credentials) = &self.credentials {
            request = request.header(AUTHORIZATION, credentials.0.clone());
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        match tokio::time::timeout(self.deadline, read(request, shown.clone())).await {
            Ok(answer) => answer,
            Err(_) => Err(ReplicaError::Silent { url: shown, waited: self.deadline }),
        }
    }
}

async fn read(request: reqwest::RequestBuilder, url: String) -> Result<Answer, ReplicaError> {
    let failed = |source: reqwest::Error| ReplicaError::Connection { url: url.clone(), source: source.without_url() };
    let mut response = request.send().await.map_err(failed)?;
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > ANSWER_MAX {
            return Err(ReplicaError::Unexpected { url, reason: format!("it has more than {ANSWER_MAX} bytes") });
        }
        body.extend_from_slice(&chunk);
    }
    let wait = response.headers().get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?));
    Ok(Answer { status: response.status().as_u16(), body: body.freeze(), wait, url })
}

impl Answer {
    /// The answer, if its status is one of success.
    pub(super) fn ok(self) -> Result<Self, ReplicaError> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        let (message, status, wait, url) = (self.message(), self.status, self.wait, self.url);
        Err(match status {
            401 | 403 => ReplicaError::Denied { url, status, message },
            408 | 429 | 500..=599 => ReplicaError::Unavailable { url, status, message, wait },
            _ => ReplicaError::Refused { url, status, message },
        })
    }

    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, ReplicaError> {
        serde_json::from_slice(&self.body).map_err(|e| self.unexpected(e.to_string()))
    }

    pub(super) fn unexpected(&self, reason: String) -> ReplicaError {
        ReplicaError::Unexpected { url: self.url.clone(), reason }
    }

    /// What an error says: each service has its own place for it.
    pub(super) fn message(&self) -> String {
        let value: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let text = |pointer| value.pointer(pointer).and_then(Value::as_str);
        let own = String::from_utf8_lossy(&self.body);
        let said = match (text("/error/reason"), text("/error/details")) {
            // A service may put a stack trace into the details.
            (Some(reason), Some(details)) => format!("{reason}: {}", details.lines().next().unwrap_or_default()),
            (Some(reason), None) => reason.to_owned(),
            _ => text("/message").or_else(|| text("/Message")).unwrap_or(own.trim()).to_owned(),
        };
        said.chars().filter(|c| !c.is_control()).take(MESSAGE_MAX).collect()
    }
}

/// Whether a text is the CID, or another way to write it (version 0, another base).
pub(super) fn is_cid(text: &str, cid: &Cid) -> bool {
    text.parse::<Cid>().is_ok_and(|found| found.codec() == cid.codec() && found.hash() == cid.hash())
}

/// Reads the address of a service.
pub(super) fn parse(address: &str) -> Result<Url, ReplicaError> {
    let refused =
        |url: &str, reason: &str| ReplicaError::Address { address: url.to_owned(), reason: reason.to_owned() };
    // What cannot be read can hold a password, so it is not shown.
    let url = Url::parse(address).map_err(|e| refused("", &e.to_string()))?;
    let shown = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused(&shown, "it is neither http nor https"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(refused(&shown, "it has a user, a query or a fragment"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let secrets = [Credentials::bearer("secret").unwrap(), Credentials::basic("me", "secret").unwrap()];
        assert!(!format!("{secrets:?}").contains("secret") && !format!("{secrets:?}").contains("Basic"));
        let rest = Rest::new("https://host", Some(secrets[0].clone()), Duration::from_secs(1)).unwrap();
        assert!(!format!("{rest:?}").contains("secret"));
        for address in ["https://me:secret@host", "secret", "https://host?token=secret", "ftp://secret@host"] {
            let said = Rest::new(address, None, Duration::from_secs(1)).unwrap_err().to_string();
            assert!(!said.contains("secret"), "{said}");
        }
        assert!(Credentials::bearer("two words").is_err() && Credentials::bearer("").is_err());
        assert!(Credentials::basic("a:b", "c").is_err());
    }
}
