//! Tensors that travel beside their message: that they arrive, who may have them,
//! and what happens to those that do not come as announced. The page here is a
//! client that does what real pages never do, or do only when they break.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod server_support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use expect_test::{Expect, expect};
use futures::SinkExt;
use pelago_browser::link::{
    Answer, AttachmentError, FrameError, GoneReason, Link, LinkError, LinkOptions, LinkState, Message, RequestOptions,
};
use pelago_protocol::{ATTACHMENT_BYTES, DType, Tensor};
use serde_json::{Value, json};
use server_support::{Beside, LONG, Page, http, linked, page_error, reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite;

const LIMIT: usize = ATTACHMENT_BYTES as usize;
/// Short, where a test waits for it.
const BRIEF: Duration = Duration::from_millis(300);

fn options() -> LinkOptions {
    LinkOptions { attachment_timeout: BRIEF, announcement_timeout: BRIEF, ..LinkOptions::default() }
}

/// Bytes that differ from place to place.
fn tensor(name: &str, length: usize) -> Tensor {
    let bytes = (0..length as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>();
    Tensor::new(name, DType::UInt8, vec![length], bytes.into()).unwrap()
}

fn ask(link: &Link, tensors: Vec<Tensor>, repeat_safe: bool) -> JoinHandle<Result<Answer, LinkError>> {
    let link = link.clone();
    let message = Message { kind: "run".into(), tensors, ..Message::default() };
    let options = RequestOptions { deadline: LONG, progress: None, repeat_safe };
    tokio::spawn(async move { link.request(message, options).await })
}

/// Whether another request with a large tensor is answered.
async fn is_usable(link: &Link, page: &mut Page) {
    let asked = ask(link, vec![tensor("x", LIMIT)], false);
    let (header, tensors) = page.receive().await;
    page.send(header.id, "result", Value::Null, tensors).await;
    assert_eq!(asked.await.unwrap().unwrap().tensors, [tensor("x", LIMIT)]);
}

/// A header as JSON, whatever it says, as a message without a body.
async fn send_json(page: &mut Page, json: Value) {
    let json = json.to_string();
    let json = format!("{json:<width$}", width = (json.len() + 4).next_multiple_of(8) - 4);
    page.send_bytes([&(json.len() as u32).to_le_bytes()[..], json.as_bytes()].concat()).await;
}

fn id(number: u32) -> String {
    format!("{number:032x}")
}

/// A result with one tensor of one attachment.
fn announcement(request: u64, attachment: &str, length: usize) -> Value {
    json!({
        "id": request, "type": "result",
        "tensors": [{"name": "x", "dtype": "uint8", "shape": [length], "offset": 0, "byte_length": length}],
        "attachments": [{"id": attachment, "tensor": 0, "byte_length": length}],
    })
}

#[tokio::test]
async fn tensors_of_every_size_come_back_in_order_and_only_large_ones_travel_beside() {
    let (_server, _, link, mut page) = linked(options()).await;
    for lengths in [&[LIMIT - 1][..], &[LIMIT], &[16 << 20], &[LIMIT, 0, 5, 3 * LIMIT + 1, LIMIT - 1, LIMIT], &[]] {
        let tensors: Vec<Tensor> =
            lengths.iter().enumerate().map(|(index, length)| tensor(&index.to_string(), *length)).collect();
        let asked = ask(&link, tensors.clone(), false);
        let (header, body) = page.receive_frame().await;
        let beside = lengths.iter().filter(|length| **length >= LIMIT).count();
        assert_eq!(header.attachments.len(), beside);
        assert!(body.len() < LIMIT + 64);
        assert_eq!(page.1.tensors(&header, &body).await, tensors);
        page.send(header.id, "result", json!("data"), tensors.clone()).await;
        assert_eq!(asked.await.unwrap().unwrap(), Answer { data: json!("data"), tensors });
    }
}

#[tokio::test]
async fn a_tensor_may_come_in_parts_and_before_its_message() {
    let (_server, _, link, mut page) = linked(LinkOptions { announcement_timeout: LONG, ..options() }).await;
    let expected = tensor("x", 1000);
    let asked = ask(&link, Vec::new(), false);
    let (header, _) = page.receive().await;
    let mut posts = Vec::new();
    for (part, range) in [(2, 300..1000), (1, 0..300)] {
        let (beside, bytes) = (page.1.clone(), expected.bytes.slice(range));
        posts.push(tokio::spawn(async move { beside.post(&id(part), &bytes).await.status }));
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut announced = announcement(header.id, "", 1000);
    announced["attachments"] = json!([
        {"id": id(1), "tensor": 0, "byte_length": 300}, {"id": id(2), "tensor": 0, "byte_length": 700}
    ]);
    send_json(&mut page, announced).await;
    assert_eq!(asked.await.unwrap().unwrap().tensors, [expected]);
    for post in posts {
        assert_eq!(post.await.unwrap(), 204);
    }
}

#[tokio::test]
async fn a_tensor_is_given_to_its_page_alone_and_once() {
    let (server, token, link, mut page) = linked(options()).await;
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
    check("POST", &path, &[own, ("Origin", "http://evil.example")]).await;
    check("GET", "/attachments/x", &[own]).await;
    check("GET", &format!("/attachments/{}", id(0)), &[own]).await;
    let origin = format!("http://{}", server.address());
    check("POST", &path, &[own, ("Origin", &origin)]).await;
    let port = server.address().port().to_string();
    expect![[""]].assert_eq(&found.join("\n").replace(&port, "PORT").replace(&path[13..], "ID"));

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
        let (_server, _, link, mut page) = linked(options()).await;
        let (large, is_gone) = watched(64 << 20);
        let asked = ask(&link, vec![large], true);
        let (header, _) = page.receive_frame().await;
        let attachment = &header.attachments[0].id;
        let mut transfer = None;
        if begins {
            let bearer = format!("Bearer {}", page.1.token);
            let path = format!("/attachments/{attachment}");
            let mut stream = server_support::begin(page.1.address, "GET", &path, &[("Authorization", &bearer)]).await;
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
    let (_server, _, link, mut page) = linked(options()).await;
    let (large, is_gone) = watched(LIMIT);
    let asked = ask(&link, vec![large], true);
    let (header, _) = page.receive_frame().await;
    let posted = ask(&link, Vec::new(), false);
    let (second, _) = page.receive().await;
    send_json(&mut page, announcement(second.id, &id(1), LIMIT)).await;
    let stream = page.1.begin_post(&id(1), LIMIT).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    link.close().await;
    for request in [asked, posted] {
        let error = request.await.unwrap().unwrap_err();
        assert!(matches!(error, LinkError::Gone { reason: GoneReason::Closed, .. }), "{error}");
    }
    assert_eq!(reply(stream).await.status, 410);
    soon(&is_gone).await;
    let late = page.1.get(&header.attachments[0].id).await;
    assert_eq!(late.status, 403, "{}", late.text());
}

/// Announces a tensor of 1000 bytes and sends a body for it; returns how the request ends.
async fn bad_body(link: &Link, page: &mut Page, send: impl AsyncFnOnce(Beside, String)) -> AttachmentError {
    let asked = ask(link, Vec::new(), true);
    let (header, _) = page.receive().await;
    let attachment = id(header.id as u32);
    send_json(page, announcement(header.id, &attachment, 1000)).await;
    send(page.1.clone(), attachment.clone()).await;
    match asked.await.unwrap().unwrap_err() {
        LinkError::Attachment { kind, repeatable: true, source } if kind == "run" => {
            let after = page.1.post(&attachment, &[0; 1000]).await;
            assert_eq!(after.status, 404, "its request has ended: {}", after.text());
            is_usable(link, page).await;
            source
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_body_that_is_not_as_announced_fails_its_request_alone() {
    let (_server, _, link, mut page) = linked(options()).await;
    let check = |error: AttachmentError, expected: Expect| expected.assert_eq(&error.to_string());

    let error = bad_body(&link, &mut page, async |beside, id| {
        let mut stream = beside.begin_post(&id, 1000).await;
        stream.write_all(&[1; 400]).await.unwrap();
        stream.shutdown().await.unwrap();
        drop(stream);
    });
    check(error.await, expect![[""]]);
    let error = bad_body(&link, &mut page, async |beside, id| {
        let mut stream = beside.begin_post_with(&id, ("Transfer-Encoding", "chunked")).await;
        stream.write_all(b"3\r\nabc\r\n0\r\n\r\n").await.unwrap();
        let refused = reply(stream).await;
        assert_eq!(refused.status, 400, "{}", refused.text());
    });
    check(error.await, expect![[""]]);
    let error = bad_body(&link, &mut page, async |beside, id| {
        let refused = beside.post(&id, &[1; 1001]).await;
        assert_eq!(refused.status, 400, "{}", refused.text());
    });
    check(error.await, expect![[""]]);
    let error = bad_body(&link, &mut page, async |beside, id| {
        let mut stream = beside.begin_post_with(&id, ("Transfer-Encoding", "chunked")).await;
        let chunk = format!("400\r\n{}\r\n0\r\n\r\n", "x".repeat(0x400));
        stream.write_all(chunk.as_bytes()).await.unwrap();
        assert_eq!(reply(stream).await.status, 400);
    });
    check(error.await, expect![[""]]);
    let error = bad_body(&link, &mut page, async |_, _| {});
    check(error.await, expect![[""]]);
    let mut held = None;
    let error = bad_body(&link, &mut page, async |beside, id| {
        let mut stream = beside.begin_post(&id, 1000).await;
        stream.write_all(&[1; 400]).await.unwrap();
        held = Some(stream);
    });
    check(error.await, expect![[""]]);
}

#[tokio::test]
async fn a_body_that_no_message_names_and_one_that_comes_twice_are_refused() {
    let (_server, _, link, mut page) = linked(options()).await;
    let unknown = page.1.post(&id(1), &[0; 10]).await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.text().contains("no message of this page names it"), "{}", unknown.text());

    let asked = ask(&link, Vec::new(), false);
    let (header, _) = page.receive().await;
    send_json(&mut page, announcement(header.id, &id(2), 1000)).await;
    let mut first = page.1.begin_post(&id(2), 1000).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let second = page.1.post(&id(2), &[2; 1000]).await;
    assert_eq!(second.status, 410);
    assert!(second.text().contains("used already"), "{}", second.text());
    first.write_all(&[1; 1000]).await.unwrap();
    assert_eq!(reply(first).await.status, 204);
    assert_eq!(asked.await.unwrap().unwrap().tensors[0].bytes, [1; 1000][..]);
    is_usable(&link, &mut page).await;
}

#[tokio::test]
async fn a_cancelled_answer_is_not_read_to_its_end() {
    let (_server, _, link, mut page) = linked(options()).await;
    let asked = ask(&link, Vec::new(), false);
    let (header, _) = page.receive().await;
    send_json(&mut page, announcement(header.id, &id(1), 64 << 20)).await;
    let mut stream = page.1.begin_post(&id(1), 64 << 20).await;
    stream.write_all(&vec![1; 1 << 20]).await.unwrap();
    asked.abort();
    let (cancel, _) = page.receive().await;
    assert_eq!((cancel.kind.as_str(), cancel.data), ("cancel", json!({"target": header.id})));
    let refused = reply(stream).await;
    assert_eq!(refused.status, 410);
    assert!(refused.text().contains("ended before"), "{}", refused.text());
    is_usable(&link, &mut page).await;
}

#[tokio::test]
async fn a_page_that_leaves_in_the_middle_is_gone() {
    let (_server, _, link, mut page) = linked(options()).await;
    let asked = ask(&link, Vec::new(), true);
    let (header, _) = page.receive().await;
    send_json(&mut page, announcement(header.id, &id(1), 1 << 20)).await;
    let mut stream = page.1.begin_post(&id(1), 1 << 20).await;
    stream.write_all(&[1; 1000]).await.unwrap();
    // A browser that goes away drops its transfers before its socket says so.
    drop(stream);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let away = CloseFrame { code: CloseCode::Away, reason: "".into() };
    page.0.send(tungstenite::Message::Close(Some(away))).await.unwrap();
    let error = asked.await.unwrap().unwrap_err();
    assert!(matches!(error, LinkError::Gone { reason: GoneReason::PageLeft, repeatable: true, .. }), "{error}");
}

#[tokio::test]
async fn an_answer_outlives_its_socket_and_a_request_comes_again_under_other_ids() {
    let (server, token, link, mut page) = linked(LinkOptions { attachment_timeout: LONG, ..options() }).await;
    let answered = ask(&link, Vec::new(), false);
    let (first, _) = page.receive().await;
    let asked = ask(&link, vec![tensor("x", LIMIT)], true);
    let (second, _) = page.receive_frame().await;
    send_json(&mut page, announcement(first.id, &id(1), 1000)).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let beside = page.1.clone();
    drop(page);
    while link.state() == LinkState::Connected {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(beside.get(&second.attachments[0].id).await.status, 404);
    assert_eq!(beside.post(&id(1), &[1; 1000]).await.status, 204);
    assert_eq!(answered.await.unwrap().unwrap().tensors[0].bytes, [1; 1000][..]);

    let mut page = Page::open(&server, &token, "page-1").await;
    let (again, body) = page.receive_frame().await;
    assert_eq!(again.id, second.id);
    assert_ne!(again.attachments[0].id, second.attachments[0].id);
    assert_eq!(page.1.tensors(&again, &body).await, [tensor("x", LIMIT)]);
    page.send(again.id, "result", Value::Null, Vec::new()).await;
    asked.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_error_after_the_announcement_ends_the_wait() {
    let (_server, _, link, mut page) = linked(LinkOptions { attachment_timeout: LONG, ..options() }).await;
    let asked = ask(&link, Vec::new(), false);
    let (header, _) = page.receive().await;
    send_json(&mut page, announcement(header.id, &id(1), 1000)).await;
    page.send(header.id, "error", page_error("the tensor cannot be sent"), Vec::new()).await;
    let error = asked.await.unwrap().unwrap_err();
    assert!(matches!(error, LinkError::Page { .. }), "{error}");
    is_usable(&link, &mut page).await;
}

#[tokio::test]
async fn announcements_that_contradict_themselves_are_refused() {
    let (_server, _, link, mut page) = linked(LinkOptions { max_frame_bytes: 16 << 20, ..options() }).await;
    let mut found = Vec::new();
    let x = |length: usize| json!({"name": "x", "dtype": "uint8", "shape": [length], "offset": 0, "byte_length": length});
    let part = |number: u32, tensor: usize, length: usize| json!({"id": id(number), "tensor": tensor, "byte_length": length});
    for (tensors, attachments) in [
        (json!([x(8)]), json!([part(1, 0, 9)])),
        (json!([x(8)]), json!([part(1, 0, 8), part(2, 0, 0)])),
        (json!([x(8)]), json!([part(1, 1, 8)])),
        (json!([x(8), x(8)]), json!([part(1, 1, 8), part(2, 0, 8)])),
        (json!([x(8)]), json!([part(1, 0, 4), part(1, 0, 4)])),
        (json!([x(8)]), json!([{"id": "x", "tensor": 0, "byte_length": 8}])),
        (json!([x(8)]), json!([{"id": id(1), "tensor": 0, "byte_length": 8, "url": "/x"}])),
        (json!([x(8)]), json!([{"id": id(1), "tensor": 0, "byte_length": -8}])),
        (json!([x(20 << 20)]), json!([part(1, 0, 20 << 20)])),
        (json!([{"name": "x", "dtype": "uint8", "shape": [8], "offset": 8, "byte_length": 8}]), json!([part(1, 0, 8)])),
        (json!([{"name": "x", "dtype": "uint8", "shape": [7], "offset": 0, "byte_length": 8}]), json!([part(1, 0, 8)])),
        (json!([x(8), x(8)]), json!([part(1, 0, 8)])),
    ] {
        let asked = ask(&link, Vec::new(), false);
        let (header, _) = page.receive().await;
        let answer = json!({"id": header.id, "type": "result", "tensors": tensors, "attachments": attachments});
        send_json(&mut page, answer).await;
        match asked.await.unwrap().unwrap_err() {
            LinkError::Malformed { source, .. } => found.push(source.to_string()),
            other => panic!("{other}"),
        }
    }
    let asked = ask(&link, Vec::new(), false);
    let (header, _) = page.receive().await;
    let mut error = announcement(header.id, &id(1), 8);
    error["type"] = json!("error");
    send_json(&mut page, error).await;
    found.push(asked.await.unwrap().unwrap_err().to_string());
    expect![[""]].assert_eq(&found.join("\n"));

    let too_large = ask(&link, vec![tensor("x", 16 << 20)], false).await.unwrap().unwrap_err();
    let is_it = matches!(too_large, LinkError::Unsendable { source: FrameError::TooLarge { .. }, .. });
    assert!(is_it, "{too_large}");
    assert_eq!(link.state(), LinkState::Connected);
    is_usable(&link, &mut page).await;
}

#[tokio::test]
async fn fields_that_the_host_does_not_know_are_refused() {
    let (_server, _, link, mut page) = linked(options()).await;
    for answer in [
        json!({"type": "result", "mood": "good"}),
        json!({"type": "error", "data": {"code": "internal", "message": "m", "help": "h", "repeatable": true, "stack": ""}}),
    ] {
        let asked = ask(&link, Vec::new(), false);
        let (header, _) = page.receive().await;
        let mut answer = answer;
        answer["id"] = json!(header.id);
        send_json(&mut page, answer).await;
        let error = asked.await.unwrap().unwrap_err();
        assert!(matches!(error, LinkError::Malformed { .. }), "{error}");
        assert!(error.to_string().contains("unknown field"), "{error}");
    }
    is_usable(&link, &mut page).await;
}
