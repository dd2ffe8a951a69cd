//! Raw blocks: headers, ranges, what is not sent again, `HEAD`.

use reqwest::{Method, Response, StatusCode};

use crate::fixtures::{Dag, RAW, noise};
use crate::served::{Served, header};

#[tokio::test]
async fn a_raw_block_comes_with_the_headers_of_the_specification() {
    let dag = Dag::default();
    let content = noise(1, 1000);
    let cid = dag.raw(&content).await;
    let served = Served::start(dag).await;
    for (path, headers) in [
        (format!("/ipfs/{cid}?format=raw"), vec![]),
        (format!("/ipfs/{cid}"), vec![("accept", "application/vnd.ipld.raw")]),
        (format!("/ipfs/{cid}/?format=raw"), vec![]),
        (format!("/ipfs/{cid}?format=raw"), vec![("accept", "application/vnd.ipld.car")]),
    ] {
        let response = served.send(Method::GET, &path, &headers).await;
        assert_eq!(response.status(), StatusCode::OK);
        for (name, expected) in [
            ("content-type", "application/vnd.ipld.raw".to_owned()),
            ("content-length", "1000".to_owned()),
            ("content-disposition", format!("attachment; filename=\"{cid}.bin\"")),
            ("x-content-type-options", "nosniff".to_owned()),
            ("etag", format!("\"{cid}.raw\"")),
            ("cache-control", "public, max-age=29030400, immutable".to_owned()),
            ("accept-ranges", "bytes".to_owned()),
            ("vary", "Accept".to_owned()),
            ("x-ipfs-path", path.split('?').next().expect("a path").to_owned()),
            ("x-ipfs-roots", cid.to_string()),
        ] {
            assert_eq!(header(&response, name), expected, "{name} of {path}");
        }
        let located = if path.contains("format") { String::new() } else { format!("/ipfs/{cid}?format=raw") };
        assert_eq!(header(&response, "content-location"), located);
        assert_eq!(response.bytes().await.expect("a body"), content);
    }
}

#[tokio::test]
async fn a_download_has_the_name_that_is_asked_for() {
    let dag = Dag::default();
    let cid = dag.raw(b"hello").await;
    let served = Served::start(dag).await;
    for (asked, expected) in [
        ("foobar.bin", r#"attachment; filename="foobar.bin""#),
        ("a%20b.bin", r#"attachment; filename="a b.bin""#),
        ("test%D1%82%D0%B5.pdf", r#"attachment; filename="test__.pdf"; filename*=UTF-8''test%D1%82%D0%B5.pdf"#),
        ("a%22%0D%0Ab", r#"attachment; filename="a___b"; filename*=UTF-8''a%22%0D%0Ab"#),
    ] {
        let response = served.get(&format!("/ipfs/{cid}?format=raw&filename={asked}")).await;
        assert_eq!(header(&response, "content-disposition"), expected);
    }
    assert_eq!(served.status(&format!("/ipfs/{cid}?format=raw&filename={}", "x".repeat(256))).await, 400);
}

#[tokio::test]
async fn ranges_of_a_raw_block() {
    let dag = Dag::default();
    let content = noise(2, 100);
    let cid = dag.raw(&content).await;
    let served = Served::start(dag).await;
    let path = format!("/ipfs/{cid}?format=raw");
    for (asked, expected) in
        [("bytes=7-9", 7..10), ("bytes=-5", 95..100), ("bytes=90-", 90..100), ("bytes=99-200", 99..100)]
    {
        let response = served.send(Method::GET, &path, &[("range", asked)]).await;
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
        let said = format!("bytes {}-{}/100", expected.start, expected.end - 1);
        assert_eq!(header(&response, "content-range"), said);
        assert_eq!(header(&response, "content-length"), expected.len().to_string());
        assert_eq!(response.bytes().await.expect("a body"), content[expected]);
    }
    // Several ranges, or none that is understood: the whole, as RFC 9110 allows.
    for asked in ["bytes=7-9,1-3", "bytes=x", "rows=1-2"] {
        let response = served.send(Method::GET, &path, &[("range", asked)]).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.bytes().await.expect("a body"), content);
    }
    let response = served.send(Method::GET, &path, &[("range", "bytes=100-")]).await;
    assert_eq!((response.status().as_u16(), header(&response, "content-range")), (416, "bytes */100"));
    let tag = format!("\"{cid}.raw\"");
    for (known, expected) in [(tag.as_str(), 206), ("\"another\"", 200), ("W/\"weak\"", 200)] {
        let response = served.send(Method::GET, &path, &[("range", "bytes=0-1"), ("if-range", known)]).await;
        assert_eq!(response.status().as_u16(), expected);
    }
}

#[tokio::test]
async fn what_the_client_has_is_not_sent_again() {
    let dag = Dag::default();
    let cid = dag.raw(b"hello").await;
    let folder = dag.folder(&[("a", cid)]).await;
    let served = Served::start(dag).await;
    let mut tags = Vec::new();
    for path in [
        format!("/ipfs/{cid}?format=raw"),
        format!("/ipfs/{cid}?format=car"),
        format!("/ipfs/{folder}?format=car"),
        format!("/ipfs/{folder}/a?format=car"),
        format!("/ipfs/{folder}?format=car&car-dups=y"),
        format!("/ipfs/{folder}?format=car&dag-scope=block"),
        format!("/ipfs/{folder}?format=car&dag-scope=entity"),
        format!("/ipfs/{folder}?format=car&entity-bytes=0:1"),
        format!("/ipfs/{folder}?format=car&entity-bytes=0:*"),
    ] {
        let tag = header(&served.get(&path).await, "etag").to_owned();
        assert_eq!(tag.starts_with("W/"), path.contains("car"), "{tag}");
        assert!(!tags.contains(&tag), "{tag} stands for two answers");
        for (known, expected) in [
            (tag.clone(), 304),
            (format!("\"x\", {tag}"), 304),
            (tag.trim_start_matches("W/").to_owned(), 304),
            ("*".to_owned(), 304),
            ("\"x\"".to_owned(), 200),
        ] {
            let response = served.send(Method::GET, &path, &[("if-none-match", &known)]).await;
            assert_eq!(response.status().as_u16(), expected, "{known}");
            assert_eq!(header(&response, "etag"), tag);
            assert_eq!(header(&response, "cache-control"), "public, max-age=29030400, immutable");
            assert_eq!(response.bytes().await.expect("a body").is_empty(), expected == 304);
        }
        tags.push(tag);
    }
    let unknown = crate::fixtures::cid_of(RAW, b"it is not here");
    let response = served.send(Method::GET, &format!("/ipfs/{unknown}?format=raw"), &[("if-none-match", "*")]).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn head_says_what_get_says() {
    let dag = Dag::default();
    let file = dag.file_of(&noise(3, 5000), 1000, 3).await;
    let leaf = dag.raw(b"hello").await;
    let folder = dag.folder(&[("file", file), ("leaf", leaf)]).await;
    let served = Served::start(dag).await;
    for path in [
        format!("/ipfs/{leaf}?format=raw"),
        format!("/ipfs/{folder}?format=raw"),
        format!("/ipfs/{folder}?format=car"),
        format!("/ipfs/{folder}/file?format=car&entity-bytes=0:10"),
        format!("/ipfs/{folder}/none?format=car"),
        format!("/ipfs/{folder}/file?format=raw"),
        "/ipfs/bafkqaaa?format=raw".to_owned(),
        "/ipfs/bafkqaaa?format=car".to_owned(),
        "/ipfs/bafy?format=car".to_owned(),
        "/".to_owned(),
    ] {
        let [get, head] = [Method::GET, Method::HEAD].map(|method| served.send(method, &path, &[]));
        let (get, head) = tokio::join!(get, head);
        assert_eq!(get.status(), head.status(), "{path}");
        let without = |response: &Response| {
            let mut headers = response.headers().clone();
            headers.remove("date");
            // Says how a body is sent; hyper leaves it out where none is.
            headers.remove("transfer-encoding");
            headers
        };
        assert_eq!(without(&get), without(&head), "{path}");
        assert!(head.bytes().await.expect("no body").is_empty());
    }
}
