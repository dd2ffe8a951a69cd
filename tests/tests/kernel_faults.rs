//! What no client can do to a kernel: end it, stop it, or make it believe an
//! unsigned message.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

mod kernel_client;

use std::process::Stdio;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jupyter_protocol::Transport;
use kernel_client::{DEADLINE, KEY, Kernel, command, connection, dealer, ended, frames, header, send_frames, within};
use pelago_tests::processes;
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zeromq::util::PeerIdentity;

const REQUESTS: [&str; 14] = [
    "execute_request",
    "complete_request",
    "inspect_request",
    "history_request",
    "is_complete_request",
    "comm_info_request",
    "comm_open",
    "comm_msg",
    "comm_close",
    "kernel_info_request",
    "interrupt_request",
    "debug_request",
    "input_reply",
    "no_such_request",
];

#[tokio::test]
async fn a_wrong_signature_is_dropped_and_counted() {
    let home = tempfile::tempdir().unwrap();
    let mut kernel = Kernel::start(home.path(), Transport::TCP).await;
    let before = kernel.assert_lives().await;
    assert_eq!(before, json!({"dropped_signatures": 0, "dropped_malformed": 0}));
    let shutdown = header("shutdown_request").to_string();
    let parts: [&[u8]; 4] = [shutdown.as_bytes(), b"{}", b"{}", b"{\"restart\": false}"];
    let mut unsigned = frames(KEY, parts);
    unsigned[1] = Bytes::new();
    let mut short = frames(KEY, parts);
    short[1] = short[1].slice(..62);
    let mut changed = frames(KEY, parts);
    changed[5] = Bytes::from_static(b"{\"restart\": true}");
    for forged in [frames("another key", parts), unsigned, short, changed] {
        send_frames(&mut kernel.shell, forged.clone()).await;
        send_frames(&mut kernel.control, forged).await;
    }
    // Answered after the eight, since a channel keeps its order.
    kernel.ask_control("kernel_info_request", json!({})).await;
    let after = kernel.assert_lives().await;
    assert_eq!(after, json!({"dropped_signatures": 8, "dropped_malformed": 0}));
    kernel.shut_down().await;
}

#[tokio::test]
async fn a_signed_message_of_any_content_leaves_the_kernel_alive() {
    let home = tempfile::tempdir().unwrap();
    let mut kernel = Kernel::start(home.path(), Transport::TCP).await;
    let deep = "[".repeat(100_000);
    let contents = [
        "",
        "{",
        "null",
        "[]",
        "\"text\"",
        "{}",
        "1e999",
        &deep,
        r#"{"code": 1}"#,
        r#"{"code": ":x", "cursor_pos": -1}"#,
        r#"{"code": ":x", "cursor_pos": 18446744073709551615}"#,
        r#"{"hist_access_type": "none"}"#,
        r#"{"hist_access_type": "tail", "n": -9223372036854775808}"#,
        r#"{"hist_access_type": "search", "pattern": "[", "n": 0}"#,
        r#"{"hist_access_type": "range", "session": -9223372036854775808, "start": 9, "stop": -1}"#,
        r#"{"code": ":\u0000", "silent": "yes"}"#,
        r#"{"comm_id": 7, "target_name": []}"#,
    ];
    for kind in REQUESTS {
        for content in &contents {
            let header = header(kind).to_string();
            let message = frames(KEY, [header.as_bytes(), b"{}", b"{}", content.as_bytes()]);
            for socket in [&mut kernel.shell, &mut kernel.control, &mut kernel.stdin] {
                send_frames(socket, message.clone()).await;
            }
        }
    }
    for bad in [&b""[..], b"{}", b"\xff\xfe", b"{\"msg_id\": 1}", deep.as_bytes()] {
        send_frames(&mut kernel.shell, frames(KEY, [bad, b"{}", b"{}", b"{}"])).await;
        send_frames(&mut kernel.control, frames(KEY, [bad, bad, bad, bad])).await;
    }
    kernel.settle().await;
    let counts = kernel.assert_lives().await;
    assert!(counts["dropped_malformed"].as_u64().unwrap() > 50, "{counts}");
    assert_eq!(counts["dropped_signatures"], 0);
    kernel.shut_down().await;
}

#[tokio::test]
async fn frames_that_are_no_message_are_dropped() {
    let home = tempfile::tempdir().unwrap();
    let mut kernel = Kernel::start(home.path(), Transport::TCP).await;
    let mut random = StdRng::seed_from_u64(1);
    let delimiter = Bytes::from_static(b"<IDS|MSG>");
    let mut shapes = vec![
        vec![Bytes::new()],
        vec![delimiter.clone()],
        vec![delimiter.clone(), delimiter.clone()],
        vec![delimiter.clone(); 1000],
        vec![delimiter, Bytes::new(), Bytes::new()],
        vec![Bytes::from(vec![0; 4 << 20])],
    ];
    for _ in 0..300 {
        let whole = frames(KEY, [header("kernel_info_request").to_string().as_bytes(), b"{}", b"{}", b"{}"]);
        shapes.push(mutated(whole, &mut random));
    }
    for shape in shapes {
        for socket in [&mut kernel.shell, &mut kernel.control, &mut kernel.stdin] {
            send_frames(socket, shape.clone()).await;
        }
    }
    // Some are whole still: another client has only its own replies to read.
    kernel.shell = dealer(&kernel.info.shell_url(), &PeerIdentity::new()).await;
    kernel.control = dealer(&kernel.info.control_url(), &PeerIdentity::new()).await;
    kernel.assert_lives().await;
    kernel.shut_down().await;
}

#[tokio::test]
async fn bytes_that_are_no_zeromq_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let mut kernel = Kernel::start(home.path(), Transport::TCP).await;
    let info = kernel.info.clone();
    let ports = [info.shell_port, info.iopub_port, info.stdin_port, info.control_port, info.hb_port];
    let mut random = StdRng::seed_from_u64(2);
    for port in ports {
        for round in 0..40 {
            let mut bytes = match round % 4 {
                0 => Vec::new(),
                1 => greeting(),
                2 => [greeting(), ready()].concat(),
                _ => b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            };
            let mut noise = vec![0; random.random_range(0..2000)];
            random.fill_bytes(&mut noise);
            bytes.extend(noise);
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            // A kernel that hangs up early is right.
            let _ = stream.write_all(&bytes).await;
        }
    }
    kernel.assert_lives().await;
    kernel.shut_down().await;
}

/// A frame's header may announce any length; nobody may have to believe it.
#[tokio::test]
async fn a_message_that_no_memory_holds_costs_its_client_the_connection() {
    let home = tempfile::tempdir().unwrap();
    let mut kernel = Kernel::start(home.path(), Transport::TCP).await;
    let info = kernel.info.clone();
    for port in [info.shell_port, info.iopub_port, info.stdin_port, info.control_port, info.hb_port] {
        for length in [65 << 20, 1 << 40, u64::MAX / 4, u64::MAX] {
            for start in [greeting(), [greeting(), ready()].concat()] {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let announced = [start, vec![2], length.to_be_bytes().to_vec()].concat();
                stream.write_all(&announced).await.unwrap();
                let mut rest = Vec::new();
                // Ends when the kernel hangs up, by whichever way.
                let _ = within("the end of the connection", stream.read_to_end(&mut rest)).await;
            }
        }
    }
    kernel.assert_lives().await;
    kernel.shut_down().await;
}

#[tokio::test]
async fn a_kernel_ends_with_the_process_that_started_it() {
    let home = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (_, file) = connection(folder.path(), Transport::IPC);
    let kernel = command(home.path(), &file);
    // The shell waits for its kernel and is killed meanwhile.
    let mut shell = std::process::Command::new("sh");
    shell.arg("-c").arg("\"$0\" \"$@\" & wait").arg(kernel.get_program()).args(kernel.get_args());
    let mut shell = shell.env("JPY_PARENT_PID", "1").stdin(Stdio::null()).spawn().unwrap();
    let socket = format!("{}-", folder.path().join("kernel").display());
    let started = Instant::now();
    while std::fs::read_dir(folder.path()).unwrap().flatten().count() < 6 {
        assert!(started.elapsed() < DEADLINE, "no sockets at {socket}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(processes::naming(home.path()).iter().filter(|process| process.parent == shell.id()).count(), 1);
    shell.kill().unwrap();
    shell.wait().unwrap();
    nothing_is_left(home.path()).await;
}

#[tokio::test]
async fn a_signal_ends_a_kernel_and_all_that_is_its_own() {
    let home = tempfile::tempdir().unwrap();
    let mut kernel = Kernel::start(home.path(), Transport::IPC).await;
    kernel.assert_lives().await;
    let pid = rustix::process::Pid::from_raw(kernel.child.id().try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(ended(&mut kernel.child).await.success());
    nothing_is_left(home.path()).await;
}

#[test]
fn an_address_that_others_reach_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let (mut info, file) = connection(home.path(), Transport::TCP);
    info.ip = "0.0.0.0".to_owned();
    std::fs::write(&file, serde_json::to_vec(&info).unwrap()).unwrap();
    let output = command(home.path(), &file).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("which other machines can reach") && told.contains("--allow-remote"), "{told}");
}

/// Waits until no process names a folder.
async fn nothing_is_left(home: &std::path::Path) {
    let start = Instant::now();
    loop {
        let left = processes::naming(home);
        if left.is_empty() {
            return;
        }
        assert!(start.elapsed() < DEADLINE, "{left:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A message with frames lost, doubled, cut or with a changed byte.
fn mutated(mut frames: Vec<Bytes>, random: &mut StdRng) -> Vec<Bytes> {
    for _ in 0..random.random_range(1..4) {
        if frames.is_empty() {
            return vec![Bytes::new()];
        }
        let at = random.random_range(0..frames.len());
        match random.random_range(0..4) {
            0 => drop(frames.remove(at)),
            1 => frames.push(frames[at].clone()),
            2 => frames[at] = frames[at].slice(..frames[at].len() / 2),
            _ => {
                let mut bytes = frames[at].to_vec();
                if let Some(byte) = bytes.last_mut() {
                    *byte ^= 1 << random.random_range(0..8);
                }
                frames[at] = bytes.into();
            }
        }
    }
    if frames.is_empty() { vec![Bytes::new()] } else { frames }
}

/// How a ZeroMQ client begins (ZMTP 3.0, mechanism NULL).
fn greeting() -> Vec<u8> {
    let mut bytes = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0];
    bytes.extend(b"NULL");
    bytes.resize(64, 0);
    bytes
}

/// Its second word: what kind of socket it is.
fn ready() -> Vec<u8> {
    let mut body = b"\x05READY\x0bSocket-Type".to_vec();
    body.extend(6_u32.to_be_bytes());
    body.extend(b"DEALER");
    [vec![4, u8::try_from(body.len()).unwrap()], body].concat()
}
