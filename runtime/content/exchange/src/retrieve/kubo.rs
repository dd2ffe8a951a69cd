//! A Kubo daemon, over its RPC API (<https://docs.ipfs.tech/reference/kubo/rpc/>).
//! js-ipfs speaks the same. All is POST; an error is status 500 with words.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use pelago_dag::buffer::Buffer;
use pelago_dag::{BLOCK_MAX, Cid};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use tokio_util::io::StreamReader;
use url::Url;

use super::body::{Body, first_line};
use super::http::{car_blocks, check_status};
use super::{BlockStream, HttpOptions, Kind, Meter, Pace, Provider, ProviderError, Reach, Request, Scope, net};

/// The most of an error's body that is read, bytes.
const MESSAGE_MAX: u64 = 16 << 10;

/// A Kubo daemon.
#[derive(Debug)]
pub struct KuboProvider {
    name: String,
    base: Url,
    client: reqwest::Client,
    pace: Pace,
    offline: bool,
}

/// How Kubo says what went wrong.
#[derive(Deserialize)]
struct Failed {
    #[serde(rename = "Message")]
    message: String,
}

impl KuboProvider {
    /// A daemon at an address such as `http://127.0.0.1:5001/`. With `offline` it gives what it has itself;
    /// without, it may fetch from the IPFS network what it does not have. The RPC API can do everything to a
    /// daemon, so only one that the configuration names is spoken to.
    ///
    /// # Errors
    ///
    /// `Address`, `Connection` where TLS cannot be set up.
    pub fn new(address: &str, offline: bool, options: &HttpOptions) -> Result<Self, ProviderError> {
        let base = net::parse_base(address, Reach::Named)?;
        let client = net::client(&base, Reach::Named, &options.redirects_to, options.connect)?;
        Ok(Self { name: base.as_str().trim_end_matches('/').to_owned(), base, client, pace: options.pace, offline })
    }

    async fn call(&self, command: &str, cid: &Cid, offline: bool, meter: &Meter) -> Result<Response, ProviderError> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v0"]).extend(command.split('/'));
        }
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("arg", &cid.to_string());
            if offline {
                query.append_pair("offline", "true");
            }
            // The daemon would else look for the block as long as it runs, though nobody waits any more.
            query.append_pair("timeout", &format!("{}s", self.pace.answer.as_secs().max(1)));
        }
        let wait = self.pace.answer + Duration::from_secs(1);
        let sent = tokio::time::timeout(wait, self.client.post(url).send()).await;
        let response = sent.map_err(|_| ProviderError::Silent { waited: wait })??;
        meter.answered();
        if response.status() == StatusCode::INTERNAL_SERVER_ERROR {
            return Err(self.failure(response).await);
        }
        if response.status() == StatusCode::NOT_FOUND {
            // Blocks that are missing are told with 500: here it is the command that is.
            let message = first_line(response, self.pace).await;
            return Err(ProviderError::Status { status: 404, message: format!("{message} (is this an RPC API?)") });
        }
        check_status(response, self.pace).await
    }

    async fn failure(&self, response: Response) -> ProviderError {
        let mut text = Vec::new();
        let read = Body::new(response, self.pace, MESSAGE_MAX).read_into(&mut text, &Meter::default()).await;
        if let Err(error) = read {
            return error;
        }
        let message = match serde_json::from_slice::<Failed>(&text) {
            Ok(failed) => failed.message,
            Err(_) => String::from_utf8_lossy(&text).into_owned(),
        };
        let lower = message.to_lowercase();
        // Kubo: "block was not found locally (offline): ipld: could not find …", "context deadline exceeded" when
        // its search ended; js-ipfs: "… not found", "request timed out".
        let lacks = ["not found", "could not find", "deadline exceeded", "timed out"];
        if lacks.iter().any(|words| lower.contains(words)) {
            return ProviderError::Lacks;
        }
        let message =
            message.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect();
        ProviderError::Status { status: 500, message }
    }

    async fn block(&self, cid: &Cid, meter: &Meter) -> Result<Bytes, ProviderError> {
        let response = self.call("block/get", cid, self.offline, meter).await?;
        if response.content_length().is_some_and(|length| length > BLOCK_MAX) {
            return Err(ProviderError::TooLarge { limit: BLOCK_MAX });
        }
        let mut bytes = Buffer::with_capacity(response.content_length().unwrap_or(0) as usize);
        Body::new(response, self.pace, BLOCK_MAX).read_into(&mut bytes, meter).await?;
        Ok(bytes.into_bytes())
    }

    async fn export(&self, root: &Cid, meter: &Arc<Meter>) -> Result<BlockStream, ProviderError> {
        let response = self.call("dag/export", root, self.offline, meter).await?;
        let body = Body::new(response, self.pace, u64::MAX).into_stream(meter.clone());
        Ok(car_blocks(StreamReader::new(Box::pin(body))))
    }
}

impl Provider for KuboProvider {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> Kind {
        Kind::Kubo
    }

    fn fetch_block<'a>(&'a self, cid: &'a Cid, meter: &'a Meter) -> BoxFuture<'a, Result<Bytes, ProviderError>> {
        Box::pin(self.block(cid, meter))
    }

    fn fetch_car<'a>(
        &'a self,
        request: &'a Request,
        meter: &'a Arc<Meter>,
    ) -> Option<BoxFuture<'a, Result<BlockStream, ProviderError>>> {
        // `dag/export` knows neither paths nor scopes: it gives all under a root.
        let whole = request.path.is_empty() && request.scope == Scope::All && request.bytes.is_none();
        whole.then(|| Box::pin(self.export(&request.root, meter)) as BoxFuture<'a, _>)
    }

    fn has<'a>(&'a self, cid: &'a Cid) -> BoxFuture<'a, Result<bool, ProviderError>> {
        Box::pin(async move {
            match self.call("block/stat", cid, true, &Meter::default()).await {
                Ok(_) => Ok(true),
                Err(ProviderError::Lacks) => Ok(false),
                Err(error) => Err(error),
            }
        })
    }
}
