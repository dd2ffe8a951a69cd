//! IPFS Cluster's REST API, against a server that follows what is published of it
//! (<https://ipfscluster.io/documentation/reference/api/>, and the JSON of its `api/types.go`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use pelago_exchange::replicate::{ClusterEngine, Credentials, ReplicaEngine, ReplicaError};
use serde_json::{Value, json};

use super::{DEADLINE, order, serve, shown};

/// Replication factors by CID. The cluster has three peers, and the first is slow.
type Pins = Arc<Mutex<HashMap<String, (u32, u32)>>>;

async fn cluster() -> (String, Pins) {
    let pins = Pins::default();
    let router = Router::new()
        .route("/pins/{cid}", post(pin).get(info).delete(unpin))
        .layer(middleware::from_fn(|request: Request, next: Next| async move {
            // `user:pass`.
            match request.headers().get(header::AUTHORIZATION) {
                Some(value) if value == "Basic dXNlcjpwYXNz" => next.run(request).await,
                _ => error(StatusCode::UNAUTHORIZED, "Unauthorized: invalid username/password"),
            }
        }))
        .with_state(pins.clone());
    (serve(router).await, pins)
}

fn error(status: StatusCode, message: &str) -> Response {
    (status, json!({ "code": status.as_u16(), "message": message }).to_string()).into_response()
}

async fn pin(
    State(pins): State<Pins>,
    Path(cid): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let factor = |name| query.get(name).and_then(|n| n.parse::<u32>().ok()).unwrap();
    let (min, max) = (factor("replication-min"), factor("replication-max"));
    assert_eq!(query["name"], "a model");
    if min > 3 {
        let text = "not enough peers to allocate CID. Needed at least: 4. Wanted at most: 5. Available candidates: 3.";
        return error(StatusCode::INTERNAL_SERVER_ERROR, text);
    }
    pins.lock().unwrap().insert(cid.clone(), (min, max));
    json!({ "cid": cid, "name": "a model", "replication_factor_min": min, "replication_factor_max": max })
        .to_string()
        .into_response()
}

async fn info(State(pins): State<Pins>, Path(cid): Path<String>) -> Response {
    let max = pins.lock().unwrap().get(&cid).map(|(_, max)| *max);
    let status = |n: u32| match max {
        None => "unpinned",
        Some(max) if n >= max => "remote",
        Some(_) if n == 0 => "pinning",
        Some(_) => "pinned",
    };
    let peer =
        |n: u32| (format!("12D3Koo{n}"), json!({ "peername": format!("host-{n}"), "status": status(n), "error": "" }));
    let peers: serde_json::Map<String, Value> = (0..3).map(peer).collect();
    json!({ "cid": cid, "name": "", "allocations": [], "peer_map": peers }).to_string().into_response()
}

async fn unpin(State(pins): State<Pins>, Path(cid): Path<String>) -> Response {
    match pins.lock().unwrap().remove(&cid) {
        Some(_) => json!({ "cid": cid }).to_string().into_response(),
        None => error(StatusCode::NOT_FOUND, "cannot unpin pin uncommitted to state: not found"),
    }
}

#[tokio::test]
async fn a_cluster_holds_as_often_as_was_ordered() {
    let (address, pins) = cluster().await;
    let engine = ClusterEngine::new(&address, Some(Credentials::basic("user", "pass").unwrap()), DEADLINE).unwrap();
    let (root, _) = super::dag(2);
    assert_eq!(engine.status(&root).await.unwrap().replicas, []);
    let replicas = engine.replicate(&order(root, 1, 2)).await.unwrap();
    assert_eq!(shown(&replicas), "host-0 (12D3Koo0) Pulling -\nhost-1 (12D3Koo1) Held -");
    assert_eq!((replicas.held(), replicas.expected()), (1, 2));
    assert_eq!(pins.lock().unwrap()[&root.to_string()], (1, 2));
    assert_eq!(engine.replicate(&order(root, 2, 3)).await.unwrap().expected(), 3);
    let error = engine.replicate(&order(root, 4, 5)).await.unwrap_err();
    assert!(error.to_string().contains("not enough peers to allocate CID"), "{error}");
    engine.remove(&root).await.unwrap();
    engine.remove(&root).await.unwrap();
    assert_eq!(engine.status(&root).await.unwrap().replicas, []);
}

#[tokio::test]
async fn a_cluster_that_does_not_know_us_is_an_error() {
    let (address, _) = cluster().await;
    let engine = ClusterEngine::new(&address, Some(Credentials::basic("user", "wrong").unwrap()), DEADLINE).unwrap();
    let error = engine.status(&super::dag(1).0).await.unwrap_err();
    assert!(matches!(error, ReplicaError::Denied { status: 401, .. }), "{error}");
    // Nobody there at all.
    let engine = ClusterEngine::new("http://127.0.0.1:9", None, DEADLINE).unwrap();
    let error = engine.status(&super::dag(1).0).await.unwrap_err();
    assert!(matches!(error, ReplicaError::Connection { .. }), "{error}");
}
