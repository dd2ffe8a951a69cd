//! A server with files from memory, a plain HTTP client, and a client that
//! stands where a page would: for what real pages never do.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test file uses a part of it; a failure here is a failed test"
)]

use std::{collections::HashMap, net::SocketAddr, ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{SinkExt, StreamExt, stream};
use pelago_browser::{
    assets::{Asset, Assets},
    link::{Frame, Link, LinkOptions, frame},
    server::{Content, ContentError, ContentInfo, ContentStream, Invitation, Server, ServerOptions},
};
use pelago_protocol::{Header, Hello, PROTOCOL_VERSION, Tensor, TensorHeader};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, ClientRequestBuilder, Message, protocol::WebSocketConfig},
};

/// So long that only a fault makes a test wait for it.
pub const LONG: Duration = Duration::from_secs(60);

pub struct MemoryAssets(pub HashMap<&'static str, Asset>);

impl Assets for MemoryAssets {
    fn get(&self, path: &str) -> Option<Asset> {
        self.0.get(path).cloned()
    }
}

pub fn assets() -> MemoryAssets {
    let asset = |mime: &str, text: &'static str| Asset { bytes: text.into(), mime: mime.into(), tag: "tag".into() };
    MemoryAssets(HashMap::from([
        ("index.html", asset("text/html", "<!doctype html><title>page</title>")),
        ("page.js", asset("application/javascript", "export {};")),
        ("ort-1.30.0/ort.wasm", asset("application/wasm", "\0asm")),
    ]))
}

/// `cid/model`, ten bytes; `cid/bad`, which fails after five; `cid/short` and
/// `cid/long`, which give the wrong number of bytes; `cid/empty`.
pub struct MemoryContent;

#[async_trait::async_trait]
impl Content for MemoryContent {
    async fn stat(&self, path: &str) -> Result<ContentInfo, ContentError> {
        let size = match path {
            "cid/model" | "cid/bad" | "cid/short" | "cid/long" | "cid/with space" => 10,
            "cid/empty" => 0,
            "cid" => return Err(ContentError::NotAFile { path: path.into() }),
            _ => return Err(ContentError::NotFound { path: path.into() }),
        };
        Ok(ContentInfo { size, cid: "bafkfile".into(), mime: "application/octet-stream".into() })
    }

    async fn read(&self, path: &str, range: Range<u64>) -> Result<ContentStream, ContentError> {
        let whole = Bytes::from_static(b"0123456789");
        let part = whole.slice(range.start as usize..range.end as usize);
        let items = match path {
            "cid/bad" => {
                vec![Ok(part.slice(..5)), Err(ContentError::Unverified { path: path.into(), cid: "bafkblock".into() })]
            }
            "cid/short" => vec![Ok(part.slice(..5))],
            "cid/long" => vec![Ok(part), Ok(whole)],
            _ => vec![Ok(part.slice(..part.len() / 2)), Ok(part.slice(part.len() / 2..))],
        };
        // What came before a fault has left when the fault comes.
        Ok(stream::iter(items).then(async |item| (tokio::task::yield_now().await, item).1).boxed())
    }
}

pub async fn start(link: LinkOptions) -> Server {
    Server::start(ServerOptions { port: 0, assets: Arc::new(assets()), content: Arc::new(MemoryContent), link })
        .await
        .unwrap()
}

pub fn token(invitation: &Invitation) -> String {
    invitation.url().split_once("token=").unwrap().1.to_owned()
}

/// What came back on a plain connection.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether the body is as long as its header says.
    pub fn is_whole(&self) -> bool {
        self.headers["content-length"] == self.body.len().to_string()
    }
}

/// One request on one connection, with `Host` as it should be unless `headers` has one.
pub async fn http(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
    reply(begin(server.address(), method, path, headers).await).await
}

/// Sends the head of a request. The body, if it has one, is up to the caller.
pub async fn begin(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        request += &format!("Host: {address}\r\n");
    }
    headers.iter().for_each(|(name, value)| request += &format!("{name}: {value}\r\n"));
    stream.write_all(format!("{request}\r\n").as_bytes()).await.unwrap();
    stream
}

/// All that comes until the connection ends.
pub async fn reply(mut stream: TcpStream) -> Reply {
    let mut bytes = Vec::new();
    // A connection that is reset has given all that it will give.
    _ = stream.read_to_end(&mut bytes).await;
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|line| line.split_once(": ").unwrap());
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Reply { status, headers, body: bytes[end + 4..].to_vec() }
}

/// A page's side of a link: its socket, and what it gets beside that.
pub struct Page(pub WebSocketStream<TcpStream>, pub Beside);

/// Gets attachments, as the page that has this token.
#[derive(Clone)]
pub struct Beside {
    pub address: SocketAddr,
    pub token: String,
}

impl Beside {
    pub async fn get(&self, id: &str) -> Reply {
        reply(self.begin_get(id).await).await
    }

    pub async fn begin_get(&self, id: &str) -> TcpStream {
        let bearer = format!("Bearer {}", self.token);
        begin(self.address, "GET", &format!("/attachments/{id}"), &[("Authorization", &bearer)]).await
    }

    /// The tensors of a message, with those beside it.
    pub async fn tensors(&self, header: &Header, body: &Bytes) -> Vec<Tensor> {
        let mut tensors = Vec::new();
        for (index, entry) in header.tensors.iter().enumerate() {
            let attachment = header.attachments.iter().find(|attachment| attachment.tensor == index);
            tensors.push(match attachment {
                Some(attachment) => {
                    let reply = self.get(&attachment.id).await;
                    assert_eq!(reply.status, 200, "{}", reply.text());
                    let TensorHeader { name, dtype, shape, .. } = entry.clone();
                    Tensor::new(name, dtype, shape, reply.body.into()).unwrap()
                }
                None => frame::tensors(vec![entry.clone()], body).unwrap().remove(0),
            });
        }
        tensors
    }
}

/// A message as a page sends it: with its large tensors in messages of their own after it.
pub fn messages(header: Header, tensors: &[Tensor]) -> Vec<Vec<u8>> {
    let frame = Frame::encode(header, tensors.to_vec(), usize::MAX).unwrap();
    let (mut header, body) = frame::split(&frame.into_parts().concat().into()).unwrap();
    header.following = header.attachments.drain(..).map(|attachment| attachment.tensor).collect();
    let following = header.following.iter().map(|index| tensors[*index].bytes.to_vec()).collect::<Vec<_>>();
    [vec![message(&json!(header), &body)], following].concat()
}

/// A message of any JSON as its header.
pub fn message(header: &Value, body: &[u8]) -> Vec<u8> {
    let json = header.to_string();
    let json = format!("{json:<width$}", width = (json.len() + 4).next_multiple_of(8) - 4);
    [&(json.len() as u32).to_le_bytes()[..], json.as_bytes(), body].concat()
}

impl Page {
    /// Opens a socket without saying anything.
    pub async fn connect(server: &Server, token: &str, origin: Option<&str>) -> Result<Self, tungstenite::Error> {
        let address = server.address();
        let mut request = ClientRequestBuilder::new(format!("ws://{address}/link?token={token}").parse().unwrap());
        if let Some(origin) = origin {
            request = request.with_header("Origin", origin);
        }
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (socket, _) = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await?;
        Ok(Self(socket, Beside { address, token: token.to_owned() }))
    }

    /// Opens a socket and says hello.
    pub async fn open(server: &Server, token: &str, page_id: &str) -> Self {
        let mut page = Self::connect(server, token, Some(&format!("http://{}", server.address()))).await.unwrap();
        page.hello(PROTOCOL_VERSION, page_id).await;
        page
    }

    pub async fn hello(&mut self, protocol_version: u32, page_id: &str) {
        let hello = Hello { protocol_version, user_agent: "test".into(), page_id: page_id.into() };
        self.send(0, "hello", serde_json::to_value(hello).unwrap(), Vec::new()).await;
    }

    pub async fn send(&mut self, id: u64, kind: &str, data: Value, tensors: Vec<Tensor>) {
        for message in messages(header(id, kind, data), &tensors) {
            self.send_bytes(message).await;
        }
    }

    pub async fn send_bytes(&mut self, bytes: Vec<u8>) {
        self.0.send(Message::Binary(bytes.into())).await.unwrap();
    }

    /// The next message; pings are answered by the way.
    pub async fn receive(&mut self) -> (Header, Vec<Tensor>) {
        loop {
            let (header, tensors) = self.receive_any().await;
            if header.kind != "ping" {
                return (header, tensors);
            }
            self.send(header.id, "pong", Value::Null, Vec::new()).await;
        }
    }

    pub async fn receive_any(&mut self) -> (Header, Vec<Tensor>) {
        let (header, body) = self.receive_frame().await;
        let tensors = self.1.tensors(&header, &body).await;
        (header, tensors)
    }

    /// The next message without what travels beside it.
    pub async fn receive_frame(&mut self) -> (Header, Bytes) {
        match self.0.next().await.unwrap().unwrap() {
            Message::Binary(bytes) => frame::split(&bytes).unwrap(),
            other => panic!("not a message: {other:?}"),
        }
    }

    /// Answers `echo` requests with what they hold until the socket closes.
    pub async fn echo(mut self) {
        while let Some(Ok(Message::Binary(bytes))) = self.0.next().await {
            let (header, body) = frame::split(&bytes).unwrap();
            let tensors = self.1.tensors(&header, &body).await;
            let kind = if header.kind == "ping" { "pong" } else { "result" };
            for message in messages(self::header(header.id, kind, header.data), &tensors) {
                if self.0.send(Message::Binary(message.into())).await.is_err() {
                    return;
                }
            }
        }
    }

    /// The code that the host closes with; what comes before is dropped.
    pub async fn close_code(&mut self) -> u16 {
        loop {
            match self.0.next().await.expect("the socket ended without a close frame").unwrap() {
                Message::Close(frame) => return frame.unwrap().code.into(),
                _ => continue,
            }
        }
    }
}

pub fn header(id: u64, kind: &str, data: Value) -> Header {
    Header::new(id, kind, data)
}

/// A server, a link, and the other end of it.
pub async fn linked(options: LinkOptions) -> (Server, String, Link, Page) {
    let server = start(options).await;
    let invitation = server.invite(LONG).unwrap();
    let token = token(&invitation);
    let page = Page::open(&server, &token, "page-1").await;
    let link = invitation.link().await.unwrap();
    (server, token, link, page)
}

pub fn page_error(message: &str) -> Value {
    json!({"code": "execution_failed", "message": message, "help": "help", "repeatable": true})
}
