//! From a name to content: who is asked, whose word counts, how long is waited.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use pelago_exchange::ipns::{Address, NameSource, NameSourceKind, ResolveError, ResolveOptions, Resolved, resolve};
use pelago_exchange::retrieve::HttpOptions;

use crate::Publisher;

const RECORD: &str = "application/vnd.ipfs.ipns-record";
const NEW: &str = "/ipfs/bafkqaetqovrgy2ltnbswiidcpeqeqzlmnfqq";
const OLD: &str = "/ipfs/bafkqaaa";

#[derive(Clone)]
enum Says {
    Bytes(&'static str, Vec<u8>),
    Status(u16, &'static str),
    Nothing,
}

type Answers = Arc<dyn Fn(&str) -> Says + Send + Sync>;

/// A server that answers as told; its address, and the paths that it was asked for.
async fn server(answers: impl Fn(&str) -> Says + Send + Sync + 'static) -> (String, Arc<Mutex<Vec<String>>>) {
    async fn answer(State((answers, asked)): State<(Answers, Arc<Mutex<Vec<String>>>)>, request: Request) -> Response {
        let path = request.uri().path_and_query().unwrap().to_string();
        asked.lock().unwrap().push(path.clone());
        match answers(&path) {
            Says::Bytes(kind, bytes) => ([(header::CONTENT_TYPE, kind)], bytes).into_response(),
            Says::Status(status, text) => (StatusCode::from_u16(status).unwrap(), text).into_response(),
            Says::Nothing => std::future::pending().await,
        }
    }
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let answers: Answers = Arc::new(answers);
    let router = Router::new().fallback(answer).with_state((answers, asked.clone()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, asked)
}

async fn always(says: Says) -> String {
    server(move |_| says.clone()).await.0
}

fn source(kind: NameSourceKind, address: &str) -> NameSource {
    NameSource::new(kind, address, &HttpOptions::default()).unwrap()
}

fn record(bytes: Vec<u8>) -> Says {
    Says::Bytes(RECORD, bytes)
}

fn path(path: &str) -> Says {
    Says::Bytes("application/json", format!(r#"{{"Path":"{path}"}}"#).into_bytes())
}

async fn ask(address: &str, sources: &[NameSource]) -> Result<Resolved, ResolveError> {
    resolve(&address.parse::<Address>().unwrap(), sources, ResolveOptions::default()).await
}

fn shown(found: &Resolved) -> String {
    let (kind, sequence) = (found.kind, found.sequence);
    format!("/ipfs/{}/{} by {kind} #{sequence:?} for {} s", found.cid, found.path, found.ttl.as_secs())
}

use NameSourceKind::{Gateway, Kubo, Router as Routing};

#[tokio::test]
async fn routers_and_gateways_are_asked_for_the_record() {
    let publisher = Publisher::new(1);
    let name = publisher.name();
    let bytes = publisher.publish(NEW, 5);
    let (address, asked) = server(move |_| record(bytes.clone())).await;
    for kind in [Routing, Gateway] {
        let found = ask(&format!("ipns://{name}/a/b"), &[source(kind, &address)]).await.unwrap();
        assert_eq!(shown(&found), format!("{NEW}/a/b by {kind} #Some(5) for 60 s"));
        assert_eq!(found.source, address);
    }
    let expected = [format!("/routing/v1/ipns/{name}"), format!("/ipns/{name}?format=ipns-record")];
    assert_eq!(*asked.lock().unwrap(), expected);
}

#[tokio::test]
async fn the_newest_record_counts_and_a_forged_one_does_not() {
    let (publisher, forger) = (Publisher::new(1), Publisher::new(2));
    let name = publisher.name().to_string();
    let sources = [
        source(Routing, &always(record(publisher.publish(OLD, 5))).await),
        source(Gateway, &always(record(publisher.publish(NEW, 6))).await),
        source(Routing, &always(record(forger.publish(OLD, 9))).await),
        source(Kubo, &always(path(OLD)).await),
    ];
    let found = ask(&name, &sources).await.unwrap();
    assert_eq!(shown(&found), format!("{NEW}/ by gateway #Some(6) for 60 s"));
    let [refused] = &found.unanswered[..] else { panic!("{:?}", found.unanswered) };
    assert!(refused.to_string().contains("signature is wrong"), "{refused}");
    assert_eq!(refused.source_name, sources[2].address());
    // The forger alone is nobody's word.
    let error = ask(&name, &sources[2..3]).await.unwrap_err();
    assert!(matches!(error, ResolveError::NotFound { .. }), "{error}");
    // The user's own daemon is believed where nobody proves anything.
    let found = ask(&name, &sources[2..]).await.unwrap();
    assert_eq!(shown(&found), format!("{OLD}/ by kubo #None for 300 s"));
}

#[tokio::test]
async fn a_name_may_lead_to_a_name_and_not_for_ever() {
    let (one, two) = (Publisher::new(1), Publisher::new(2));
    let (first, second) = (one.name().to_string(), two.name().to_string());
    let (to_two, to_content) = (one.publish(&format!("/ipns/{second}/a"), 5), two.publish(&format!("{NEW}/x"), 1));
    let (address, _) =
        server(move |path| record(if path.contains(&second) { to_content.clone() } else { to_two.clone() })).await;
    let found = ask(&format!("{first}/b"), &[source(Routing, &address)]).await.unwrap();
    assert_eq!(shown(&found), format!("{NEW}/x/a/b by router #Some(5) for 60 s"));

    let circle = one.publish(&format!("/ipns/{first}"), 5);
    let (address, asked) = server(move |_| record(circle.clone())).await;
    let error = ask(&first, &[source(Routing, &address)]).await.unwrap_err();
    assert!(matches!(error, ResolveError::TooDeep { limit: 8, .. }), "{error}");
    assert_eq!(asked.lock().unwrap().len(), 9);
}

#[tokio::test]
async fn domains_are_for_a_daemon() {
    let router = source(Routing, &always(Says::Status(500, "never asked")).await);
    let error = ask("ipns://docs.example.org", std::slice::from_ref(&router)).await.unwrap_err();
    assert!(matches!(&error, ResolveError::DnsLink { domain } if domain == "docs.example.org"), "{error}");
    assert!(error.to_string().contains("kubo=URL"));
    let (address, asked) = server(|_| path(NEW)).await;
    let found = ask("ipns://docs.example.org/x", &[router, source(Kubo, &address)]).await.unwrap();
    assert_eq!(shown(&found), format!("{NEW}/x by kubo #None for 300 s"));
    assert!(asked.lock().unwrap()[0].starts_with("/api/v0/name/resolve?arg=%2Fipns%2Fdocs.example.org&recursive=true"));
    let error = ask(&Publisher::new(1).name().to_string(), &[]).await.unwrap_err();
    assert!(matches!(error, ResolveError::NoSources { .. }), "{error}");
}

#[tokio::test]
async fn answers_that_are_none_are_told() {
    let publisher = Publisher::new(1);
    let name = publisher.name().to_string();
    let cases = [
        (Routing, Says::Status(404, "")),
        (Routing, Says::Bytes("text/plain; charset=utf-8", b"routing: not found".to_vec())),
        (Gateway, Says::Bytes("text/html", b"<html>".to_vec())),
        (Gateway, Says::Status(500, "failed to resolve")),
        (Routing, record(vec![0; 20_000])),
        (Routing, record(b"rubbish".to_vec())),
        (Kubo, Says::Status(500, r#"{"Message":"could not resolve name","Code":0,"Type":"error"}"#)),
        (Kubo, Says::Status(500, r#"{"Message":"out of files","Code":0,"Type":"error"}"#)),
        (Kubo, Says::Status(404, "404 page not found")),
        (Kubo, Says::Bytes("application/json", b"[]".to_vec())),
        (Routing, record(publisher.publish("/ipfs/not-a-cid", 1))),
        (Routing, record(publisher.publish("https://example.org", 1))),
        (Routing, record(publisher.publish("/ipfs/bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy", 1))),
    ];
    let mut all = String::new();
    for (kind, says) in cases {
        let address = always(says).await;
        let error = ask(&name, &[source(kind, &address)]).await.unwrap_err().to_string();
        all.push_str(&(error.replace(&name, "NAME").replace(&address, "URL") + "\n"));
    }
    expect_test::expect![[r#"
        no source says what NAME stands for: router URL: knows no record
        no source says what NAME stands for: router URL: knows no record
        no source says what NAME stands for: gateway URL: answered with text/html, application/vnd.ipfs.ipns-record was expected
        no source says what NAME stands for: gateway URL: answered 500: failed to resolve
        no source says what NAME stands for: router URL: sent more than 10240 bytes, which is the most that is accepted
        no source says what NAME stands for: router URL: the record cannot be read: failed to decode Protobuf message: buffer underflow
        no source says what NAME stands for: kubo URL: knows no record
        no source says what NAME stands for: kubo URL: answered 500: out of files
        no source says what NAME stands for: kubo URL: answered 404: it has no such command (is this an RPC API?)
        no source says what NAME stands for: kubo URL: answered with invalid length 0, expected struct Resolved with 1 element at line 1 column 2, a path in JSON was expected
        ipns://NAME stands for "/ipfs/not-a-cid", which is not content that can be fetched: "/ipfs/not-a-cid" is not a content address (Failed to parse multihash): use <cid>, ipfs://<cid> or /ipfs/<cid>, with a path if wanted
        ipns://NAME stands for "https://example.org", which is not content that can be fetched: it is neither under /ipfs/ nor under /ipns/
        ipns://NAME stands for what cannot be verified here: bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy uses codec 0x71, which is not accepted: sha2-256 with raw or dag-pb is
    "#]]
    .assert_eq(&all);
}

#[tokio::test]
async fn who_says_nothing_does_not_hold_up_the_others() {
    let publisher = Publisher::new(1);
    let silent = source(Routing, &always(Says::Nothing).await);
    let good = source(Gateway, &always(record(publisher.publish(NEW, 1))).await);
    let address = publisher.name().into();
    // It would wait for ever for the silent one if one good answer were not enough.
    let options = ResolveOptions { deadline: Duration::from_secs(3600), settle: Duration::from_millis(1), fresh: true };
    assert!(resolve(&address, &[silent.clone(), good], options).await.is_ok());
    let options = ResolveOptions { deadline: Duration::from_millis(1), ..options };
    let error = resolve(&address, &[silent], options).await.unwrap_err();
    assert!(matches!(error, ResolveError::Silent { .. }), "{error}");
}
