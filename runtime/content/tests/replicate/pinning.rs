//! The pinning service API, against `mock-ipfs-pinning-service`, and against a service with faults.

use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use pelago_content::replicate::{Credentials, PinningEngine, ReplicaEngine, ReplicaError, ReplicaState};

use super::{DEADLINE, order, serve, shown};

const FOLDER: &str = "PELAGO_TEST_PINNING";

fn engine(address: &str, token: &str) -> PinningEngine {
    PinningEngine::new(address, Credentials::bearer(token).unwrap(), vec![], DEADLINE).unwrap()
}

/// The service in a process of its own. It says nothing when it is ready, so it is asked.
async fn service() -> (super::Peer, String) {
    let folder = std::env::var(FOLDER).expect("PELAGO_TEST_PINNING names tests/peers/pinning, after npm ci");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let child = std::process::Command::new("node")
        .args(["node_modules/mock-ipfs-pinning-service/cli.js", "--token", "secret", "--loglevel", "error"])
        .args(["--port", &port.to_string()])
        .current_dir(folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let peer = super::Peer(child);
    let address = format!("http://127.0.0.1:{port}");
    let (root, _) = super::dag(1);
    for _ in 0..600 {
        match engine(&address, "secret").status(&root).await {
            Err(ReplicaError::Connection { .. }) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            other => {
                other.unwrap();
                return (peer, address);
            }
        }
    }
    panic!("the service must start");
}

#[tokio::test]
#[ignore = "needs mock-ipfs-pinning-service: npm ci in tests/peers/pinning, then PELAGO_TEST_PINNING=<that folder>"]
async fn another_implementation_pins() {
    let (_peer, address) = service().await;
    let engine = engine(&address, "secret");
    let (root, _) = super::dag(2);
    assert_eq!(engine.status(&root).await.unwrap().replicas, []);
    let replicas = engine.replicate(&order(root, 1, 1)).await.unwrap();
    assert_eq!(shown(&replicas), "http:// Queued -");
    assert!(replicas.satisfies(&order(root, 1, 1)) && !replicas.satisfies(&order(root, 2, 3)));
    // Said again it stays one pin.
    engine.replicate(&order(root, 1, 1)).await.unwrap();
    assert_eq!(engine.status(&root).await.unwrap().replicas.len(), 1);
    let (other, _) = super::dag(3);
    assert_eq!(engine.status(&other).await.unwrap().replicas, []);
    engine.remove(&root).await.unwrap();
    assert_eq!(engine.status(&root).await.unwrap().replicas, []);
    engine.remove(&root).await.unwrap();
}

#[tokio::test]
#[ignore = "needs mock-ipfs-pinning-service: npm ci in tests/peers/pinning, then PELAGO_TEST_PINNING=<that folder>"]
async fn another_implementation_tells_its_states() {
    let (_peer, address) = service().await;
    let engine = engine(&address, "secret");
    // The service takes the state that a pin shall have from its name.
    for (n, (name, state)) in [
        ("pinned-x", ReplicaState::Held),
        ("pinning-x", ReplicaState::Pulling),
        ("queued-x", ReplicaState::Queued),
        ("failed-x", ReplicaState::Failed),
    ]
    .into_iter()
    .enumerate()
    {
        let (root, _) = super::dag(10 + n);
        let mut order = order(root, 1, 1);
        order.name = name.to_owned();
        let replicas = engine.replicate(&order).await.unwrap();
        assert_eq!(replicas.replicas[0].state, state);
        assert_eq!(engine.status(&root).await.unwrap(), replicas);
    }
    // One that failed is replaced by one that may not.
    let (failed, _) = super::dag(13);
    let again = engine.replicate(&order(failed, 1, 1)).await.unwrap();
    assert_eq!(again.replicas[0].state, ReplicaState::Queued);
    assert_eq!(engine.status(&failed).await.unwrap(), again);
}

#[tokio::test]
#[ignore = "needs mock-ipfs-pinning-service: npm ci in tests/peers/pinning, then PELAGO_TEST_PINNING=<that folder>"]
async fn another_implementation_refuses_a_wrong_token() {
    let (_peer, address) = service().await;
    let (root, _) = super::dag(1);
    let error = engine(&address, "wrong").status(&root).await.unwrap_err();
    assert!(matches!(&error, ReplicaError::Denied { status: 401, .. }), "{error}");
    assert!(error.to_string().contains("access token is invalid"), "{error}");
}

/// A service that gives one answer to whatever it is asked, and the requests that it got.
async fn faulty(status: u16, body: &str) -> (PinningEngine, Arc<Mutex<Vec<String>>>) {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let (told, body) = (seen.clone(), body.to_owned());
    let router = Router::new().fallback(move |request: Request| {
        told.lock().unwrap().push(format!("{} {}", request.method(), request.uri()));
        let body = body.clone();
        async move { (StatusCode::from_u16(status).unwrap(), body).into_response() }
    });
    (engine(&serve(router).await, "secret"), seen)
}

#[tokio::test]
async fn a_service_with_faults_is_an_error_and_harms_nothing() {
    let (root, _) = super::dag(1);
    for (status, body, expected) in [
        (
            500,
            r#"{"error":{"reason":"INTERNAL","details":"out of luck\n  at line 1"}}"#,
            "answers 500 (INTERNAL: out of luck)",
        ),
        (402, r#"{"error":{"reason":"INSUFFICIENT_FUNDS"}}"#, "refuses the request (402: INSUFFICIENT_FUNDS)"),
        (429, "", "answers 429 (): ask again later"),
        (302, "", "refuses the request (302: )"),
        (200, "<html>", "gave an answer that is not understood"),
        (200, r#"{"count":1,"results":[{"requestid":1}]}"#, "gave an answer that is not understood"),
    ] {
        let (engine, _) = faulty(status, body).await;
        let said = engine.replicate(&order(root, 1, 1)).await.unwrap_err().to_string();
        assert!(said.contains(expected) && !said.contains("secret"), "{said}");
    }
    let (engine, _) = faulty(200, &format!(r#"{{"results":[],"x":"{}"}}"#, "y".repeat(5 << 20))).await;
    let said = engine.status(&root).await.unwrap_err().to_string();
    assert!(said.contains("more than 4194304 bytes"), "{said}");
    // One that lists what was not asked for must not have it removed.
    let (other, _) = super::dag(2);
    let listed =
        format!(r#"{{"count":1,"results":[{{"requestid":"theirs","status":"pinned","pin":{{"cid":"{other}"}}}}]}}"#);
    let (engine, seen) = faulty(200, &listed).await;
    engine.remove(&root).await.unwrap();
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert!(seen[0].starts_with("GET /pins?cid="), "{seen:?}");
}
