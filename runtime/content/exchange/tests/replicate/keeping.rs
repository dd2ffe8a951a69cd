//! Stores that hold replicas for each other, by the gateways and the routes that they serve: an order is
//! filled, grows with demand, and is mended when a holder loses what it took.

use std::sync::Arc;
use std::time::Duration;

use pelago_dag::Cid;
use pelago_exchange::gateway::{Gateway, GatewayOptions};
use pelago_exchange::replicate::{
    CountedBlocks, DemandOptions, Keeper, KeeperOptions, Ledger, Order, Outcome, PeerEngine, ReplicaEngine,
    ServerOptions, Standing, StoreHost, router,
};
use pelago_exchange::retrieve::Bandwidth;
use pelago_store::{Store, StoreOptions};

use super::DEADLINE;

const SHARED: &str = "0123456789abcdef-shared";
const PLACE: &str = "peer=all";

struct Node {
    store: Store,
    gateway: Gateway,
    _home: tempfile::TempDir,
}

impl Node {
    /// A store that takes replicas, with its gateway and the routes at one address.
    async fn start(id: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let quota = Some(64 << 20);
        let store = Store::open_with(home.path(), StoreOptions { quota, ..StoreOptions::default() }).unwrap();
        let host = Arc::new(StoreHost::open(store.clone(), Bandwidth::default()).unwrap());
        let routes = router(host, SHARED, ServerOptions::new(id, id)).unwrap();
        let blocks = Arc::new(store.clone());
        let gateway = Gateway::start_with(blocks, GatewayOptions::default(), Some(routes)).await.unwrap();
        Self { store, gateway, _home: home }
    }

    fn address(&self) -> String {
        format!("http://{}", self.gateway.addr())
    }

    async fn has(&self, root: Cid) -> bool {
        self.store.verify(root).await.is_ok()
    }
}

/// The one who has a model, and three who may take it.
async fn setting() -> (tempfile::TempDir, Store, Cid, Vec<Node>) {
    let home = tempfile::tempdir().unwrap();
    let model = home.path().join("model");
    std::fs::create_dir(&model).unwrap();
    std::fs::write(
        model.join("weights"),
        (0..3_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<u8>>(),
    )
    .unwrap();
    let store = Store::open(home.path().join("store")).unwrap();
    let root = store.add_folder(&model, |_| {}).await.unwrap().root;
    let mut nodes = Vec::new();
    for id in ["one", "two", "three"] {
        nodes.push(Node::start(id).await);
    }
    (home, store, root, nodes)
}

async fn settled(engine: &dyn ReplicaEngine, root: &Cid, held: u32) {
    let reached = async {
        while engine.status(root).await.unwrap().held() != held {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, reached).await.expect("the replicas are made");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_filled_grows_with_demand_and_is_mended() {
    let (_home, store, root, nodes) = setting().await;
    let ledger = Ledger::open(store.clone()).await.unwrap();
    let demand = DemandOptions { per_replica: 0.001, ..DemandOptions::default() };
    let counted = Arc::new(CountedBlocks::new(store.clone(), ledger.clone(), demand));
    let gateway = Gateway::start(counted.clone(), GatewayOptions::default()).await.unwrap();
    let from = format!("http://{}", gateway.addr());
    let peers: Vec<String> = nodes.iter().map(Node::address).collect();
    let engine = Arc::new(PeerEngine::new(&peers, &from, SHARED, ledger.trust(), DEADLINE).unwrap());
    let options = KeeperOptions { demand, ..KeeperOptions::default() };
    let keeper = Keeper::new(engine.clone(), PLACE, ledger.clone(), options);
    let size = store.stat_dag(root).await.unwrap().bytes;
    let order = Order { root, name: "model".to_owned(), size, min: 1, max: 3 };
    let standing = Standing { order, on_demand: true };
    ledger.put(PLACE, standing.clone()).await.unwrap();
    assert_eq!(ledger.standing().await.unwrap(), [(PLACE.to_owned(), standing)]);

    // Nobody asks: one replica, as the order wants at least. The pull itself is not counted yet.
    let [Ok(looked)] = &keeper.round().await.unwrap()[..] else { panic!("one order") };
    assert_eq!((looked.wanted, looked.replicas.expected()), (1, 1));
    settled(&*engine, &root, 1).await;

    // Many ask: as many as the order allows, and each is asked for a block.
    counted.reload().await.unwrap();
    let url = format!("{from}/ipfs/{root}?format=raw");
    for _ in 0..30 {
        assert!(reqwest::get(&url).await.unwrap().status().is_success());
    }
    let [Ok(looked)] = &keeper.round().await.unwrap()[..] else { panic!("one order") };
    assert_eq!(looked.wanted, 3);
    assert!(matches!(&looked.challenged[..], [(_, Outcome::Passed { .. })]), "{:?}", looked.challenged);
    settled(&*engine, &root, 3).await;
    for node in &nodes {
        assert!(node.has(root).await);
    }

    // One loses the bytes of the file, and does not know it.
    let extents = nodes[1].store.dir().join("extents");
    for file in std::fs::read_dir(extents).unwrap() {
        let path = file.unwrap().path();
        let length = std::fs::metadata(&path).unwrap().len();
        std::fs::write(path, vec![0; length as usize]).unwrap();
    }
    let before = ledger.score("two", chrono::Utc::now().timestamp_millis() as u64);
    let [Ok(looked)] = &keeper.round().await.unwrap()[..] else { panic!("one order") };
    assert_eq!(looked.lost, ["two"], "{:?}", looked.challenged);
    assert!(ledger.score("two", chrono::Utc::now().timestamp_millis() as u64) < before);
    assert!(ledger.score("one", chrono::Utc::now().timestamp_millis() as u64) > 0.5);
    assert_eq!(looked.replicas.expected(), 3);
    settled(&*engine, &root, 3).await;
    assert!(nodes[1].has(root).await, "it came anew");

    // What is remembered is there for the next process, and an order ends.
    let again = Ledger::open(store.clone()).await.unwrap();
    assert!(again.score("two", 0) < again.score("one", 0));
    assert!(ledger.remove(PLACE, root).await.unwrap() && !ledger.remove(PLACE, root).await.unwrap());
    assert!(keeper.round().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_for_others_is_not_evicted_and_a_users_pin_stays() {
    let (_home, store, root, nodes) = setting().await;
    let gateway = Gateway::start(Arc::new(store), GatewayOptions::default()).await.unwrap();
    let from = format!("http://{}", gateway.addr());
    let node = &nodes[0];
    let engine = PeerEngine::new(&[node.address()], &from, SHARED, Box::new(|_| 1.0), DEADLINE).unwrap();
    let order = Order { root, name: String::new(), size: 4 << 20, min: 1, max: 1 };
    let empty = node.store.room().await.unwrap();
    engine.replicate(&order).await.unwrap();
    settled(&engine, &root, 1).await;
    let held = node.store.room().await.unwrap();
    assert!(held + 3_000_000 <= empty, "{held} of {empty}");
    node.store.pin(root).await.unwrap();
    engine.remove(&root).await.unwrap();
    assert_eq!(engine.status(&root).await.unwrap().replicas, []);
    assert!(node.store.stat_dag(root).await.unwrap().pinned && node.has(root).await);
    // Let go and not pinned, its room counts as free again.
    node.store.unpin(root).await.unwrap();
    assert!(node.store.room().await.unwrap() > held + 2_900_000);
}

#[tokio::test]
async fn the_routes_beside_a_gateway_are_guarded_and_bounded() {
    let node = Node::start("one").await;
    let client = reqwest::Client::new();
    let url = format!("{}/pelago/v1/replicas", node.address());
    assert_eq!(client.get(&url).send().await.unwrap().status(), 401);
    let info = client.get(&url).bearer_auth(SHARED).send().await.unwrap();
    assert_eq!(info.status(), 200);
    let long = client.post(format!("{url}/bafkqaaa")).bearer_auth(SHARED).body(vec![0; 100_000]).send().await.unwrap();
    assert_eq!(long.status(), 413);
    // The gateway is as it was.
    assert_eq!(client.get(format!("{}/ipfs/bafkqaaa?format=raw", node.address())).send().await.unwrap().status(), 200);
    assert_eq!(client.post(format!("{}/ipfs/bafkqaaa", node.address())).send().await.unwrap().status(), 405);
    let plain = Gateway::start(Arc::new(node.store.clone()), GatewayOptions::default()).await.unwrap();
    let none = client.get(format!("http://{}/pelago/v1/replicas", plain.addr())).bearer_auth(SHARED).send().await;
    assert_eq!(none.unwrap().status(), 404);
}
