//! A Jupyter client of ZeroMQ sockets, and a real `pelago kernel` in a home of
//! its own.

#![allow(dead_code, reason = "each test file uses its part of it")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jupyter_protocol::{ConnectionInfo, Transport};
use pelago_tests::lab::pelago;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use zeromq::util::PeerIdentity;
use zeromq::{DealerSocket, ReqSocket, Socket, SocketOptions, SocketRecv, SocketSend, SubSocket, ZmqMessage};

pub(crate) const KEY: &str = "a-key-of-this-test";

/// How long anything may take before the test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

const DELIMITER: &[u8] = b"<IDS|MSG>";

/// A message as it came.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) kind: String,
    pub(crate) parent: String,
    pub(crate) metadata: Value,
    pub(crate) content: Value,
}

/// A kernel and its client.
pub(crate) struct Kernel {
    pub(crate) child: Child,
    pub(crate) info: ConnectionInfo,
    pub(crate) shell: DealerSocket,
    pub(crate) control: DealerSocket,
    pub(crate) stdin: DealerSocket,
    pub(crate) iopub: SubSocket,
    _file: TempDir,
}

/// A connection file for free ports, or for sockets in `folder`.
pub(crate) fn connection(folder: &Path, transport: Transport) -> (ConnectionInfo, PathBuf) {
    // All are held until all are known, so no two are the same.
    let held: Vec<_> = (0..5).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let ports: Vec<_> = held.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
    let ip = match transport {
        Transport::TCP => "127.0.0.1".to_owned(),
        Transport::IPC => folder.join("kernel").display().to_string(),
    };
    let info = ConnectionInfo {
        ip,
        transport,
        shell_port: ports[0],
        iopub_port: ports[1],
        stdin_port: ports[2],
        control_port: ports[3],
        hb_port: ports[4],
        key: KEY.to_owned(),
        signature_scheme: "hmac-sha256".to_owned(),
        kernel_name: Some("pelago".to_owned()),
    };
    let path = folder.join("connection.json");
    std::fs::write(&path, serde_json::to_vec(&info).unwrap()).unwrap();
    (info, path)
}

/// `pelago kernel` for a connection file.
pub(crate) fn command(home: &Path, file: &Path) -> Command {
    let mut command = Command::new(pelago());
    command.arg("--home").arg(home).arg("kernel").arg(file).env_remove("JPY_PARENT_PID").stdin(Stdio::null());
    command
}

impl Kernel {
    /// Starts one and connects every channel.
    pub(crate) async fn start(home: &Path, transport: Transport) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (info, file) = connection(folder.path(), transport);
        let child = command(home, &file).spawn().unwrap();
        let identity = PeerIdentity::new();
        let mut iopub = SubSocket::new();
        iopub.subscribe("").await.unwrap();
        connect(&mut iopub, &info.iopub_url()).await;
        let mut this = Self {
            child,
            shell: dealer(&info.shell_url(), &identity).await,
            control: dealer(&info.control_url(), &identity).await,
            stdin: dealer(&info.stdin_url(), &identity).await,
            iopub,
            info,
            _file: folder,
        };
        // From this message on no output is missed.
        assert_eq!(this.published().await.kind, "iopub_welcome");
        assert_eq!(this.published().await.content["execution_state"], "starting");
        this
    }

    /// Sends on the shell channel; gives the id.
    pub(crate) async fn send(&mut self, kind: &str, content: Value) -> String {
        send(&mut self.shell, kind, content).await
    }

    /// The next message on the shell channel.
    pub(crate) async fn reply(&mut self) -> Got {
        receive(&mut self.shell).await
    }

    /// The next message on iopub.
    pub(crate) async fn published(&mut self) -> Got {
        receive(&mut self.iopub).await
    }

    /// Sends a request on the shell channel and waits for its reply and its last
    /// published message. Gives the reply and what was published between busy and idle.
    pub(crate) async fn ask(&mut self, kind: &str, content: Value) -> (Got, Vec<Got>) {
        let id = self.send(kind, content).await;
        let published = self.until_idle(&id).await;
        let reply = self.reply().await;
        assert_eq!(reply.parent, id, "{reply:?}");
        (reply, published)
    }

    /// What is published about a request, between busy and idle.
    pub(crate) async fn until_idle(&mut self, id: &str) -> Vec<Got> {
        let mut published = Vec::new();
        loop {
            let message = self.published().await;
            if message.parent != id {
                continue;
            }
            match message.content["execution_state"].as_str() {
                Some("busy") => assert!(published.is_empty(), "busy comes first: {published:?}"),
                Some("idle") => return published,
                _ => published.push(message),
            }
        }
    }

    /// What is published about a request that is busy already, up to idle.
    pub(crate) async fn until_last(&mut self, id: &str) -> Vec<Got> {
        let mut published = Vec::new();
        loop {
            let message = self.published().await;
            match message.content["execution_state"].as_str() {
                _ if message.parent != id => {}
                Some("busy") => {}
                Some("idle") => return published,
                _ => published.push(message),
            }
        }
    }

    /// What a cell asks its user.
    pub(crate) async fn question(&mut self) -> Value {
        let asked = receive(&mut self.stdin).await;
        assert_eq!(asked.kind, "input_request");
        asked.content
    }

    /// Answers it.
    pub(crate) async fn answer(&mut self, value: &str) {
        send(&mut self.stdin, "input_reply", json!({"status": "ok", "value": value})).await;
    }

    /// Runs a cell.
    pub(crate) async fn run(&mut self, code: &str) -> (Value, Vec<Got>) {
        self.run_with(code, json!({})).await
    }

    /// Runs a cell with other options than the usual.
    pub(crate) async fn run_with(&mut self, code: &str, options: Value) -> (Value, Vec<Got>) {
        let (reply, published) = self.ask("execute_request", execute(code, options)).await;
        assert_eq!(reply.kind, "execute_reply");
        (reply.content, published)
    }

    /// Asks on the control channel.
    pub(crate) async fn ask_control(&mut self, kind: &str, content: Value) -> Got {
        let id = send(&mut self.control, kind, content).await;
        let reply = receive(&mut self.control).await;
        assert_eq!(reply.parent, id, "{reply:?}");
        reply
    }

    /// Waits until all that was sent on the shell and the control channel is read and answered: a channel keeps
    /// its order. Takes what comes on every channel meanwhile, as clients do.
    pub(crate) async fn settle(&mut self) {
        let asked = send(&mut self.shell, "kernel_info_request", json!({})).await;
        let controlled = send(&mut self.control, "kernel_info_request", json!({})).await;
        let replied = async |socket: &mut DealerSocket, id: &str| while receive(socket).await.parent != id {};
        let iopub = &mut self.iopub;
        let published = async {
            loop {
                let message = receive(iopub).await;
                if message.parent == asked && message.content["execution_state"] == "idle" {
                    return;
                }
            }
        };
        tokio::join!(replied(&mut self.shell, &asked), replied(&mut self.control, &controlled), published);
    }

    /// Fails unless the kernel answers, beats and counts no more than it should.
    pub(crate) async fn assert_lives(&mut self) -> Value {
        let (reply, _) = self.ask("kernel_info_request", json!({})).await;
        assert_eq!(reply.content["status"], "ok");
        let mut heart = ReqSocket::new();
        connect(&mut heart, &self.info.hb_url()).await;
        let beat = Bytes::from(uuid::Uuid::now_v7().as_bytes().to_vec());
        heart.send(ZmqMessage::from(beat.clone())).await.unwrap();
        let echo = within("a heartbeat", heart.recv()).await.unwrap();
        assert_eq!(echo.into_vec(), [beat]);
        reply.metadata["pelago"].clone()
    }

    /// Asks the kernel to end and waits until it did.
    pub(crate) async fn shut_down(mut self) {
        let reply = self.ask_control("shutdown_request", json!({"restart": false})).await;
        assert_eq!(reply.content, json!({"status": "ok", "restart": false}));
        assert!(ended(&mut self.child).await.success());
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        // One that ended already is no error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The content of an `execute_request`.
pub(crate) fn execute(code: &str, options: Value) -> Value {
    let mut content = json!({
        "code": code, "silent": false, "store_history": true, "user_expressions": {},
        "allow_stdin": false, "stop_on_error": true,
    });
    for (name, value) in options.as_object().unwrap() {
        content[name] = value.clone();
    }
    content
}

/// Waits for the end of a process.
pub(crate) async fn ended(child: &mut Child) -> std::process::ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(start.elapsed() < DEADLINE, "the process did not end");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("{what} did not come in time"))
}

pub(crate) async fn dealer(url: &str, identity: &PeerIdentity) -> DealerSocket {
    let mut options = SocketOptions::default();
    options.peer_identity(identity.clone());
    let mut socket = DealerSocket::with_options(options);
    connect(&mut socket, url).await;
    socket
}

/// Connects, also to a socket that does not listen yet.
pub(crate) async fn connect(socket: &mut impl Socket, url: &str) {
    within(url, socket.connect(url)).await.unwrap();
}

/// The frames of a signed message, from the delimiter on.
pub(crate) fn frames(key: &str, parts: [&[u8]; 4]) -> Vec<Bytes> {
    let signature = hmac(key.as_bytes(), &parts.concat());
    let hex: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut frames = vec![Bytes::from_static(DELIMITER), Bytes::from(hex)];
    frames.extend(parts.map(Bytes::copy_from_slice));
    frames
}

/// A header of a new message.
pub(crate) fn header(kind: &str) -> Value {
    json!({
        "msg_id": uuid::Uuid::now_v7().to_string(), "username": "test", "session": "test",
        "date": chrono::Utc::now().to_rfc3339(), "msg_type": kind, "version": "5.4",
    })
}

pub(crate) async fn send(socket: &mut DealerSocket, kind: &str, content: Value) -> String {
    let header = header(kind);
    let id = header["msg_id"].as_str().unwrap().to_owned();
    let (header, content) = (header.to_string(), content.to_string());
    send_frames(socket, frames(KEY, [header.as_bytes(), b"{}", b"{}", content.as_bytes()])).await;
    id
}

pub(crate) async fn send_frames(socket: &mut DealerSocket, frames: Vec<Bytes>) {
    within("room to send", socket.send(ZmqMessage::try_from(frames).unwrap())).await.unwrap();
}

/// The next message, whose signature must be right.
pub(crate) async fn receive(socket: &mut impl SocketRecv) -> Got {
    let frames = within("a message", socket.recv()).await.unwrap().into_vec();
    let at = frames.iter().position(|frame| frame == DELIMITER).unwrap();
    let parts: Vec<_> =
        frames[at + 2..at + 6].iter().map(|frame| serde_json::from_slice::<Value>(frame).unwrap()).collect();
    let signed = frames[at + 2..at + 6].concat();
    let hex: String = hmac(KEY.as_bytes(), &signed).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(frames[at + 1], hex.as_bytes(), "the signature is wrong");
    Got {
        kind: parts[0]["msg_type"].as_str().unwrap().to_owned(),
        parent: parts[1]["msg_id"].as_str().unwrap_or_default().to_owned(),
        metadata: parts[2].clone(),
        content: parts[3].clone(),
    }
}

/// RFC 2104 with SHA-256, written apart from the library that the kernel uses.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    assert!(key.len() <= 64);
    let pad =
        |with: u8| -> Vec<u8> { (0..64).map(|index| key.get(index).copied().unwrap_or_default() ^ with).collect() };
    let inner = Sha256::digest([&pad(0x36), message].concat());
    Sha256::digest([&pad(0x5c), &inner[..]].concat()).to_vec()
}
