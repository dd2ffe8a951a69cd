//! What a page and a network may do to a link. The page here is a client that
//! does what real pages never do, or do only when they break.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod server_support;

use std::time::Duration;

use futures::{FutureExt, SinkExt};
use pelago_browser::link::{
    Answer, FrameError, GoneReason, Link, LinkError, LinkOptions, LinkState, Message, RequestOptions,
};
use pelago_protocol::{DType, ErrorCode, PARTS_AHEAD, PROTOCOL_VERSION, Progress, ProgressPhase, Tensor};
use serde_json::{Value, json};
use server_support::{LONG, Page, linked, page_error, start, token};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{
    self,
    protocol::{CloseFrame, frame::coding::CloseCode},
};
use tokio_util::sync::CancellationToken;

fn message(kind: &str) -> Message {
    Message { kind: kind.into(), data: json!({"n": 1}), ..Message::default() }
}

fn options() -> RequestOptions {
    RequestOptions { repeat_safe: false, ..RequestOptions::within(LONG) }
}

/// A request that runs by itself.
fn ask(link: &Link, kind: &str, options: RequestOptions) -> tokio::task::JoinHandle<Result<Answer, LinkError>> {
    let (link, message) = (link.clone(), message(kind));
    tokio::spawn(async move { link.request(message, options).await })
}

fn brief() -> LinkOptions {
    LinkOptions { reconnect_grace: Duration::from_millis(300), ..LinkOptions::default() }
}

#[tokio::test]
async fn answers_find_their_requests_in_any_order() {
    let (_server, _, link, mut page) = linked(LinkOptions::default()).await;
    assert_eq!(link.hello().page_id, "page-1");
    assert_eq!(link.state(), LinkState::Connected);
    let tensor = Tensor::from_f32("x", vec![2, 3], &[1.0, 2.0, 3.0, f32::NAN, 5.0, 6.0]).unwrap();
    let first = tokio::spawn({
        let (link, tensors) = (link.clone(), vec![tensor.clone()]);
        async move { link.request(Message { tensors, ..message("first") }, options()).await }
    });
    let (one, sent) = page.receive().await;
    assert_eq!((one.kind.as_str(), &one.data), ("first", &json!({"n": 1})));
    assert_eq!(sent, std::slice::from_ref(&tensor));
    let second = ask(&link, "second", options());
    let (two, _) = page.receive().await;
    page.send(two.id, "result", json!("two"), Vec::new()).await;
    assert_eq!(second.await.unwrap().unwrap(), Answer { data: json!("two"), tensors: Vec::new() });
    page.send(one.id, "result", json!("one"), vec![tensor.clone()]).await;
    assert_eq!(first.await.unwrap().unwrap(), Answer { data: json!("one"), tensors: vec![tensor] });
}

#[tokio::test]
async fn a_large_tensor_survives_the_way_there_and_back() {
    let (_server, _, link, page) = linked(LinkOptions::default()).await;
    tokio::spawn(page.echo());
    let bytes: Vec<u8> = (0..5_000_003_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let tensors = vec![
        Tensor::new("odd", DType::UInt8, vec![bytes.len()], bytes.into()).unwrap(),
        Tensor::new("none", DType::Float16, vec![3, 0], Vec::new().into()).unwrap(),
        Tensor::from_i64("scalar", Vec::new(), &[-1]).unwrap(),
    ];
    let request = Message { tensors: tensors.clone(), ..message("echo") };
    assert_eq!(link.request(request, options()).await.unwrap().tensors, tensors);
}

#[tokio::test]
async fn an_error_of_the_page_keeps_its_code_and_help() {
    let (_server, _, link, mut page) = linked(LinkOptions::default()).await;
    let asked = ask(&link, "run", options());
    let (request, _) = page.receive().await;
    page.send(request.id, "error", page_error("it broke"), Vec::new()).await;
    let error = asked.await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "it broke: help");
    assert!(error.is_repeatable());
    assert!(matches!(error, LinkError::Page { error } if error.code == ErrorCode::ExecutionFailed));
}

#[tokio::test]
async fn progress_comes_before_the_answer() {
    let (_server, _, link, mut page) = linked(LinkOptions::default()).await;
    let (progress, mut steps) = mpsc::channel(4);
    let asked = ask(&link, "load", RequestOptions { progress: Some(progress), ..options() });
    let (request, _) = page.receive().await;
    let step = Progress { phase: ProgressPhase::Fetch, file: Some("m".into()), loaded: 1, total: None };
    page.send(request.id, "progress", json!("nonsense"), Vec::new()).await;
    page.send(request.id, "progress", serde_json::to_value(&step).unwrap(), Vec::new()).await;
    page.send(request.id, "result", Value::Null, Vec::new()).await;
    assert_eq!(steps.recv().await, Some(step));
    asked.await.unwrap().unwrap();
    assert_eq!(steps.recv().await, None);
}

/// A request whose parts go into a channel of this size.
fn ask_for_parts(
    link: &Link,
    room: usize,
) -> (tokio::task::JoinHandle<Result<Answer, LinkError>>, mpsc::Receiver<Value>, CancellationToken) {
    let (sender, parts) = mpsc::channel(room);
    let stop = CancellationToken::new();
    let asked = RequestOptions { parts: Some(sender), stop: Some(stop.clone()), ..RequestOptions::within(LONG) };
    (ask(link, "make", asked), parts, stop)
}

#[tokio::test]
async fn every_part_comes_in_order_and_before_the_answer() {
    let (_server, _, link, mut page) = linked(LinkOptions::default()).await;
    let (asked, mut parts, _) = ask_for_parts(&link, 1);
    let (request, _) = page.receive().await;
    let sending = async {
        let mut credit = PARTS_AHEAD;
        for number in 0..200 {
            while credit == 0 {
                let (message, _) = page.receive().await;
                assert_eq!((message.kind.as_str(), &message.data["target"]), ("credit", &json!(request.id)));
                credit += message.data["parts"].as_u64().unwrap();
            }
            credit -= 1;
            page.send(request.id, "part", json!(number), Vec::new()).await;
        }
        page.send(request.id, "result", json!("whole"), Vec::new()).await;
    };
    let taking = async {
        let mut taken = Vec::new();
        while let Some(part) = parts.recv().await {
            taken.push(part.as_u64().unwrap());
        }
        taken
    };
    let ((), taken) = tokio::join!(sending, taking);
    assert_eq!(taken, (0..200).collect::<Vec<_>>());
    assert_eq!(asked.await.unwrap().unwrap().data, json!("whole"));
}

#[tokio::test]
async fn nobody_reads_and_the_page_gets_no_more_credit() {
    let (_server, _, link, mut page) = linked(LinkOptions::default()).await;
    let (asked, parts, _) = ask_for_parts(&link, 1);
    let (request, _) = page.receive().await;
    for number in 0..PARTS_AHEAD {
        page.send(request.id, "part", json!(number), Vec::new()).await;
    }
    let another = ask(&link, "another", options());
    // Of all that came, one part fits into the channel, and one waits for it: too few for a credit.
    assert_eq!(page.receive().await.0.kind, "another");
    drop(parts);
    // Nobody takes them any more: the page may go on to its answer.
    assert_eq!(page.receive().await.0.kind, "credit");
    page.send(request.id, "result", Value::Null, Vec::new()).await;
    asked.await.unwrap().unwrap();
    another.abort();
}

#[tokio::test]
async fn a_page_that_sends_more_parts_than_it_may_is_refused() {
    let (_server, _, link, mut page) = linked(LinkOptions::default()).await;
    let (asked, _parts, _) = ask_for_parts(&link, 1);
    let (request, _) = page.receive().await;
    // Those that may be on their way, and the two that left the line.
    for number in 0..PARTS_AHEAD + 3 {
        page.send(request.id, "part", json!(number), Vec::new()).await;
    }
    let (cancel, _) = page.receive().await;
    assert_eq!((cancel.kind.as_str(), cancel.data), ("cancel", json!({"target": request.id})));
    let error = asked.await.unwrap().unwrap_err();
    assert!(matches!(error, LinkError::Malformed { source: FrameError::Parts { .. }, .. }), "{error}");

    let asked = ask(&link, "none", options());
    let (request, _) = page.receive().await;
    page.send(request.id, "part", json!(1), Vec::new()).await;
    let error = asked.await.unwrap().unwrap_err();
    assert!(matches!(error, LinkError::Malformed { source: FrameError::Parts { .. }, .. }), "{error}");
}

#[tokio::test]
async fn a_page_is_told_once_that_it_is_enough_and_answers_with_what_it_has() {
    let (_server, _, link, mut page) = linked(LinkOptions::default()).await;
    let (asked, mut parts, stop) = ask_for_parts(&link, 1);
    let (request, _) = page.receive().await;
    // Full: it is told all the same.
    for number in 0..3 {
        page.send(request.id, "part", json!(number), Vec::new()).await;
    }
    stop.cancel();
    let (told, _) = page.receive().await;
    assert_eq!((told.kind.as_str(), told.data), ("stop", json!({"target": request.id})));
    page.send(request.id, "result", json!("some"), Vec::new()).await;
    let taken = async { while parts.recv().await.is_some() {} };
    let (answer, ()) = tokio::join!(asked, taken);
    assert_eq!(answer.unwrap().unwrap().data, json!("some"));
    let next = ask(&link, "next", options());
    assert_eq!(page.receive().await.0.kind, "next");
    next.abort();
}

#[tokio::test]
async fn a_request_of_which_a_part_came_is_not_sent_again() {
    let (server, token, link, mut page) = linked(LinkOptions::default()).await;
    let (begun, mut parts, _) = ask_for_parts(&link, 8);
    let (request, _) = page.receive().await;
    page.send(request.id, "part", json!(1), Vec::new()).await;
    assert_eq!(parts.recv().await, Some(json!(1)));
    let (waiting, _parts, _) = ask_for_parts(&link, 8);
    let (other, _) = page.receive().await;
    drop(page);
    let error = begun.await.unwrap().unwrap_err();
    assert!(matches!(error, LinkError::Interrupted { repeatable: false, .. }), "{error}");
    let mut page = Page::open(&server, &token, "page-1").await;
    assert_eq!(page.receive().await.0.id, other.id);
    page.send(other.id, "result", Value::Null, Vec::new()).await;
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn dropping_a_request_or_its_deadline_tells_the_page_to_stop() {
    let (_server, _, link, mut page) = linked(LinkOptions::default()).await;
    let asked = ask(&link, "dropped", options());
    let (request, _) = page.receive().await;
    asked.abort();
    let (cancel, _) = page.receive().await;
    assert_eq!((cancel.kind.as_str(), cancel.data), ("cancel", json!({"target": request.id})));
    // Answered all the same: nobody waits, nothing breaks.
    page.send(request.id, "result", Value::Null, Vec::new()).await;

    let asked = ask(&link, "late", RequestOptions { deadline: Duration::from_millis(50), ..options() });
    let (request, _) = page.receive().await;
    let (cancel, _) = page.receive().await;
    assert_eq!(cancel.data, json!({"target": request.id}));
    let error = asked.await.unwrap().unwrap_err();
    assert!(matches!(&error, LinkError::Deadline { kind, .. } if kind == "late"), "{error}");

    tokio::spawn(page.echo());
    link.request(message("echo"), options()).await.unwrap();
}

#[tokio::test]
async fn no_more_requests_are_in_flight_than_allowed() {
    let (_server, _, link, mut page) = linked(LinkOptions { max_in_flight: 1, ..LinkOptions::default() }).await;
    let first = ask(&link, "first", options());
    let (one, _) = page.receive().await;
    let second = ask(&link, "second", options());
    tokio::task::yield_now().await;
    assert!(page.receive().now_or_never().is_none());
    page.send(one.id, "result", Value::Null, Vec::new()).await;
    first.await.unwrap().unwrap();
    assert_eq!(page.receive().await.0.kind, "second");
    second.abort();
}

#[tokio::test]
async fn a_page_that_answers_pings_stays_and_one_that_does_not_is_given_up() {
    let heartbeat_interval = Duration::from_millis(40);
    let silence_timeout = Duration::from_millis(400);
    let (_server, _, link, mut page) = linked(LinkOptions { heartbeat_interval, silence_timeout, ..brief() }).await;
    let mut ids = Vec::new();
    while ids.len() < 5 {
        let (ping, _) = page.receive_any().await;
        assert_eq!(ping.kind, "ping");
        page.send(ping.id, "pong", Value::Null, Vec::new()).await;
        ids.push(ping.id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 5);
    assert_eq!(link.state(), LinkState::Connected);
    assert_eq!(page.close_code().await, 4005);
    assert_eq!(link.closed().await, GoneReason::Lost { waited: Duration::from_millis(300) });
}

#[tokio::test]
async fn a_lost_socket_interrupts_what_may_not_run_twice_and_repeats_the_rest() {
    let (server, token, link, mut page) = linked(LinkOptions::default()).await;
    let once = ask(&link, "once", options());
    assert_eq!(page.receive().await.0.kind, "once");
    let again = ask(&link, "again", RequestOptions { repeat_safe: true, ..options() });
    let (request, _) = page.receive().await;
    drop(page);
    let error = once.await.unwrap().unwrap_err();
    assert!(matches!(error, LinkError::Interrupted { repeatable: false, .. }), "{error}");
    assert_eq!(link.state(), LinkState::Interrupted);
    // Asked while there is no socket: sent when there is one.
    let meanwhile = ask(&link, "meanwhile", options());
    let mut page = Page::open(&server, &token, "page-1").await;
    let (repeated, _) = page.receive().await;
    assert_eq!((repeated.id, repeated.kind.as_str()), (request.id, "again"));
    page.send(repeated.id, "result", json!("twice"), Vec::new()).await;
    assert_eq!(again.await.unwrap().unwrap().data, json!("twice"));
    let (request, _) = page.receive().await;
    page.send(request.id, "result", Value::Null, Vec::new()).await;
    meanwhile.await.unwrap().unwrap();
    assert_eq!(link.state(), LinkState::Connected);
}

#[tokio::test]
async fn a_request_that_loses_every_socket_is_not_repeated_for_ever() {
    let (server, token, link, mut page) = linked(LinkOptions::default()).await;
    let asked = ask(&link, "crash", RequestOptions { repeat_safe: true, ..options() });
    for _ in 0..2 {
        assert_eq!(page.receive().await.0.kind, "crash");
        drop(page);
        page = Page::open(&server, &token, "page-1").await;
    }
    assert_eq!(page.receive().await.0.kind, "crash");
    drop(page);
    let error = asked.await.unwrap().unwrap_err();
    assert!(matches!(error, LinkError::Interrupted { repeatable: true, .. }), "{error}");
}

#[tokio::test]
async fn a_page_that_does_not_come_back_ends_every_request() {
    let (_server, _, link, mut page) = linked(brief()).await;
    let asked = ask(&link, "run", RequestOptions { repeat_safe: true, ..options() });
    page.receive().await;
    drop(page);
    let error = asked.await.unwrap().unwrap_err();
    assert!(matches!(error, LinkError::Gone { reason: GoneReason::Lost { .. }, repeatable: true, .. }), "{error}");
    let error = link.request(message("later"), options()).await.unwrap_err();
    assert!(matches!(error, LinkError::Gone { reason: GoneReason::Lost { .. }, .. }), "{error}");
}

#[tokio::test]
async fn a_page_that_says_it_leaves_is_gone_at_once() {
    let (_server, _, link, mut page) = linked(LinkOptions::default()).await;
    let asked = ask(&link, "run", options());
    page.receive().await;
    let away = CloseFrame { code: CloseCode::Away, reason: "".into() };
    page.0.send(tungstenite::Message::Close(Some(away))).await.unwrap();
    let error = asked.await.unwrap().unwrap_err();
    assert!(matches!(error, LinkError::Gone { reason: GoneReason::PageLeft, repeatable: false, .. }), "{error}");
    assert_eq!(link.closed().await, GoneReason::PageLeft);
}

#[tokio::test]
async fn closing_tells_the_page_and_ends_requests() {
    let (_server, _, link, mut page) = linked(LinkOptions::default()).await;
    let asked = ask(&link, "run", options());
    page.receive().await;
    link.close().await;
    assert_eq!(link.state(), LinkState::Gone(GoneReason::Closed));
    assert!(matches!(asked.await.unwrap().unwrap_err(), LinkError::Gone { reason: GoneReason::Closed, .. }));
    assert_eq!(page.close_code().await, 4000);
}

#[tokio::test]
async fn a_page_is_closed_with_its_last_handle_and_with_its_server() {
    let (_server, _, link, mut page) = linked(LinkOptions::default()).await;
    drop(link);
    assert_eq!(page.close_code().await, 4000);

    let (server, _, link, mut page) = linked(LinkOptions::default()).await;
    server.close().await;
    assert_eq!(page.close_code().await, 4000);
    assert_eq!(link.closed().await, GoneReason::ServerStopped);
}

#[tokio::test]
async fn a_broken_answer_fails_its_request_alone() {
    let (_server, _, link, mut page) = linked(LinkOptions::default()).await;
    let broken = [
        json!([{"name": "x", "dtype": "float32", "shape": [1], "offset": 0, "byte_length": 4}]),
        json!([{"name": "x", "dtype": "float99", "shape": [1], "offset": 0, "byte_length": 4}]),
        json!([{"name": "x", "dtype": "float32", "shape": [-1], "offset": 0, "byte_length": 4}]),
    ];
    for tensors in broken {
        let asked = ask(&link, "run", options());
        let (request, _) = page.receive().await;
        let mut json = json!({"id": request.id, "type": "result", "tensors": tensors}).to_string();
        while !(json.len() + 4).is_multiple_of(8) {
            json.push(' ');
        }
        let mut bytes = (json.len() as u32).to_le_bytes().to_vec();
        bytes.extend_from_slice(json.as_bytes());
        page.send_bytes(bytes).await;
        let error = asked.await.unwrap().unwrap_err();
        assert!(matches!(error, LinkError::Malformed { .. }), "{error}");
        assert_eq!(link.state(), LinkState::Connected);
    }
    let asked = ask(&link, "run", options());
    let (request, _) = page.receive().await;
    page.send(request.id, "error", json!({"code": "no_such_code"}), Vec::new()).await;
    assert!(matches!(asked.await.unwrap(), Err(LinkError::Malformed { source: FrameError::Data { .. }, .. })));
    // What answers nothing, or is of an unknown type, harms nobody.
    page.send(4711, "result", Value::Null, Vec::new()).await;
    page.send(0, "surprise", Value::Null, Vec::new()).await;
    tokio::spawn(page.echo());
    link.request(message("echo"), options()).await.unwrap();
}

#[tokio::test]
async fn garbage_closes_the_socket_and_the_page_may_come_back() {
    let (server, token, link, mut page) = linked(LinkOptions::default()).await;
    for garbage in [vec![], vec![1, 2, 3], vec![255; 64], b"\x04\0\0\0nope".to_vec()] {
        page.send_bytes(garbage).await;
        assert_eq!(page.close_code().await, 4004);
        page = Page::open(&server, &token, "page-1").await;
    }
    page.0.send(tungstenite::Message::text("{}")).await.unwrap();
    assert_eq!(page.close_code().await, 4004);
    tokio::spawn(Page::open(&server, &token, "page-1").await.echo());
    link.request(message("echo"), options()).await.unwrap();
}

#[tokio::test]
async fn messages_have_a_largest_size_both_ways() {
    let (server, token, link, mut page) = linked(LinkOptions { max_frame_bytes: 4096, ..LinkOptions::default() }).await;
    let tensors = vec![Tensor::from_i64("x", vec![512], &[0; 512]).unwrap()];
    let error = link.request(Message { tensors: tensors.clone(), ..message("run") }, options()).await.unwrap_err();
    assert!(matches!(error, LinkError::Unsendable { source: FrameError::TooLarge { limit: 4096, .. }, .. }), "{error}");
    page.send(0, "result", Value::Null, tensors).await;
    assert_eq!(page.close_code().await, 1009);
    tokio::spawn(Page::open(&server, &token, "page-1").await.echo());
    link.request(message("echo"), options()).await.unwrap();
}

#[tokio::test]
async fn a_token_belongs_to_the_first_page_that_presents_it() {
    let (server, token, link, mut page) = linked(LinkOptions::default()).await;
    let mut other = Page::open(&server, &token, "page-2").await;
    assert_eq!(other.close_code().await, 4003);
    let asked = ask(&link, "run", options());
    let (request, _) = page.receive().await;
    page.send(request.id, "result", Value::Null, Vec::new()).await;
    asked.await.unwrap().unwrap();
    // The same page on a newer socket takes over from the old one.
    let newer = Page::open(&server, &token, "page-1").await;
    assert_eq!(page.close_code().await, 4006);
    tokio::spawn(newer.echo());
    link.request(message("echo"), options()).await.unwrap();
}

#[tokio::test]
async fn a_page_must_say_hello_in_this_version_and_in_time() {
    let server = start(LinkOptions { hello_timeout: Duration::from_millis(100), ..LinkOptions::default() }).await;
    let invitation = server.invite(LONG).unwrap();
    let token = token(&invitation);
    let origin = format!("http://{}", server.address());
    let connect = async || Page::connect(&server, &token, Some(&origin)).await.unwrap();

    let mut page = connect().await;
    page.hello(PROTOCOL_VERSION + 1, "page-1").await;
    assert_eq!(page.close_code().await, 4001);
    let mut page = connect().await;
    page.send(0, "result", Value::Null, Vec::new()).await;
    assert_eq!(page.close_code().await, 4002);
    let mut page = connect().await;
    page.send(0, "hello", json!({"protocol_version": PROTOCOL_VERSION}), Vec::new()).await;
    assert_eq!(page.close_code().await, 4002);
    let mut page = connect().await;
    assert_eq!(page.close_code().await, 4002, "silence");
    // None of them used the invitation up.
    let _page = Page::open(&server, &token, "page-1").await;
    invitation.link().await.unwrap();
}

#[tokio::test]
async fn sockets_of_strangers_are_refused_before_they_open() {
    let server = start(LinkOptions::default()).await;
    let invitation = server.invite(LONG).unwrap();
    let token = token(&invitation);
    let own = format!("http://{}", server.address());
    let status = async |token: &str, origin: Option<&str>| match Page::connect(&server, token, origin).await {
        Err(tungstenite::Error::Http(response)) => response.status().as_u16(),
        other => panic!("not refused: {:?}", other.map(|_| ())),
    };
    assert_eq!(status("wrong", Some(&own)).await, 403);
    assert_eq!(status(&token[1..], Some(&own)).await, 403);
    assert_eq!(status(&token, Some("http://evil.example")).await, 403);
    assert_eq!(status(&token, Some("null")).await, 403);
    assert_eq!(status(&token, None).await, 403);
    drop(invitation);
    assert_eq!(status(&token, Some(&own)).await, 403, "revoked");
}
