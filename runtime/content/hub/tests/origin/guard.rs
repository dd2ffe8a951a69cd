//! Where a fetch does not go: private addresses that nobody named, and hosts that the token is not for.

use axum::Router;
use axum::extract::Request;
use bytes::Bytes;
use pelago_hub::{Origin, OriginError};

use super::fetch;
use super::hub::{Fault, Hub, noise, options, serve};

const ONE: &str = "hf://org/name/model.safetensors";

async fn one() -> Hub {
    Hub::start(&[("model.safetensors", noise(1, 1000), true), ("config.json", Bytes::from("{}"), false)]).await
}

async fn redirected(to: &str) -> OriginError {
    let hub = one().await;
    hub.fault("/model.safetensors", [Fault::Redirect(to.to_owned())]);
    let dir = tempfile::tempdir().unwrap();
    fetch(&hub.origin(), ONE, dir.path()).await.unwrap_err()
}

#[tokio::test]
async fn redirects_into_private_networks_are_refused() {
    let other = serve(Router::new().fallback(|| async { "no one may read this" })).await;
    let port = other.rsplit_once(':').unwrap().1;
    for host in [
        "127.0.0.1",
        "localhost",
        "[::ffff:127.0.0.1]",
        "0x7f.1",
        "2130706433",
        "127.0.0.2",
        "169.254.169.254",
        "10.0.0.1",
        "[fe80::1]",
    ] {
        let error = redirected(&format!("http://{host}:{port}/")).await;
        assert!(matches!(error, OriginError::Blocked { .. }), "{host}: {error}");
    }
}

#[tokio::test]
async fn odd_redirects_are_refused() {
    for to in ["file:///etc/passwd", "ftp://host/", "http://", "/model.safetensors?again"] {
        let hub = one().await;
        hub.fault("/model.safetensors", std::iter::repeat_n(Fault::Redirect(to.to_owned()), 20));
        let dir = tempfile::tempdir().unwrap();
        let error = fetch(&hub.origin(), ONE, dir.path()).await.unwrap_err();
        assert!(matches!(error, OriginError::Redirect { .. }), "{to}: {error}");
        assert!(hub.transfers().len() <= 9);
    }
}

#[tokio::test]
async fn a_host_is_allowed_by_name_and_by_port() {
    let hub = one().await;
    let dir = tempfile::tempdir().unwrap();
    let mut options = hub.options();
    options.named_hosts = vec!["127.0.0.1:1".to_owned()];
    let error = fetch(&Origin::new(options.clone()).unwrap(), ONE, dir.path()).await.unwrap_err();
    assert!(matches!(error, OriginError::Blocked { .. }), "{error}");
    options.named_hosts = vec!["127.0.0.1".to_owned()];
    fetch(&Origin::new(options).unwrap(), ONE, dir.path()).await.unwrap();
}

#[tokio::test]
async fn the_token_goes_to_the_hub_alone() {
    let hub = one().await;
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let tell = told.clone();
    let other = serve(Router::new().fallback(move |request: Request| {
        tell.lock().unwrap().push(request.headers().contains_key("authorization"));
        async { "[]" }
    }))
    .await;
    let mut options = hub.options();
    options.named_hosts.push(other.clone());
    // Another port of the hub's own host is another host.
    let tree = "/api/models/org/name/tree/0123456789abcdef0123456789abcdef01234567";
    hub.fault(tree, [Fault::Headers(vec![("link", format!("<http://{other}/next>; rel=\"next\""))])]);
    let dir = tempfile::tempdir().unwrap();
    fetch(&Origin::new(options).unwrap(), ONE, dir.path()).await.unwrap();
    assert_eq!(*told.lock().unwrap(), [false]);
    assert!(hub.seen().iter().all(|s| s.token == (s.at == "hub")));
}

#[tokio::test]
async fn an_endpoint_counts_as_named_and_a_file_does_not() {
    let hub = one().await;
    let dir = tempfile::tempdir().unwrap();
    let other = options("https://hub.invalid");
    let address = format!("http://{}/model.safetensors", hub.storage);
    let error = fetch(&Origin::new(other.clone()).unwrap(), &address, dir.path()).await.unwrap_err();
    assert!(matches!(error, OriginError::Unverifiable { .. }), "{error}");
    let address = address.replace("http:", "https:");
    let error = fetch(&Origin::new(other).unwrap(), &address, dir.path()).await.unwrap_err();
    assert!(matches!(error, OriginError::Blocked { .. }), "{error}");
    assert!(hub.transfers().is_empty());
}
