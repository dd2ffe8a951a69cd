//! Opening a browser behind a WebDriver that somebody else runs. Processes and
//! profiles of this machine are not known here.

use fantoccini::ClientBuilder;
use fantoccini::error::NewSessionError;
use hyper_util::client::legacy::connect::HttpConnector;
use pelago_http::causes;

use super::browser::Browser;
use super::engine;
use super::error::LaunchError;
use super::installation::{Product, Remote};
use super::options::LaunchOptions;

/// Opens a browser behind `remote`.
///
/// # Errors
/// [`LaunchError::RemoteUrl`], [`LaunchError::RemoteUnreachable`],
/// [`LaunchError::RemoteRefused`], [`LaunchError::RemoteTimeout`].
pub(super) async fn launch(remote: &Remote, options: &LaunchOptions) -> Result<Browser, LaunchError> {
    let Remote { url, kind } = remote.clone();
    let deadline = options.deadline;
    let product = Product::of_kind(kind);
    let is_web = |url: &url::Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    if !url::Url::parse(&url).is_ok_and(|url| is_web(&url)) {
        return Err(LaunchError::RemoteUrl { url });
    }
    let unreachable =
        |url, error: &dyn std::error::Error| LaunchError::RemoteUnreachable { url, detail: causes(error) };
    let capabilities = engine::of(product).remote_capabilities(product, options);
    let connecting = async {
        // A plain address needs none of the system's certificates.
        if url.starts_with("http:") {
            ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).connect(&url).await
        } else {
            let mut builder = ClientBuilder::rustls().map_err(NewSessionError::Lost)?;
            builder.capabilities(capabilities).connect(&url).await
        }
    };
    match tokio::time::timeout(deadline, connecting).await {
        Err(_) => Err(LaunchError::RemoteTimeout { url, deadline }),
        Ok(Ok(client)) => Ok(Browser::remote(client, product)),
        Ok(Err(NewSessionError::FailedC(error))) => Err(unreachable(url, &error)),
        Ok(Err(NewSessionError::Failed(error))) => Err(unreachable(url, &error)),
        Ok(Err(NewSessionError::Lost(error))) => Err(unreachable(url, &error)),
        Ok(Err(error)) => Err(LaunchError::RemoteRefused { url, detail: error.to_string() }),
    }
}
