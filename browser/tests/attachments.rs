//! Tensors that are not in their message: that they arrive, who may have them, and
//! what happens to those that do not come as announced. The page here is a client
//! that does what real pages never do, or do only when they break.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod server_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use expect_test::expect;
use futures::SinkExt;
use pelago_browser::link::{
    Answer, FrameError, GoneReason, Link, LinkError, LinkOptions, LinkState, Message, RequestOptions,
};
use pelago_protocol::{ATTACHMENT_BYTES, DType, Tensor};
use serde_json::{Value, json};
use server_support::{LONG, Page, http, linked, message};
use tokio::io::AsyncReadExt;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};

const LIMIT: usize = ATTACHMENT_BYTES as usize;
/// Bytes that differ from place to place.
fn tensor(name: &str, length: usize) -> Tensor {
    let bytes = (0..length as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>();
    Tensor::new(name, DType::UInt8, vec![length], bytes.into()).unwrap()
}

fn ask(link: &Link, tensors: Vec<Tensor>, repeat_safe: bool) -> JoinHandle<Result<Answer, LinkError>> {
    let link = link.clone();
    let asked = Message { kind: "run".into(), tensors, ..Message::default() };
    let options = RequestOptions { repeat_safe, ..RequestOptions::within(LONG) };
    tokio::spawn(async move { link.request(asked, options).await })
}

/// Whether another request with a large tensor is answered.
async fn is_usable(link: &Link, page: &mut Page) {
    let asked = ask(link, vec![tensor("x", LIMIT)], false);
    let (header, tensors) = page.receive().await;
    page.send(header.id, "result", Value::Null, tensors).await;
    assert_eq!(asked.await.unwrap().unwrap().tensors, [tensor("x", LIMIT)]);
}

async fn send_json(page: &mut Page, json: Value) {
    page.send_bytes(message(&json, &[])).await;
}

/// A result with one tensor that follows it.
fn announcement(request: u64, length: usize) -> Value {
    json!({
        "id": request, "type": "result", "following": [0],
        "tensors": [{"name": "x", "dtype": "uint8", "shape": [length], "offset": 0, "byte_length": length}],
    })
}

#[tokio::test]
async fn tensors_of_every_size_come_back_in_order_and_only_large_ones_leave_their_message() {
    let (_server, _, link, mut page) = linked(LinkOptions::default()).await;
    for lengths in [&[LIMIT - 1][..], &[LIMIT], &[16 << 20], &[LIMIT, 0, 5, 3 * LIMIT + 1, LIMIT - 1, LIMIT], &[]] {
        let tensors: Vec<Tensor> =
            lengths.iter().enumerate().map(|(index, length)| tensor(&index.to_string(), *length)).collect();
        let asked = ask(&link, tensors.clone(), false);
        let (header, body) = page.receive_frame().await;
        let large = lengths.iter().filter(|length| **length >= LIMIT).count();
        assert_eq!(header.attachments.len(), large);
        assert!(body.len() < LIMIT + 64);
        assert_eq!(page.1.tensors(&header, &body).await, tensors);
        page.send(header.id, "result", json!("data"), tensors.clone()).await;
        assert_eq!(asked.await.unwrap().unwrap(), Answer { data: json!("data"), tensors });
    }
}

#[tokio::test]
async fn a_tensor_is_given_to_its_page_alone_and_once() {
    let (server, token, link, mut page) = linked(LinkOptions::default()).await;
    let second = server.invite(LONG).unwrap();
    let other = server_support::token(&second);
    let asked = ask(&link, vec![tensor("x", LIMIT)], false);
    let (header, _) = page.receive_frame().await;
    let path = format!("/attachments/{}", header.attachments[0].id);
    let bearer = |token: &str| format!("Bearer {token}");
    let (own, hers, wrong) = (bearer(&token), bearer(&other), bearer(&"0".repeat(64)));
    let own = ("Authorization", own.as_str());
    let cookie = http(&server, "GET", &format!("/?token={other}"), &[]).await.headers["set-cookie"].clone();
    let mut found = Vec::new();
    let mut check = async |method: &str, path: &str, headers: &[(&str, &str)]| {
        let reply = http(&server, method, path, headers).await;
        found.push(format!("{} {}", reply.status, reply.text().trim_end()));
    };
    check("GET", &path, &[]).await;
    check("GET", &path, &[("Cookie", cookie.split(';').next().unwrap())]).await;
    check("GET", &path, &[("Authorization", &wrong)]).await;
    check("GET", &path, &[("Authorization", &hers)]).await;
    let _second_page = Page::open(&server, &other, "page-2").await;
    let _second_link = second.link().await.unwrap();
    check("GET", &path, &[("Authorization", &hers)]).await;
    check("GET", &path, &[own, ("Origin", "http://evil.example")]).await;
    check("GET", &path, &[own, ("Origin", "null")]).await;
    check("GET", &path, &[own, ("Host", "evil.example")]).await;
    check("GET", &path, &[own, ("Sec-Fetch-Site", "cross-site")]).await;
    for method in ["HEAD", "PUT", "DELETE", "OPTIONS"] {
        check(method, &path, &[own]).await;
    }
    check("POST", &path, &[own]).await;
    check("GET", "/attachments/x", &[own]).await;
    check("GET", &format!("/attachments/{:032x}", 0), &[own]).await;
    let port = server.address().port().to_string();
    expect![[r#"
        403 an attachment goes to the page of its message alone: the token of that page is missing (Authorization: Bearer)
        403 an attachment goes to the page of its message alone: the token of that page is missing (Authorization: Bearer)
        403 this token is not valid, no longer or never: ask the session for a new invitation
        403 this page has not said hello on its socket yet
        404 there is no attachment ID: no message to this page names it, or its request has ended
        403 requests from "http://evil.example" are not answered, only those of this server's own page
        403 requests from "null" are not answered, only those of this server's own page
        403 this server answers to http://127.0.0.1:PORT alone, not to "evil.example"
        403 requests from other sites (cross-site) are not answered
        405 
        405 only GET and HEAD are answered
        405 only GET and HEAD are answered
        405 only GET and HEAD are answered
        405 only GET and HEAD are answered
        400 an attachment's id is 32 hexadecimal digits
        404 there is no attachment 00000000000000000000000000000000: no message to this page names it, or its request has ended"#]].assert_eq(&found.join("\n").replace(&port, "PORT").replace(&path[13..], "ID"));

    // None of them used it up.
    let tensors = page.1.get(&header.attachments[0].id).await;
    assert_eq!((tensors.status, &tensors.body[..]), (200, &tensor("x", LIMIT).bytes[..]));
    assert_eq!(tensors.headers["cache-control"], "no-store");
    let again = page.1.get(&header.attachments[0].id).await;
    assert_eq!(again.status, 410);
    assert!(again.text().contains("used already"), "{}", again.text());
    page.send(header.id, "result", Value::Null, Vec::new()).await;
    asked.await.unwrap().unwrap();
    assert_eq!(page.1.get(&header.attachments[0].id).await.status, 404, "its request has ended");
}

/// Bytes that say when they are let go of.
struct Watched(Vec<u8>, Arc<AtomicBool>);

impl AsRef<[u8]> for Watched {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.1.store(true, Ordering::SeqCst);
    }
}

fn watched(length: usize) -> (Tensor, Arc<AtomicBool>) {
    let is_gone = Arc::new(AtomicBool::new(false));
    let bytes = Bytes::from_owner(Watched(vec![7; length], Arc::clone(&is_gone)));
    (Tensor::new("x", DType::UInt8, vec![length], bytes).unwrap(), is_gone)
}

/// Waits for what happens soon and has no other sign.
async fn soon(what: &AtomicBool) {
    tokio::time::timeout(Duration::from_secs(10), async {
        while !what.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("the bytes are still held");
}

#[tokio::test]
async fn a_request_that_ends_takes_its_tensors_with_it() {
    for begins in [false, true] {
        let (_server, _, link, mut page) = linked(LinkOptions::default()).await;
        let (large, is_gone) = watched(64 << 20);
        let asked = ask(&link, vec![large], true);
        let (header, _) = page.receive_frame().await;
        let attachment = &header.attachments[0].id;
        let mut transfer = None;
        if begins {
            let mut stream = page.1.begin_get(attachment).await;
            stream.read_exact(&mut vec![0; 1 << 20]).await.unwrap();
            transfer = Some(stream);
        }
        asked.abort();
        let (cancel, _) = page.receive().await;
        assert_eq!(cancel.kind, "cancel");
        if let Some(stream) = transfer {
            let rest = reply_bytes(stream).await;
            assert!(rest < 63 << 20, "{rest} bytes more for a request that was cancelled");
        }
        soon(&is_gone).await;
        assert_eq!(page.1.get(attachment).await.status, 404);
        is_usable(&link, &mut page).await;
    }
}

async fn reply_bytes(mut stream: tokio::net::TcpStream) -> usize {
    let mut bytes = Vec::new();
    // A connection that is reset has given all that it will give.
    _ = stream.read_to_end(&mut bytes).await;
    bytes.len()
}

#[tokio::test]
async fn a_link_that_closes_lets_go_of_every_tensor() {
    let (_server, _, link, mut page) = linked(LinkOptions::default()).await;
    let (large, is_gone) = watched(LIMIT);
    let asked = ask(&link, vec![large], true);
    let (header, _) = page.receive_frame().await;
    link.close().await;
    let error = asked.await.unwrap().unwrap_err();
    assert!(matches!(error, LinkError::Gone { reason: GoneReason::Closed, .. }), "{error}");
    soon(&is_gone).await;
    let late = page.1.get(&header.attachments[0].id).await;
    assert_eq!(late.status, 403, "{}", late.text());
}

#[tokio::test]
async fn a_tensor_that_is_never_fetched_ends_with_the_deadline() {
    let (_server, _, link, mut page) = linked(LinkOptions::default()).await;
    let (large, is_gone) = watched(LIMIT);
    let asked = Message { kind: "run".into(), tensors: vec![large], ..Message::default() };
    let deadline = Duration::from_millis(200);
    let options = RequestOptions::within(deadline);
    let error = link.request(asked, options).await.unwrap_err();
    assert!(matches!(error, LinkError::Deadline { .. }), "{error}");
    soon(&is_gone).await;
    let (header, _) = page.receive_frame().await;
    assert_eq!(page.1.get(&header.attachments[0].id).await.status, 404);
    assert_eq!(page.receive().await.0.kind, "cancel");
    is_usable(&link, &mut page).await;
}

#[tokio::test]
async fn a_page_that_leaves_while_it_fetches_or_answers_is_gone() {
    for answers in [false, true] {
        let (_server, _, link, mut page) = linked(LinkOptions::default()).await;
        let (large, is_gone) = watched(64 << 20);
        let asked = ask(&link, vec![large], true);
        let (header, _) = page.receive_frame().await;
        let mut stream = page.1.begin_get(&header.attachments[0].id).await;
        stream.read_exact(&mut [0; 1000]).await.unwrap();
        if answers {
            send_json(&mut page, announcement(header.id, 1 << 20)).await;
        }
        drop(stream);
        let away = CloseFrame { code: CloseCode::Away, reason: "".into() };
        page.0.send(tungstenite::Message::Close(Some(away))).await.unwrap();
        let error = asked.await.unwrap().unwrap_err();
        assert!(matches!(error, LinkError::Gone { reason: GoneReason::PageLeft, repeatable: true, .. }), "{error}");
        soon(&is_gone).await;
    }
}

#[tokio::test]
async fn after_a_lost_socket_a_request_comes_again_under_other_ids() {
    let (server, token, link, mut page) = linked(LinkOptions::default()).await;
    let asked = ask(&link, vec![tensor("x", LIMIT)], true);
    let (first, _) = page.receive_frame().await;
    // Half of an answer goes with its socket.
    send_json(&mut page, announcement(first.id, 1000)).await;
    let beside = page.1.clone();
    drop(page);
    while link.state() == LinkState::Connected {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(beside.get(&first.attachments[0].id).await.status, 404);
    let mut page = Page::open(&server, &token, "page-1").await;
    let (again, body) = page.receive_frame().await;
    assert_eq!(again.id, first.id);
    assert_ne!(again.attachments[0].id, first.attachments[0].id);
    assert_eq!(page.1.tensors(&again, &body).await, [tensor("x", LIMIT)]);
    page.send(again.id, "result", Value::Null, Vec::new()).await;
    asked.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_answer_that_was_cancelled_is_read_and_dropped() {
    let (_server, _, link, mut page) = linked(LinkOptions::default()).await;
    let asked = ask(&link, Vec::new(), false);
    let (header, _) = page.receive().await;
    send_json(&mut page, announcement(header.id, LIMIT)).await;
    asked.abort();
    assert_eq!(page.receive().await.0.kind, "cancel");
    page.send_bytes(vec![1; LIMIT]).await;
    is_usable(&link, &mut page).await;
}

#[tokio::test]
async fn answers_that_contradict_themselves_are_refused() {
    let options = LinkOptions { max_frame_bytes: 16 << 20, ..LinkOptions::default() };
    let (server, token, link, mut page) = linked(options).await;
    let mut found = Vec::new();
    let x =
        |length: usize| json!({"name": "x", "dtype": "uint8", "shape": [length], "offset": 0, "byte_length": length});
    for (tensors, following, bytes) in [
        (json!([x(8)]), json!([0]), 7),
        (json!([x(8)]), json!([0]), 9),
        (json!([x(8)]), json!([1]), 8),
        (json!([x(8), x(8)]), json!([1, 0]), 8),
        (json!([x(8)]), json!([0, 0]), 8),
        (json!([{"name": "x", "dtype": "uint8", "shape": [8], "offset": 8, "byte_length": 8}]), json!([0]), 8),
        (json!([x(20 << 20)]), json!([0]), 8),
        (json!([{"name": "x", "dtype": "uint8", "shape": [7], "offset": 0, "byte_length": 8}]), json!([0]), 8),
        (json!([x(8), x(8)]), json!([0]), 8),
        (json!([x(8)]), json!([-1]), 8),
    ] {
        let asked = ask(&link, Vec::new(), false);
        let (header, _) = page.receive().await;
        let answer = json!({"id": header.id, "type": "result", "tensors": tensors, "following": following});
        send_json(&mut page, answer).await;
        page.send_bytes(vec![0; bytes]).await;
        match asked.await.unwrap().unwrap_err() {
            LinkError::Malformed { source, .. } => found.push(source.to_string()),
            other => panic!("{other}"),
        }
        // Where nobody knows what follows, the socket is closed, and the page opens another.
        if link.state() != LinkState::Connected || is_closed(&mut page).await {
            page = Page::open(&server, &token, "page-1").await;
        }
        is_usable(&link, &mut page).await;
    }
    expect![[r#"
        tensor "x" of 8 bytes is due after its message, 7 bytes came
        tensor "x" of 8 bytes is due after its message, 9 bytes came
        tensor 1 of 1 cannot follow its message: those that do are named in order and have no offset
        tensor 0 of 2 cannot follow its message: those that do are named in order and have no offset
        tensor 0 of 1 cannot follow its message: those that do are named in order and have no offset
        tensor 0 of 1 cannot follow its message: those that do are named in order and have no offset
        the message has 20971664 bytes and may have 16777216: send less at once or raise the limit
        tensor "x" of uint8 [7] needs 7 bytes, not 8
        tensor "x" has 8 bytes from byte 0 on, the message has 0
        the header is not one of this protocol: invalid value: integer `-1`, expected usize at line 1 column 120"#]]
    .assert_eq(&found.join("\n"));

    let too_large = ask(&link, vec![tensor("x", 16 << 20)], false).await.unwrap().unwrap_err();
    let is_it = matches!(too_large, LinkError::Unsendable { source: FrameError::TooLarge { .. }, .. });
    assert!(is_it, "{too_large}");
    is_usable(&link, &mut page).await;
}

/// Whether the host closes the socket as malformed, soon.
async fn is_closed(page: &mut Page) -> bool {
    let code = tokio::time::timeout(Duration::from_millis(200), page.close_code());
    code.await.is_ok_and(|code| code == 4004)
}

#[tokio::test]
async fn what_the_host_does_not_know_is_refused() {
    let (_server, _, link, mut page) = linked(LinkOptions::default()).await;
    let error = json!({"code": "internal", "message": "m", "help": "h", "repeatable": true, "stack": ""});
    let attachments = json!([{"id": "0", "tensor": 0}]);
    for (answer, words) in [
        (json!({"type": "result", "mood": "good"}), "unknown field `mood`"),
        (json!({"type": "error", "data": error}), "unknown field `stack`"),
        (
            json!({"type": "result", "attachments": attachments}),
            "a page has no attachments to give, and its message names 1",
        ),
    ] {
        let asked = ask(&link, Vec::new(), false);
        let (header, _) = page.receive().await;
        let mut answer = answer;
        answer["id"] = json!(header.id);
        send_json(&mut page, answer).await;
        let error = asked.await.unwrap().unwrap_err();
        assert!(matches!(error, LinkError::Malformed { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    is_usable(&link, &mut page).await;
}
