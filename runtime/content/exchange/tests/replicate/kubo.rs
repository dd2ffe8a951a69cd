//! Kubo's pin RPC, against what Kubo says where js-ipfs (see `../peers`) says otherwise.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use pelago_exchange::replicate::{KuboEngine, ReplicaEngine, ReplicaError};

use super::{DEADLINE, order, serve, shown};

/// What Kubo 0.3x answers, as its reference and source have it.
#[tokio::test]
async fn what_kubo_says_is_understood() {
    let (root, _) = super::dag(2);
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let told = seen.clone();
    let router = Router::new().fallback(move |request: Request| {
        told.lock().unwrap().push(format!("{} {}", request.method(), request.uri().path()));
        let (status, body) = match request.uri().path() {
            "/api/v0/pin/add" => (200, format!(r#"{{"Pins":["{root}"]}}"#)),
            "/api/v0/pin/ls" => {
                (500, format!(r#"{{"Message":"path '/ipfs/{root}' is not pinned","Code":0,"Type":"error"}}"#))
            }
            "/api/v0/pin/rm" => {
                (500, r#"{"Message":"not pinned or pinned indirectly","Code":0,"Type":"error"}"#.to_owned())
            }
            _ => (404, String::new()),
        };
        async move { (StatusCode::from_u16(status).unwrap(), body).into_response() }
    });
    let engine = KuboEngine::new(&serve(router).await, None, DEADLINE).unwrap();
    assert_eq!(shown(&engine.replicate(&order(root, 1, 1)).await.unwrap()), "http:// Held -");
    assert_eq!(engine.status(&root).await.unwrap().replicas, []);
    engine.remove(&root).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), ["POST /api/v0/pin/add", "POST /api/v0/pin/ls", "POST /api/v0/pin/rm"]);
}

#[tokio::test]
async fn a_daemon_that_pins_something_else_or_nothing_is_an_error() {
    let (root, _) = super::dag(2);
    let (other, _) = super::dag(3);
    for (status, body, expected) in [
        (200, format!(r#"{{"Pins":["{other}"]}}"#), "was expected"),
        (200, "{}".to_owned(), "was expected"),
        (200, String::new(), "not understood"),
        (
            500,
            r#"{"Message":"context deadline exceeded","Code":0,"Type":"error"}"#.to_owned(),
            "context deadline exceeded",
        ),
        (403, "403 - Forbidden".to_owned(), "refuses access"),
    ] {
        let router = Router::new().fallback(move || {
            let body = body.clone();
            async move { (StatusCode::from_u16(status).unwrap(), body).into_response() }
        });
        let engine = KuboEngine::new(&serve(router).await, None, DEADLINE).unwrap();
        let said = engine.replicate(&order(root, 1, 1)).await.unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    }
    let silent = Router::new().fallback(|| async { std::future::pending::<()>().await });
    let engine = KuboEngine::new(&serve(silent).await, None, Duration::from_millis(200)).unwrap();
    let error = engine.replicate(&order(root, 1, 1)).await.unwrap_err();
    assert!(matches!(error, ReplicaError::Silent { .. }), "{error}");
}
