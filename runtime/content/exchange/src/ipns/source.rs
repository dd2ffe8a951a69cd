//! Who is asked for records, and how each is spoken to.

use chrono::Utc;
use reqwest::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use url::Url;

use super::error::AnswerError;
use super::{Name, NameSourceKind, Owner, RECORD_MAX, Record};
use crate::retrieve::body::{Body, first_line};
use crate::retrieve::http::{check_status, expect_type};
use crate::retrieve::{HttpOptions, Meter, Pace, ProviderError, Reach, net};

const RECORD: &str = "application/vnd.ipfs.ipns-record";
/// The longest answer of a Kubo daemon, bytes.
const PATH_MAX: u64 = 16 << 10;

/// A source of records that the user named.
#[derive(Clone, Debug)]
pub struct NameSource {
    kind: NameSourceKind,
    base: Url,
    client: reqwest::Client,
    pace: Pace,
}

/// What a source said.
pub(super) enum Answer {
    /// A record, verified.
    Record(Record),
    /// Where the name leads in the end, as the user's own daemon says.
    Path(String),
}

#[derive(Deserialize)]
struct Resolved {
    #[serde(rename = "Path")]
    path: String,
}

#[derive(Deserialize)]
struct Failed {
    #[serde(rename = "Message")]
    message: String,
}

impl NameSource {
    /// A source at an address, http or https.
    ///
    /// # Errors
    ///
    /// `Address`; `Connection` where TLS cannot be set up.
    pub fn new(kind: NameSourceKind, address: &str, options: &HttpOptions) -> Result<Self, ProviderError> {
        let base = net::parse_base(address, Reach::Named)?;
        let client = net::client(&base, Reach::Named, &options.redirects_to, options.connect)?;
        Ok(Self { kind, base, client, pace: options.pace })
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> NameSourceKind {
        self.kind
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Whether it can be asked for this at all: only a Kubo daemon looks up domains.
    pub(super) fn knows(&self, owner: &Owner) -> bool {
        matches!(owner, Owner::Key(_)) || self.kind == NameSourceKind::Kubo
    }

    /// Asks once. `None` where it knows no record. With `fresh` what it remembers is not enough.
    pub(super) async fn ask(&self, owner: &Owner, fresh: bool) -> Result<Option<Answer>, AnswerError> {
        match (self.kind, owner) {
            (NameSourceKind::Kubo, _) => Ok(self.path(owner, fresh).await?.map(Answer::Path)),
            (_, Owner::Key(name)) => {
                let Some(bytes) = self.record(name, fresh).await? else { return Ok(None) };
                Ok(Some(Answer::Record(Record::verify(name, &bytes, Utc::now())?)))
            }
            (_, Owner::Domain(_)) => Ok(None),
        }
    }

    async fn record(&self, name: &Name, fresh: bool) -> Result<Option<Vec<u8>>, ProviderError> {
        let name = name.to_string();
        let (path, query) = match self.kind {
            NameSourceKind::Gateway => (vec!["ipns", &name], Some("format=ipns-record")),
            _ => (vec!["routing", "v1", "ipns", &name], None),
        };
        let mut request = self.client.get(self.url(&path, query)).header(ACCEPT, RECORD);
        if fresh {
            request = request.header(CACHE_CONTROL, "no-cache");
        }
        let response = match check_status(self.send(request).await?, self.pace).await {
            Ok(response) => response,
            Err(ProviderError::Lacks) => return Ok(None),
            Err(error) => return Err(error),
        };
        // A routing service that finds nothing may say so in words, with 200.
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if self.kind == NameSourceKind::Router && kind.starts_with("text/plain") {
            return Ok(None);
        }
        expect_type(&response, &[RECORD, "application/octet-stream"])?;
        self.read(response, RECORD_MAX as u64).await.map(Some)
    }

    async fn path(&self, owner: &Owner, fresh: bool) -> Result<Option<String>, ProviderError> {
        let mut url = self.url(&["api", "v0", "name", "resolve"], None);
        let owner = match owner {
            Owner::Key(name) => name.to_peer_id(),
            Owner::Domain(domain) => domain.clone(),
        };
        let timeout = format!("{}s", self.pace.answer.as_secs().max(1));
        url.query_pairs_mut()
            .append_pair("arg", &format!("/ipns/{owner}"))
            .append_pair("recursive", "true")
            .append_pair("nocache", if fresh { "true" } else { "false" })
            // The daemon would else look as long as it runs, though nobody waits any more.
            .append_pair("timeout", &timeout);
        let response = self.send(self.client.post(url)).await?;
        if response.status() == StatusCode::INTERNAL_SERVER_ERROR {
            let message = first_line(response, self.pace).await;
            let message = serde_json::from_str(&message).map_or(message, |failed: Failed| failed.message);
            // Kubo: "could not resolve name", "routing: not found"; js-ipfs: "… was not found".
            let lower = message.to_lowercase();
            if lower.contains("could not resolve") || lower.contains("not found") {
                return Ok(None);
            }
            return Err(ProviderError::Status { status: 500, message });
        }
        let response = match check_status(response, self.pace).await {
            // Names that nobody knows are told with 500: here it is the command that is missing.
            Err(ProviderError::Lacks) => {
                let message = "it has no such command (is this an RPC API?)".to_owned();
                return Err(ProviderError::Status { status: 404, message });
            }
            other => other?,
        };
        let body = self.read(response, PATH_MAX).await?;
        let said: Resolved = serde_json::from_slice(&body)
            .map_err(|e| ProviderError::Unexpected { expected: "a path in JSON", found: e.to_string() })?;
        Ok(Some(said.path))
    }

    fn url(&self, path: &[&str], query: Option<&str>) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url.set_query(query);
        url
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, ProviderError> {
        let sent = tokio::time::timeout(self.pace.answer, request.send()).await;
        Ok(sent.map_err(|_| ProviderError::Silent { waited: self.pace.answer })??)
    }

    async fn read(&self, response: Response, most: u64) -> Result<Vec<u8>, ProviderError> {
        let mut bytes = Vec::new();
        Body::new(response, self.pace, most).read_into(&mut bytes, &Meter::default()).await?;
        Ok(bytes)
    }
}
