//! The pinning service API, against `mock-ipfs-pinning-service`.

use pelago_exchange::replicate::{Credentials, PinningEngine, ReplicaEngine, ReplicaError, ReplicaState};

use super::{DEADLINE, Peer, absent, order, shown};

fn service() -> Peer {
    Peer::start("pinning-service.js", &[])
}

fn engine(service: &Peer, token: &str) -> PinningEngine {
    PinningEngine::new(&service.url, Credentials::bearer(token).unwrap(), vec![], DEADLINE).unwrap()
}

#[tokio::test]
#[ignore = "needs the peers that scripts/peers.sh installs: set PELAGO_TEST_PEERS"]
async fn it_pins() {
    let service = service();
    let (engine, root) = (engine(&service, "secret"), absent(1));
    assert_eq!(engine.status(&root).await.unwrap().replicas, []);
    let replicas = engine.replicate(&order(root)).await.unwrap();
    assert_eq!(shown(&replicas), "Queued -");
    let twice = pelago_exchange::replicate::Order { min: 2, max: 3, ..order(root) };
    assert!(replicas.satisfies(&order(root)) && !replicas.satisfies(&twice));
    // Said again it stays one pin.
    engine.replicate(&order(root)).await.unwrap();
    assert_eq!(engine.status(&root).await.unwrap().replicas.len(), 1);
    assert_eq!(engine.status(&absent(2)).await.unwrap().replicas, []);
    engine.remove(&root).await.unwrap();
    assert_eq!(engine.status(&root).await.unwrap().replicas, []);
    engine.remove(&root).await.unwrap();
}

#[tokio::test]
#[ignore = "needs the peers that scripts/peers.sh installs: set PELAGO_TEST_PEERS"]
async fn it_tells_its_states() {
    let service = service();
    let engine = engine(&service, "secret");
    // The service takes the state that a pin shall have from its name.
    let states = [
        ("pinned-x", ReplicaState::Held),
        ("pinning-x", ReplicaState::Pulling),
        ("queued-x", ReplicaState::Queued),
        ("failed-x", ReplicaState::Failed),
    ];
    for (n, (name, state)) in states.into_iter().enumerate() {
        let mut order = order(absent(n as u64));
        order.name = name.to_owned();
        let replicas = engine.replicate(&order).await.unwrap();
        assert_eq!(replicas.replicas[0].state, state);
        assert_eq!(engine.status(&order.root).await.unwrap(), replicas);
    }
    // One that failed is replaced by one that may not.
    let again = engine.replicate(&order(absent(3))).await.unwrap();
    assert_eq!(again.replicas[0].state, ReplicaState::Queued);
    assert_eq!(engine.status(&absent(3)).await.unwrap(), again);
}

#[tokio::test]
#[ignore = "needs the peers that scripts/peers.sh installs: set PELAGO_TEST_PEERS"]
async fn it_refuses_a_wrong_token() {
    let service = service();
    let error = engine(&service, "wrong").status(&absent(1)).await.unwrap_err();
    assert!(matches!(&error, ReplicaError::Denied { status: 401, .. }), "{error}");
    assert!(error.to_string().contains("access token is invalid"), "{error}");
}
