//! Records that Helia makes now, over its own server, and js-ipfs's `name resolve`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use pelago_exchange::ipns::{Address, NameSource, NameSourceKind, ResolveError, ResolveOptions, resolve};
use pelago_exchange::retrieve::HttpOptions;
use serde_json::Value;

/// A peer that runs. It ends when its standard input does.
struct Peer(Child);

impl Peer {
    fn start(script: &str, args: &[&str]) -> (Self, Value) {
        let folder =
            std::env::var_os("PELAGO_TEST_PEERS").expect("PELAGO_TEST_PEERS names what scripts/peers.sh installed");
        let folder = std::path::PathBuf::from(folder);
        let (stdin, stdout) = (Stdio::piped(), Stdio::piped());
        let node =
            Command::new(folder.join("node")).arg(folder.join(script)).args(args).stdin(stdin).stdout(stdout).spawn();
        let mut node = node.unwrap();
        let lines = BufReader::new(node.stdout.take().unwrap()).lines().map(Result::unwrap);
        let said = lines.filter_map(|line| serde_json::from_str(&line).ok()).next();
        (Self(node), said.expect("the peer says where it listens, or it has failed above"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

#[tokio::test]
#[ignore = "needs the peers that scripts/peers.sh installs: set PELAGO_TEST_PEERS"]
async fn names_that_helia_publishes_are_resolved() {
    let (_peer, said) = Peer::start("ipns-serve.js", &[]);
    let url = said["url"].as_str().unwrap();
    for kind in [NameSourceKind::Router, NameSourceKind::Gateway] {
        let source = NameSource::new(kind, url, &HttpOptions::default()).unwrap();
        let mut found = 0;
        for made in said["records"].as_array().unwrap() {
            let what = made["what"].as_str().unwrap();
            let Ok(address) = made["name"].as_str().unwrap().parse::<Address>() else { continue };
            let resolved = resolve(&address, std::slice::from_ref(&source), ResolveOptions::default()).await;
            if what == "expired" {
                let Err(ResolveError::NotFound { asked, .. }) = resolved else { panic!("{what}: {resolved:?}") };
                assert!(asked[0].to_string().contains("was valid until 2024"), "{}", asked[0]);
                continue;
            }
            if what == "ecdsa" {
                // Helia writes such keys in a form of its own, not as the specification has them.
                assert!(resolved.unwrap_err().to_string().contains("not in PKIX form"));
                continue;
            }
            let resolved = resolved.unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(resolved.cid.hash().digest(), b"published by Helia", "{what}");
            // Of a name that was published twice, the second record.
            assert!(!what.starts_with("published") || resolved.sequence > Some(0), "{what}");
            found += 1;
        }
        assert_eq!(found, 7);
    }
}

#[tokio::test]
#[ignore = "needs the peers that scripts/peers.sh installs: set PELAGO_TEST_PEERS"]
async fn a_daemon_resolves_its_own_name() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, b"content").unwrap();
    let repo = dir.path().join("repo");
    let (_peer, said) = Peer::start("js-ipfs.js", &[file.to_str().unwrap(), repo.to_str().unwrap()]);
    let (url, root) = (said["url"].as_str().unwrap(), said["root"].as_str().unwrap());
    let source = NameSource::new(NameSourceKind::Kubo, url, &HttpOptions::default()).unwrap();
    let client = reqwest::Client::new();
    let call = async |command: &str| -> Value {
        let answer = client.post(format!("{url}/api/v0/{command}")).send().await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    };
    let published = call(&format!("name/publish?arg=/ipfs/{root}")).await;
    let address: Address = published["Name"].as_str().unwrap().parse().unwrap();
    let resolved = resolve(&address, std::slice::from_ref(&source), ResolveOptions::default()).await.unwrap();
    assert_eq!((resolved.cid.to_string().as_str(), resolved.path.as_str()), (root, ""));
    // A name that nobody published.
    let nobody = "k51qzi5uqu5dk6s0nvf30crb54ed2qvaip44zet12s0euv4m1iscfh5s1iaui8".parse().unwrap();
    let error = resolve(&nobody, &[source], ResolveOptions::default()).await.unwrap_err();
    assert!(matches!(error, ResolveError::NotFound { .. }), "{error}");
}
