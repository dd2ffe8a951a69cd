//! The pinning service API, against a service with faults.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use pelago_exchange::replicate::{Credentials, PinningEngine, ReplicaEngine};

use super::{DEADLINE, order, serve};

fn engine(address: &str, token: &str) -> PinningEngine {
    PinningEngine::new(address, Credentials::bearer(token).unwrap(), vec![], DEADLINE).unwrap()
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
