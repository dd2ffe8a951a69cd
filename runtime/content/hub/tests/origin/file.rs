//! Single files from web servers, well-behaved and not.

use bytes::Bytes;
use expect_test::{Expect, expect};
use pelago_hub::{Address, Origin, OriginError, OriginOptions, Selection, Staged};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::hub::{Fault, Hub, noise, options, sha256};
use super::{KIB, MIB, files};

/// A file on a server that this configuration names.
async fn one(bytes: &Bytes) -> (Hub, OriginOptions, String) {
    let hub = Hub::start(&[("model.onnx", bytes.clone(), true)]).await;
    let mut options = options("https://hub.invalid");
    options.named_hosts = vec![hub.storage.clone()];
    let address = format!("http://{}/model.onnx?signature=secret", hub.storage);
    (hub, options, address)
}

async fn bring(
    options: OriginOptions,
    address: &str,
    sha256: Option<&str>,
    dir: &std::path::Path,
) -> Result<Staged, OriginError> {
    let mut address = Address::parse(address).unwrap();
    if let Some(sha256) = sha256 {
        address = address.with_sha256(sha256).unwrap();
    }
    Origin::new(options).unwrap().fetch(&address, dir, &Selection::default(), |_| {}).await
}

#[tokio::test]
async fn a_file_is_brought() {
    let bytes = noise(1, 2 * MIB + 3);
    let (hub, options, address) = one(&bytes).await;
    let dir = tempfile::tempdir().unwrap();
    let staged = bring(options.clone(), &address, None, dir.path()).await.unwrap();
    assert_eq!(files(&staged.folder)["model.onnx"], bytes);
    assert_eq!(staged.source, format!("http://{}/model.onnx", hub.storage));
    let file = &staged.files[0];
    assert_eq!((&file.hash[..], file.published), (&format!("sha256:{}", sha256(&bytes))[..], false));
    let dir = tempfile::tempdir().unwrap();
    let staged = bring(options.clone(), &address, Some(&sha256(&bytes)), dir.path()).await.unwrap();
    assert!(staged.files[0].published);
    let dir = tempfile::tempdir().unwrap();
    let error = bring(options, &address, Some(&sha256(b"other")), dir.path()).await.unwrap_err();
    assert!(matches!(&error, OriginError::Hash { actual, .. } if *actual == sha256(&bytes)), "{error}");
    assert!(files(&dir.path().join("files")).is_empty());
}

/// Breaks after a mebibyte, changes the server, and fetches again.
async fn again(change: impl FnOnce(&Hub)) -> (Vec<Option<String>>, Bytes, Bytes) {
    let (hub, mut options, address) = one(&noise(1, 2 * MIB)).await;
    let dir = tempfile::tempdir().unwrap();
    hub.fault("/model.onnx", [Fault::Break(MIB)]);
    options.tries = 1;
    let error = bring(options.clone(), &address, None, dir.path()).await.unwrap_err();
    assert!(matches!(error, OriginError::Connection { .. }), "{error}");
    change(&hub);
    hub.seen();
    let staged = bring(options, &address, None, dir.path()).await.unwrap();
    let there = hub.content.lock().unwrap().files["model.onnx"].0.clone();
    (hub.transfers().into_iter().map(|t| t.range).collect(), files(&staged.folder)["model.onnx"].clone(), there)
}

#[tokio::test]
async fn the_rest_is_only_taken_of_the_same_file() {
    let (ranges, brought, there) = again(|_| {}).await;
    assert_eq!(ranges, [Some(format!("bytes={MIB}-"))]);
    assert_eq!(brought, there);

    let (ranges, brought, there) = again(|hub| {
        let mut content = hub.content.lock().unwrap();
        content.etag = "\"two\"".to_owned();
        content.files.insert("model.onnx".to_owned(), (noise(2, 2 * MIB + KIB), true));
    })
    .await;
    assert_eq!(ranges.len(), 1);
    assert_eq!(brought, there, "nothing of the old file is in the new one");
}

#[tokio::test]
async fn without_an_etag_or_hash_it_begins_anew() {
    let (hub, mut options, address) = one(&noise(1, 2 * MIB)).await;
    hub.content.lock().unwrap().etag = "W/\"weak\"".to_owned();
    let dir = tempfile::tempdir().unwrap();
    hub.fault("/model.onnx", [Fault::Break(MIB)]);
    options.tries = 2;
    let staged = bring(options, &address, None, dir.path()).await.unwrap();
    assert_eq!(files(&staged.folder)["model.onnx"], noise(1, 2 * MIB));
    assert_eq!(hub.transfers().into_iter().map(|t| t.range).collect::<Vec<_>>(), [None, None]);
}

/// A server that sends these bytes, whatever it is asked, and closes.
async fn raw(answer: &str) -> (OriginOptions, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let answer = answer.to_owned();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(socket.read_u8().await.unwrap());
            }
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let mut options = options("https://hub.invalid");
    options.named_hosts = vec![host.clone()];
    options.tries = 2;
    (options, format!("http://{host}/f"))
}

async fn check(answer: &str, sha256: Option<&str>, expected: &Expect) {
    let (options, address) = raw(answer).await;
    let dir = tempfile::tempdir().unwrap();
    let said = match bring(options, &address, sha256, dir.path()).await {
        Ok(staged) => format!("{:?}", files(&staged.folder)["f"]),
        Err(error) => {
            assert!(files(&dir.path().join("files")).is_empty());
            error.to_string().replace(&address, "URL")
        }
    };
    expected.assert_eq(&said);
}

#[tokio::test]
async fn a_length_that_lies_is_found_out() {
    let hello = sha256(b"hello");
    check("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", None, &expect![[r#"b"hello""#]]).await;
    // More than there is.
    check("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello", None, &expect!["URL could not be read: error decoding response body: error reading a body from connection: end of file before message length reached; check the network and run it again, it goes on where it stopped"]).await;
    // Less than there is: what was announced is what counts, and the hash tells.
    check("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhello", Some(&hello), &expect!["f is damaged: its SHA-256 is 0ebdc3317b75839f643387d783535adc360ca01f33c75f7c1e7373adcd675c0b, expected 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824; it was deleted, run it again or tell its owner"]).await;
    check("HTTP/1.1 200 OK\r\ncontent-length: 99999999999999\r\n\r\nhello", None, &expect!["URL has 99999999999999 bytes, more than the limit of 1099511627776: take less by patterns, or raise the limit"]).await;
    check("HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello", None, &expect!["URL could not be read: error sending request: client error (SendRequest): invalid content-length parsed; check the network and run it again, it goes on where it stopped"]).await;
    check("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!", None, &expect!["URL could not be read: error sending request: client error (SendRequest): invalid content-length parsed; check the network and run it again, it goes on where it stopped"]).await;
    // Neither a length nor an end that would be seen.
    check(
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello",
        None,
        &expect!["URL cannot be checked (the server says neither how long it is nor where it ends): give its SHA-256"],
    )
    .await;
    check("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello", Some(&hello), &expect![[r#"b"hello""#]]).await;
    check(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        None,
        &expect![[r#"b"hello""#]],
    )
    .await;
    check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n", None, &expect!["URL could not be read: error decoding response body: error reading a body from connection: unexpected EOF during chunk size line; check the network and run it again, it goes on where it stopped"]).await;
}

#[tokio::test]
async fn answers_that_are_none() {
    check("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", None, &expect!["there is no URL: check the address"])
        .await;
    check(
        "HTTP/1.1 204 No Content\r\n\r\n",
        None,
        &expect!["URL gave an answer that is not understood: its status is 204 No Content, 200 was expected"],
    )
    .await;
    check(
        "HTTP/1.1 206 Partial Content\r\ncontent-length: 5\r\ncontent-range: bytes 5-9/10\r\n\r\nhello",
        None,
        &expect!["URL gave an answer that is not understood: its status is 206 Partial Content, 200 was expected"],
    )
    .await;
    check(
        "HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n",
        None,
        &expect!["URL redirects in a way that is not followed: it has no Location"],
    )
    .await;
    check("nonsense", None, &expect!["URL could not be read: error sending request: client error (SendRequest): invalid HTTP version parsed; check the network and run it again, it goes on where it stopped"]).await;
    check("", None, &expect!["URL could not be read: error sending request: client error (SendRequest): connection closed before message completed; check the network and run it again, it goes on where it stopped"]).await;
}
