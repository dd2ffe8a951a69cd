//! Sources that lie, break, crawl and send their callers away: each is survived, or named in the error.

use std::sync::Arc;
use std::time::Duration;

use pelago_exchange::retrieve::{FetchError, HttpOptions, HttpProvider, ProviderError, Reach, Source};

use crate::dag::{Child, Dag, noise};
use crate::server::{Answer, Asked, Server, options};
use crate::{count, get};

fn file() -> (Dag, Child) {
    let mut dag = Dag::default();
    let root = dag.file_of(7, 12, 30_000);
    (dag, root)
}

/// A fault that a fetch survives, where a second source is sound. Gives the blocks of the first, and why it was dropped.
async fn survived(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> (u64, Vec<String>) {
    let (dag, root) = file();
    let (bad, good) = (Server::new(&dag, answer).await, Server::new(&dag, |_| Answer::Right).await);
    let (fetched, blocks) = get(root.cid, vec![bad.peer(), good.peer()]).await.unwrap();
    assert_eq!(count(&dag, &blocks), dag.blocks.len());
    let dropped = fetched.dropped.iter().map(|d| d.to_string().replace(&bad.url, "BAD")).collect();
    let gave = fetched.sources.iter().find(|s| s.name == bad.url).map(|s| s.blocks).unwrap();
    (gave, dropped)
}

/// A fault of the only source there is. Gives the error.
async fn alone(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> FetchError {
    let (dag, root) = file();
    let bad = Server::new(&dag, answer).await;
    get(root.cid, vec![bad.peer()]).await.unwrap_err()
}

/// The one source's error in an error.
fn cause(error: &FetchError) -> &ProviderError {
    match error {
        FetchError::Unavailable { sources, .. } | FetchError::Stalled { sources, .. } => &sources[0].error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_wrong_block_drops_its_source_for_good_and_names_it() {
    let wrong = |_: &Asked| Answer::Bytes("something else".into());
    let (gave, dropped) = survived(wrong).await;
    assert_eq!(gave, 0);
    assert_eq!(dropped.len(), 1);
    assert!(dropped[0].starts_with("peer BAD: sent wrong bytes: "), "{dropped:?}");
    let error = alone(wrong).await;
    assert!(matches!(cause(&error), ProviderError::Wrong { .. }), "{error}");
}

#[tokio::test]
async fn a_source_that_lies_later_is_dropped_too_and_what_it_gave_before_stays() {
    let lies = |asked: &Asked| match asked.cid {
        Some(cid) if cid.codec() == 0x55 => Answer::Bytes(noise(99, 30_000).into()),
        _ => Answer::Right,
    };
    let (dag, root) = file();
    let bad = Server::new(&dag, lies).await;
    let error = get(root.cid, vec![bad.peer()]).await.unwrap_err();
    assert!(matches!(cause(&error), ProviderError::Wrong { .. }), "{error}");
    assert!(error.to_string().contains(&bad.url), "{error}");
}

#[tokio::test]
async fn a_block_that_breaks_off_is_taken_up_where_it_broke() {
    let (dag, root) = file();
    // The root is smaller than where it breaks: only its leaves do.
    let server = Server::new(&dag, |asked: &Asked| match asked.cid {
        Some(cid) if cid.codec() == 0x55 && asked.before == 0 => Answer::CutAt(20_000),
        _ => Answer::Right,
    })
    .await;
    let (fetched, blocks) = get(root.cid, vec![server.peer()]).await.unwrap();
    assert_eq!(count(&dag, &blocks), dag.blocks.len());
    assert_eq!(fetched.refetched_bytes, 0);
    let resumed = server.heads().iter().filter(|head| head.contains("range: bytes=20000-")).count();
    assert_eq!(resumed, 12);
    assert_eq!(server.sent(), dag.bytes());
}

#[tokio::test]
async fn a_source_that_dies_within_each_block_is_given_up() {
    let dies = |_: &Asked| Answer::CutAt(10);
    let error = alone(dies).await;
    assert!(matches!(cause(&error), ProviderError::Connection { .. }), "{error}");
    survived(dies).await;
}

#[tokio::test]
async fn a_length_that_is_a_lie_is_no_harm() {
    let error = alone(|_| Answer::Length(1 << 40)).await;
    assert!(matches!(cause(&error), ProviderError::TooLarge { .. }), "{error}");
    let error = alone(|_| Answer::Length(20)).await;
    assert!(matches!(cause(&error), ProviderError::Wrong { .. }), "{error}");
    survived(|_| Answer::Length(1_000_000)).await;
}

#[tokio::test]
async fn a_body_without_end_is_cut_off() {
    let (dag, root) = file();
    let bad = Server::new(&dag, |_| Answer::Endless).await;
    let error = get(root.cid, vec![bad.peer()]).await.unwrap_err();
    assert!(matches!(cause(&error), ProviderError::TooLarge { limit } if *limit == 2 << 20), "{error}");
    survived(|_| Answer::Endless).await;
}

#[tokio::test]
async fn a_source_that_crawls_is_left() {
    let error = alone(|_| Answer::Drip(Duration::from_millis(20))).await;
    assert!(matches!(cause(&error), ProviderError::Slow { .. }), "{error}");
    survived(|_| Answer::Drip(Duration::from_millis(20))).await;
}

#[tokio::test]
async fn a_source_that_says_nothing_is_left() {
    let error = alone(|_| Answer::Silence).await;
    assert!(matches!(cause(&error), ProviderError::Silent { .. }), "{error}");
    survived(|_| Answer::Silence).await;
}

#[tokio::test]
async fn a_source_that_asks_to_wait_is_waited_for() {
    let busy = |asked: &Asked| match asked.before {
        0 => Answer::Status(429, "retry-after: 1\r\n".to_owned(), ""),
        _ => Answer::Right,
    };
    let mut dag = Dag::default();
    let root = dag.raw("one block");
    let server = Server::new(&dag, busy).await;
    let (fetched, _) = get(root.cid, vec![server.gateway()]).await.unwrap();
    assert!(fetched.elapsed >= Duration::from_secs(1) && fetched.dropped.is_empty());
    let error = alone(|_| Answer::Status(503, "retry-after: 3600\r\n".to_owned(), "")).await;
    assert!(matches!(cause(&error), ProviderError::Busy { wait } if wait.as_secs() == 300), "{error}");
}

#[tokio::test]
async fn an_error_of_the_server_is_tried_again_and_then_told() {
    survived(|asked| if asked.before < 2 { Answer::Status(502, String::new(), "bad day") } else { Answer::Right })
        .await;
    let error = alone(|_| Answer::Status(500, String::new(), "<b>bad day</b>\nmore")).await;
    assert!(error.to_string().contains("answered 500: <b>bad day</b>"), "{error}");
}

#[tokio::test]
async fn what_nobody_has_is_said_with_everybody_who_was_asked() {
    let (dag, root) = file();
    let empty = [
        Server::new(&Dag::default(), |_| Answer::Right).await,
        Server::new(&dag, |_| Answer::Status(412, String::new(), "")).await,
    ];
    let error = get(root.cid, empty.iter().map(Server::peer).collect()).await.unwrap_err();
    let FetchError::Unavailable { cid, sources } = &error else { panic!("{error:?}") };
    assert_eq!((**cid, sources.len()), (root.cid, 2));
    assert!(sources.iter().all(|s| matches!(s.error, ProviderError::Lacks)));
}

#[tokio::test]
async fn a_page_is_no_block() {
    let page = |_: &Asked| Answer::Status(200, "content-type: text/html; charset=utf-8\r\n".to_owned(), "<html>");
    let error = alone(page).await;
    assert!(matches!(cause(&error), ProviderError::Unexpected { found, .. } if found == "text/html"), "{error}");
}

#[tokio::test]
async fn a_redirect_is_followed_within_the_source_and_to_hosts_that_are_named() {
    let (dag, root) = file();
    let home = Server::new(&dag, |asked| {
        if asked.head.contains("/moved/") {
            return Answer::Right;
        }
        let path = format!("/moved{}", asked.head.split(' ').nth(1).unwrap());
        Answer::Status(302, format!("location: {path}\r\n"), "")
    })
    .await;
    // The server reads CIDs below /ipfs/ only, so what was moved is not there: it is the path that counts.
    let error = get(root.cid, vec![home.peer()]).await.unwrap_err();
    assert!(matches!(cause(&error), ProviderError::Lacks) && home.heads().iter().any(|h| h.contains("/moved/ipfs/")));

    let other = Server::new(&dag, |_| Answer::Right).await;
    let to = other.url.clone();
    let away = move |asked: &Asked| {
        Answer::Status(307, format!("location: {to}{}\r\n", asked.head.split(' ').nth(1).unwrap()), "")
    };
    let bad = Server::new(&dag, away).await;
    let error = get(root.cid, vec![bad.peer()]).await.unwrap_err();
    assert!(matches!(cause(&error), ProviderError::Redirect { to } if to.starts_with(&other.url)), "{error}");
    assert_eq!(other.heads().len(), 0);

    let named = HttpOptions { redirects_to: vec!["127.0.0.1".to_owned()], ..options() };
    let source = Source::new(Arc::new(HttpProvider::gateway(&bad.url, Reach::Named, &named).unwrap()));
    let (_, blocks) = get(root.cid, vec![source]).await.unwrap();
    assert_eq!(count(&dag, &blocks), dag.blocks.len());
}

#[tokio::test]
async fn who_was_not_named_must_be_public() {
    for url in ["http://127.0.0.1:1/", "http://192.168.0.1/", "http://[::1]/", "http://169.254.169.254/latest/"] {
        let refused = HttpProvider::gateway(url, Reach::Public, &options()).map(drop);
        assert!(matches!(refused, Err(ProviderError::Blocked { .. })), "{url}");
    }
    // A name that leads to this machine is found out when it is resolved.
    let (dag, root) = file();
    let server = Server::new(&dag, |_| Answer::Right).await;
    let url = server.url.replace("127.0.0.1", "localhost");
    let gateway = HttpProvider::gateway(&url, Reach::Public, &options()).unwrap();
    let error = get(root.cid, vec![Source::new(Arc::new(gateway))]).await.unwrap_err();
    assert!(matches!(cause(&error), ProviderError::Blocked { host, .. } if host == "localhost"), "{error}");
    assert_eq!(server.heads().len(), 0);
}

#[tokio::test]
async fn a_slow_tail_is_fetched_twice_and_the_loser_is_cancelled() {
    let (dag, root) = file();
    // Answers three questions as it should, then holds what it is asked until long after the test's patience.
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let bad = Server::new(&dag, move |_| match asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0..3 => Answer::Right,
        _ => Answer::Late(Duration::from_secs(600)),
    })
    .await;
    let good = Server::throttled(&dag, None, Duration::from_millis(5), |_| Answer::Right).await;
    let patient = HttpProvider::peer(&bad.url, Reach::Named, &HttpOptions::default()).unwrap();
    let (fetched, blocks) = get(root.cid, vec![Source::new(Arc::new(patient)), good.peer()]).await.unwrap();
    assert_eq!(count(&dag, &blocks), dag.blocks.len());
    assert!(fetched.dropped.is_empty() && fetched.sources.iter().all(|s| s.errors == 0.0));
    assert!(bad.heads().len() > 3);
}
