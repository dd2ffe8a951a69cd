//! What the loopback server gives, and to whom.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod server_support;

use std::{collections::HashMap, sync::Arc, time::Duration};

use expect_test::expect;
use pelago_browser::{
    link::LinkOptions,
    server::{Server, ServerError, ServerOptions},
};
use server_support::{LONG, MemoryAssets, MemoryContent, assets, http, start, token};

/// A server with a page that was loaded, and the cookie that it got.
async fn visited() -> (Server, pelago_browser::server::Invitation, String) {
    let server = start(LinkOptions::default()).await;
    let invitation = server.invite(LONG).unwrap();
    let page = http(&server, "GET", &format!("/?token={}", token(&invitation)), &[]).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let cookie = page.headers["set-cookie"].split(';').next().unwrap().to_owned();
    (server, invitation, cookie)
}

#[tokio::test]
async fn the_page_comes_isolated_and_with_a_cookie_of_this_port() {
    let server = start(LinkOptions::default()).await;
    assert!(server.address().ip().is_loopback());
    let invitation = server.invite(LONG).unwrap();
    assert_eq!(token(&invitation).len(), 64);
    let path = format!("/?token={}", token(&invitation));
    let looked = http(&server, "HEAD", &path, &[]).await;
    assert_eq!((looked.status, looked.body.len()), (200, 0));

    let page = http(&server, "GET", &path, &[("Sec-Fetch-Site", "none")]).await;
    assert_eq!((page.status, page.text().as_str()), (200, "<!doctype html><title>page</title>"));
    let port = server.address().port().to_string();
    let cookie = &page.headers["set-cookie"];
    assert!(cookie.starts_with(&format!("pelago_{port}=")), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
    let mut headers: Vec<String> = page
        .headers
        .iter()
        .filter(|(name, _)| !["set-cookie", "date"].contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.replace(&port, "PORT")))
        .collect();
    headers.sort();
    expect![[r#"
        cache-control: no-store
        connection: close
        content-length: 34
        content-security-policy: default-src 'none'; script-src 'self' 'unsafe-eval' blob:; worker-src 'self' blob:; connect-src 'self' ws://127.0.0.1:PORT blob: data:; img-src 'self' blob: data:; media-src 'self' blob: data:; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'
        content-type: text/html
        cross-origin-embedder-policy: require-corp
        cross-origin-opener-policy: same-origin
        cross-origin-resource-policy: same-origin
        referrer-policy: no-referrer
        x-content-type-options: nosniff"#]]
    .assert_eq(&headers.join("\n"));
}

#[tokio::test]
async fn an_invitation_is_used_once() {
    let (server, invitation, cookie) = visited().await;
    let path = format!("/?token={}", token(&invitation));
    let again = http(&server, "GET", &path, &[("Cookie", &cookie)]).await;
    assert_eq!(again.status, 403);
    assert!(again.text().contains("already used"), "{}", again.text());

    let revoked = server.invite(LONG).unwrap();
    let path = format!("/?token={}", token(&revoked));
    drop(revoked);
    assert_eq!(http(&server, "GET", &path, &[]).await.status, 403);
}

#[tokio::test]
async fn an_invitation_ends_when_nobody_comes() {
    let server = start(LinkOptions::default()).await;
    let invitation = server.invite(Duration::from_millis(20)).unwrap();
    let path = format!("/?token={}", token(&invitation));
    let error = invitation.link().await.unwrap_err();
    assert!(matches!(error, ServerError::NobodyCame { .. }), "{error}");
    assert_eq!(http(&server, "GET", &path, &[]).await.status, 403);
}

#[tokio::test]
async fn pages_of_one_profile_share_a_cookie() {
    let (server, first, cookie) = visited().await;
    let second = server.invite(LONG).unwrap();
    let path = format!("/?token={}", token(&second));
    let page = http(&server, "GET", &path, &[("Cookie", &cookie)]).await;
    assert!(page.headers["set-cookie"].starts_with(&cookie));
    drop(first);
    assert_eq!(http(&server, "GET", "/ipfs/cid/model", &[("Cookie", &cookie)]).await.status, 200);
    drop(second);
    assert_eq!(http(&server, "GET", "/ipfs/cid/model", &[("Cookie", &cookie)]).await.status, 403);
}

#[tokio::test]
async fn strangers_get_a_reason_and_nothing_else() {
    let (server, _invitation, cookie) = visited().await;
    let model = "/ipfs/cid/model";
    let cookie = ("Cookie", cookie.as_str());
    let mut found = Vec::new();
    for (method, path, headers) in [
        ("GET", "/", &[][..]),
        ("GET", "/?token=wrong", &[]),
        ("GET", "/index.html", &[cookie]),
        ("GET", "/nothing", &[]),
        ("GET", "/../Cargo.toml", &[]),
        ("GET", model, &[]),
        ("GET", model, &[("Cookie", "pelago_1=0")]),
        ("POST", model, &[cookie]),
        ("GET", model, &[cookie, ("Host", "evil.example")]),
        ("GET", "/page.js", &[("Host", "localhost")]),
        ("GET", model, &[cookie, ("Origin", "http://evil.example")]),
        ("GET", model, &[cookie, ("Origin", "null")]),
        ("GET", "/page.js", &[("Sec-Fetch-Site", "cross-site")]),
        ("GET", "/link?token=wrong", &[]),
    ] {
        let reply = http(&server, method, path, headers).await;
        assert!(reply.headers.contains_key("content-security-policy"));
        found.push(format!("{} {}", reply.status, reply.text()));
    }
    let found = found.concat().replace(&server.address().port().to_string(), "PORT");
    expect![[r#"
        403 a token is needed: open the address that the session gave
        403 this token is not valid, no longer or never: ask the session for a new invitation
        403 a token is needed: open the address that the session gave
        404 there is nothing at "nothing"
        404 there is nothing at "../Cargo.toml"
        403 model files are given to invited pages alone: the cookie of this server is missing or not valid
        403 model files are given to invited pages alone: the cookie of this server is missing or not valid
        405 only GET and HEAD are answered
        403 this server answers to http://127.0.0.1:PORT alone, not to "evil.example"
        403 this server answers to http://127.0.0.1:PORT alone, not to "localhost"
        403 requests from "http://evil.example" are not answered, only those of this server's own page
        403 requests from "null" are not answered, only those of this server's own page
        403 requests from other sites (cross-site) are not answered
        403 a WebSocket must say its Origin
    "#]]
    .assert_eq(&found);
}

#[tokio::test]
async fn the_pages_files_have_the_types_and_caching_that_browsers_need() {
    let server = start(LinkOptions::default()).await;
    let script = http(&server, "GET", "/page.js", &[("Sec-Fetch-Site", "same-origin")]).await;
    assert_eq!((script.status, script.text().as_str()), (200, "export {};"));
    assert_eq!(script.headers["content-type"], "text/javascript");
    assert_eq!(script.headers["cache-control"], "no-cache");
    let known = http(&server, "GET", "/page.js", &[("If-None-Match", &script.headers["etag"])]).await;
    assert_eq!((known.status, known.body.len()), (304, 0));
    let wasm = http(&server, "GET", "/ort-1.30.0/ort.wasm", &[]).await;
    assert_eq!(wasm.headers["content-type"], "application/wasm");
    assert_eq!(wasm.headers["cache-control"], "public, max-age=31536000, immutable");
    let head = http(&server, "HEAD", "/page.js", &[]).await;
    assert_eq!((head.status, head.headers["content-length"].as_str(), head.body.len()), (200, "10", 0));
}

#[tokio::test]
async fn model_files_come_whole_in_part_and_not_at_all() {
    let (server, _invitation, cookie) = visited().await;
    let mut found = Vec::new();
    for (method, path, header) in [
        ("GET", "/ipfs/cid/model", ("Accept", "*/*")),
        ("GET", "/ipfs/cid/with%20space", ("Accept", "*/*")),
        ("HEAD", "/ipfs/cid/model", ("Accept", "*/*")),
        ("GET", "/ipfs/cid/model", ("Range", "bytes=2-5")),
        ("GET", "/ipfs/cid/model", ("Range", "bytes=-3")),
        ("HEAD", "/ipfs/cid/model", ("Range", "bytes=7-")),
        ("GET", "/ipfs/cid/model", ("Range", "bytes=0-1,4-5")),
        ("GET", "/ipfs/cid/model", ("Range", "bytes=10-")),
        ("GET", "/ipfs/cid/empty", ("Accept", "*/*")),
        ("GET", "/ipfs/cid/empty", ("Range", "bytes=0-")),
        ("GET", "/ipfs/cid/model", ("If-None-Match", "\"bafkfile\"")),
        ("GET", "/ipfs/cid", ("Accept", "*/*")),
        ("GET", "/ipfs/other", ("Accept", "*/*")),
    ] {
        let reply = http(&server, method, path, &[("Cookie", &cookie), header]).await;
        let of = |name: &str| reply.headers.get(name).map_or("-", String::as_str).to_owned();
        let fields = [of("content-length"), of("content-range"), of("etag"), of("accept-ranges")].join(" ");
        found.push(format!("{} [{fields}] {}", reply.status, reply.text().trim_end()));
        if reply.status == 206 {
            assert_eq!(of("cache-control"), "no-store");
            assert_eq!(of("content-type"), "application/octet-stream");
        }
    }
    expect![[r#"
        200 [10 - "bafkfile" bytes] 0123456789
        200 [10 - "bafkfile" bytes] 0123456789
        200 [10 - "bafkfile" bytes] 
        206 [4 bytes 2-5/10 "bafkfile" bytes] 2345
        206 [3 bytes 7-9/10 "bafkfile" bytes] 789
        200 [10 - "bafkfile" bytes] 
        200 [10 - "bafkfile" bytes] 0123456789
        416 [54 bytes */10 - -] "cid/model" has 10 bytes, none in the range asked for
        200 [0 - "bafkfile" bytes] 
        416 [53 bytes */0 - -] "cid/empty" has 0 bytes, none in the range asked for
        304 [- - "bafkfile" bytes] 
        404 [40 - - -] "cid" is a folder: ask for a file in it
        404 [60 - - -] "other" is not in this session's store: add the model first"#]]
    .assert_eq(&found.join("\n"));
}

#[tokio::test]
async fn a_transfer_that_fails_on_the_way_does_not_look_whole() {
    let (server, _invitation, cookie) = visited().await;
    let cookie = [("Cookie", cookie.as_str())];
    assert!(http(&server, "GET", "/ipfs/cid/model", &cookie).await.is_whole());
    for path in ["/ipfs/cid/bad", "/ipfs/cid/short"] {
        let reply = http(&server, "GET", path, &cookie).await;
        assert!(!reply.is_whole(), "{path}: {reply:?}");
    }
    // Ten bytes were due and came; what is too much never goes out.
    assert_eq!(http(&server, "GET", "/ipfs/cid/long", &cookie).await.text(), "0123456789");
}

#[tokio::test]
async fn a_taken_port_and_a_missing_page_are_said() {
    let server = start(LinkOptions::default()).await;
    let port = server.address().port();
    let options = |port, assets| ServerOptions {
        port,
        assets: Arc::new(assets),
        content: Arc::new(MemoryContent),
        link: LinkOptions::default(),
    };
    let error = Server::start(options(port, assets())).await.err().unwrap();
    assert!(matches!(error, ServerError::PortTaken { .. }), "{error}");
    expect!["port PORT of 127.0.0.1 is taken: end the program that listens there, or configure another port or 0 for any free one"]
        .assert_eq(&error.to_string().replace(&port.to_string(), "PORT"));
    let error = Server::start(options(0, MemoryAssets(HashMap::new()))).await.err().unwrap();
    assert!(error.to_string().contains("run `make page`"), "{error}");
    // The port is free again once the server is closed.
    server.close().await;
    Server::start(options(port, assets())).await.unwrap().close().await;
}
