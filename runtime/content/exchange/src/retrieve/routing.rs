//! Delegated routing: asks a service that the configuration names who has a CID
//! (<https://specs.ipfs.tech/routing/http-routing-v1/>). What it answers is not
//! trusted: providers are reached at public addresses only, and their blocks verified.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::BytesMut;
use futures::StreamExt;
use futures::stream::BoxStream;
use pelago_dag::Cid;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde::Deserialize;
use url::Url;

use super::body::Body;
use super::http::check_status;
use super::{HttpOptions, HttpProvider, Meter, Pace, ProviderError, Reach, Source, multiaddr, net};

const GATEWAY: &str = "transport-ipfs-gateway-http";
const NDJSON: &str = "application/x-ndjson";
/// The longest answer, bytes, and the longest record in it.
const ANSWER_MAX: u64 = 4 << 20;
const RECORD_MAX: usize = 64 << 10;
/// Providers of one answer that are used.
const PROVIDERS_MAX: usize = 32;

/// A delegated routing service.
#[derive(Clone, Debug)]
pub struct Routing {
    base: Url,
    client: reqwest::Client,
    pace: Pace,
    providers: HttpOptions,
    reach: Reach,
}

/// A record of an answer. Those of other schemas have none of these fields.
#[derive(Debug, Deserialize)]
struct Record {
    #[serde(rename = "Schema", default)]
    schema: String,
    #[serde(rename = "Addrs", default)]
    addresses: Option<Vec<String>>,
    #[serde(rename = "Protocols", default)]
    protocols: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Providers", default)]
    providers: Option<Vec<serde_json::Value>>,
}

impl Routing {
    /// A service at an address such as `https://delegated.example/`. Of the providers that it names, those
    /// at public addresses are used.
    ///
    /// # Errors
    ///
    /// `Address`, `Connection` where TLS cannot be set up.
    pub fn new(address: &str, options: &HttpOptions) -> Result<Self, ProviderError> {
        let base = net::parse_base(address, Reach::Named)?;
        let client = net::client(&base, Reach::Named, &options.redirects_to, options.connect)?;
        let providers = HttpOptions { redirects_to: Vec::new(), ..options.clone() };
        Ok(Self { base, client, pace: options.pace, providers, reach: Reach::Public })
    }

    /// The same, but providers may have these addresses, too: for a service on a network of one's own.
    #[must_use]
    pub fn reaching(mut self, reach: Reach) -> Self {
        self.reach = reach;
        self
    }

    /// Who has a CID, as the service finds them. An error ends the stream.
    #[must_use]
    pub fn providers(&self, cid: Cid) -> BoxStream<'static, Result<Source, ProviderError>> {
        let routing = self.clone();
        let asked = async move { routing.ask(&cid).await.map(|records| (routing, records)) };
        futures::stream::once(asked)
            .flat_map(|asked| match asked {
                Ok((routing, records)) => routing.sources(records),
                Err(error) => futures::stream::iter([Err(error)]).boxed(),
            })
            .boxed()
    }

    async fn ask(&self, cid: &Cid) -> Result<BoxStream<'static, Result<Record, ProviderError>>, ProviderError> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["routing", "v1", "providers", &cid.to_string()]);
        }
        url.set_query(Some(&format!("filter-protocols={GATEWAY}")));
        let request = self.client.get(url).header(ACCEPT, format!("{NDJSON}, application/json;q=0.9"));
        let sent = tokio::time::timeout(self.pace.answer, request.send()).await;
        let response = sent.map_err(|_| ProviderError::Silent { waited: self.pace.answer })??;
        let response = match check_status(response, self.pace).await {
            Ok(response) => response,
            // Nobody is known to have it.
            Err(ProviderError::Lacks) => return Ok(futures::stream::empty().boxed()),
            Err(error) => return Err(error),
        };
        let kind = response.headers().get(CONTENT_TYPE).and_then(|t| t.to_str().ok()).unwrap_or_default();
        let streamed = kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(NDJSON);
        let body = Body::new(response, self.pace, ANSWER_MAX);
        if streamed { Ok(lines(body)) } else { whole(body).await }
    }

    fn sources(
        self,
        records: BoxStream<'static, Result<Record, ProviderError>>,
    ) -> BoxStream<'static, Result<Source, ProviderError>> {
        let mut met = HashSet::new();
        records
            .flat_map(move |record| {
                let urls = match record {
                    Ok(record) => record.gateways().filter(|url| met.insert(url.clone())).map(Ok).collect(),
                    Err(error) => vec![Err(error)],
                };
                futures::stream::iter(urls)
            })
            .filter_map(move |url: Result<String, ProviderError>| {
                // One bad address among many is no reason to give up the others.
                let source = match url {
                    Ok(url) => match HttpProvider::gateway(&url, self.reach, &self.providers) {
                        Ok(provider) => Some(Ok(Source::new(Arc::new(provider)))),
                        Err(error) => {
                            tracing::debug!(url, %error, "a provider that was found is not used");
                            None
                        }
                    },
                    Err(error) => Some(Err(error)),
                };
                futures::future::ready(source)
            })
            .take(PROVIDERS_MAX)
            .boxed()
    }
}

impl Record {
    /// URLs of the trustless gateways that it names. A record that names no protocols may be one.
    fn gateways(self) -> impl Iterator<Item = String> {
        let speaks = self.protocols.is_none_or(|p| p.is_empty() || p.iter().any(|p| p == GATEWAY));
        let addresses = if self.schema == "peer" && speaks { self.addresses.unwrap_or_default() } else { Vec::new() };
        addresses.into_iter().filter_map(|address| multiaddr::to_url(&address))
    }
}

fn unreadable(error: &serde_json::Error) -> ProviderError {
    ProviderError::Unexpected { expected: "records of providers in JSON", found: error.to_string() }
}

/// One JSON document. A record that cannot be read is left out, as the specification wants.
async fn whole(mut body: Body) -> Result<BoxStream<'static, Result<Record, ProviderError>>, ProviderError> {
    let mut text = Vec::new();
    body.read_into(&mut text, &Meter::default()).await?;
    let answer: Answer = serde_json::from_slice(&text).map_err(|e| unreadable(&e))?;
    let records =
        answer.providers.unwrap_or_default().into_iter().filter_map(|value| serde_json::from_value(value).ok());
    Ok(futures::stream::iter(records.map(Ok).collect::<Vec<_>>()).boxed())
}

/// One record a line, each as soon as it comes.
fn lines(body: Body) -> BoxStream<'static, Result<Record, ProviderError>> {
    let state = (body, BytesMut::new(), false);
    futures::stream::try_unfold(state, |(mut body, mut text, mut ended)| async move {
        loop {
            let line = match text.iter().position(|byte| *byte == b'\n') {
                Some(end) => text.split_to(end + 1),
                None if ended && text.is_empty() => return Ok(None),
                None if ended => text.split(),
                None if text.len() > RECORD_MAX => {
                    return Err(ProviderError::TooLarge { limit: RECORD_MAX as u64 });
                }
                None => {
                    match body.next(&Meter::default()).await? {
                        Some(chunk) => text.extend_from_slice(&chunk),
                        None => ended = true,
                    }
                    continue;
                }
            };
            if line.trim_ascii().is_empty() {
                continue;
            }
            let record: serde_json::Value = serde_json::from_slice(&line).map_err(|e| unreadable(&e))?;
            if let Ok(record) = serde_json::from_value(record) {
                return Ok(Some((record, (body, text, ended))));
            }
        }
    })
    .boxed()
}
