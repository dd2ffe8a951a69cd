//! Names against a publisher's server: followed, refreshed, rolled back, and not led back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, Uri, header};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde::Serialize;
use tokio::net::TcpListener;

use super::*;
use crate::library::Models;
use crate::network::{HUGGING_FACE, NetworkOptions};
use pelago_content::{Gateway, GatewayOptions, Store};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Data {
    #[serde(rename = "TTL")]
    ttl: u64,
    value: bytes::Bytes,
    sequence: u64,
    validity: bytes::Bytes,
    validity_type: u64,
}

/// Who publishes: a key, a store with a gateway, and a server that gives the record of the day.
struct Publisher {
    key: Ed25519KeyPair,
    store: Store,
    gateway: Gateway,
    router: String,
    record: Arc<Mutex<Vec<u8>>>,
    asked: Arc<AtomicUsize>,
    home: tempfile::TempDir,
}

impl Publisher {
    async fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path().join("store")).unwrap();
        let gateway = Gateway::start(Arc::new(store.clone()), GatewayOptions::default()).await.unwrap();
        let (record, asked) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::<AtomicUsize>::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let router = format!("http://{}", listener.local_addr().unwrap());
        let (said, count) = (record.clone(), asked.clone());
        let answer = move |uri: Uri| {
            let is_name = uri.path().starts_with("/routing/v1/ipns/k51");
            count.fetch_add(usize::from(is_name), Ordering::SeqCst);
            let record = ([(header::CONTENT_TYPE, "application/vnd.ipfs.ipns-record")], said.lock().unwrap().clone());
            std::future::ready(if is_name { Ok(record) } else { Err(StatusCode::NOT_FOUND) })
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        Self { key, store, gateway, router, record, asked, home }
    }

    fn libp2p_key(&self) -> Vec<u8> {
        [&[8, 1, 18, 32], self.key.public_key().as_ref()].concat()
    }

    fn ipns(&self) -> String {
        // A CID of version 1, libp2p-key, identity hash, in base 16.
        let bytes = [&[1, 0x72, 0, 36][..], &self.libp2p_key()].concat();
        format!("ipns://f{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }

    /// Adds a folder with this in its file, and says that the name stands for it.
    async fn publish(&self, content: &str, sequence: u64, ttl: Duration) -> Cid {
        let folder = self.home.path().join(content);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("file"), content.repeat(1000)).unwrap();
        let root = self.store.add_folder(&folder, |_| {}).await.unwrap().root;
        self.say(root, sequence, ttl);
        root
    }

    fn say(&self, root: Cid, sequence: u64, ttl: Duration) {
        let data = Data {
            ttl: ttl.as_nanos() as u64,
            value: format!("/ipfs/{root}").into(),
            sequence,
            validity: "2199-01-01T00:00:00Z".into(),
            validity_type: 0,
        };
        let data = serde_ipld_dagcbor::to_vec(&data).unwrap();
        let signature = self.key.sign(&[b"ipns-signature:", &data[..]].concat());
        // Fields 8 and 9 of the record's message.
        let mut record = vec![0x42, 64];
        record.extend(signature.as_ref());
        record.extend([0x4a, (data.len() % 128) as u8 | 0x80, (data.len() / 128) as u8]);
        record.extend(data);
        *self.record.lock().unwrap() = record;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn network(&self, home: &std::path::Path, refresh_names: bool) -> Network {
        let models = Models::open(Store::open(home.join("store")).unwrap()).unwrap();
        let mut options = NetworkOptions::new(home.join("staging"), HUGGING_FACE).unwrap();
        let gateway = format!("peer=http://{}", self.gateway.addr());
        options.sources = vec![gateway.parse().unwrap(), format!("router={}", self.router).parse().unwrap()];
        options.refresh_names = refresh_names;
        Network::new(models, options).unwrap()
    }
}

/// Makes a name's last look one of long ago.
async fn age(network: &Network, name: &'static str) {
    let sql = "UPDATE followed SET checked_at = 0 WHERE name = ?";
    network.models().store().write_tables(move |tx| tx.execute(sql, [name])).await.unwrap();
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread")]
async fn a_name_follows_is_rolled_back_and_follows_again() {
    let (publisher, home) = (Publisher::start().await, tempfile::tempdir().unwrap());
    let network = publisher.network(home.path(), true);
    let one = publisher.publish("one", 1, HOUR).await;
    let resolved = network.resolve_name(&publisher.ipns()).await.unwrap();
    assert_eq!((resolved.cid, resolved.sequence, resolved.ttl), (one, Some(1), HOUR));
    let got = network.get(&publisher.ipns(), Some("model"), None).await.unwrap();
    assert_eq!((got.cid, got.name.as_deref(), got.fetched.is_some()), (one, Some("model"), true));
    let followed = network.followed("model").await.unwrap().unwrap();
    assert_eq!((followed.cid, followed.sequence, followed.ttl_s), (one, Some(1), 3600));
    assert_eq!(network.follower(&publisher.ipns()).await.unwrap().as_deref(), Some("model"));

    let same = network.refresh("model", None).await.unwrap();
    assert!(!same.changed && same.fetched.is_none() && same.now == one);
    let two = publisher.publish("two", 2, HOUR).await;
    let other = network.refresh("model", None).await.unwrap();
    assert_eq!((other.before, other.now, other.changed, other.fetched.is_some()), (one, two, true, true));
    assert_eq!(network.models().show("model").await.unwrap().source, followed.ipns);

    // Rolled back, it stays there, however old the look is, until a refresh is asked for.
    network.models().roll_back("model", 1).await.unwrap();
    age(&network, "model").await;
    let asked = publisher.asked();
    network.used("model").await;
    assert_eq!((publisher.asked(), network.models().show("model").await.unwrap().cid), (asked, one));
    assert!(network.refresh("model", None).await.unwrap().changed);
    assert_eq!(network.models().show("model").await.unwrap().cid, two);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_older_than_one_that_was_seen_is_refused() {
    let (publisher, home) = (Publisher::start().await, tempfile::tempdir().unwrap());
    let network = publisher.network(home.path(), true);
    let one = publisher.publish("one", 1, HOUR).await;
    let two = publisher.publish("two", 2, HOUR).await;
    network.get(&publisher.ipns(), Some("model"), None).await.unwrap();
    publisher.say(one, 1, HOUR);
    let refused = network.refresh("model", None).await.unwrap_err();
    assert!(matches!(refused, NetworkError::Older { found: 1, known: 2, .. }), "{refused}");
    let refused = network.get(&publisher.ipns(), Some("other"), None).await.unwrap_err();
    assert!(matches!(refused, NetworkError::Older { .. }), "{refused}");
    assert_eq!(network.models().show("model").await.unwrap().cid, two);
    let refused = network.refresh("other", None).await.unwrap_err();
    assert!(matches!(refused, NetworkError::Model(_)), "{refused}");
    network.get(&one.to_string(), Some("plain"), None).await.unwrap();
    let refused = network.refresh("plain", None).await.unwrap_err();
    assert!(matches!(refused, NetworkError::NotFollowed { .. }), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_name_is_used_at_once_and_refreshed_behind() {
    let (publisher, home) = (Publisher::start().await, tempfile::tempdir().unwrap());
    let network = publisher.network(home.path(), true);
    publisher.publish("one", 1, HOUR).await;
    network.get(&publisher.ipns(), Some("model"), None).await.unwrap();
    let two = publisher.publish("two", 2, HOUR).await;
    let asked = publisher.asked();
    // Fresh: nobody is asked.
    network.used("model").await;
    assert_eq!(publisher.asked(), asked);
    age(&network, "model").await;
    for _ in 0..5 {
        network.used("model").await;
    }
    let reached = async {
        while network.models().show("model").await.unwrap().cid != two {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reached).await.expect("it is refreshed");
    assert_eq!(publisher.asked(), asked + 1, "one look for five uses");
    // Where the options forbid it, an old name is left alone.
    let silent = publisher.network(home.path(), false);
    age(&silent, "model").await;
    silent.used("model").await;
    assert_eq!(publisher.asked(), asked + 1);
}
