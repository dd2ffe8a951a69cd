//! A gateway that misbehaves on purpose: HTTP/1.1 by hand, because no server
//! library lets itself be made to lie about lengths or die within a block.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use pelago_dag::Cid;
use pelago_exchange::retrieve::{Bandwidth, HttpOptions, HttpProvider, Pace, Reach, Source};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::dag::Dag;

/// A request, as far as answers depend on it.
pub(crate) struct Asked {
    /// What the path names.
    pub(crate) cid: Option<Cid>,
    /// Of this CID, how many requests came before.
    pub(crate) before: usize,
    /// The first line and the headers, in lower case.
    pub(crate) head: String,
}

impl Asked {
    pub(crate) fn is_car(&self) -> bool {
        self.head.contains("format=car")
    }

    fn range(&self) -> Option<usize> {
        let at = self.head.find("range: bytes=")? + 13;
        self.head[at..].split('-').next()?.parse().ok()
    }
}

/// What is answered.
pub(crate) enum Answer {
    /// What was asked, or 404.
    Right,
    /// These bytes, as the block.
    Bytes(Bytes),
    /// A CAR.
    Car(Vec<u8>),
    /// A status, headers (each with its line end) and a body.
    Status(u16, String, &'static str),
    /// So many bytes of the block, with its true length announced; then the connection ends.
    CutAt(usize),
    /// The block, with this length announced.
    Length(u64),
    /// One byte of the block a time.
    Drip(Duration),
    /// Nothing, and the connection stays.
    Silence,
    /// Bytes without an end or a length.
    Endless,
    /// The block, after a while.
    Late(Duration),
}

type Answers = dyn Fn(&Asked) -> Answer + Send + Sync;

struct Inner {
    blocks: HashMap<Cid, Bytes>,
    answer: Box<Answers>,
    link: Bandwidth,
    delay: Duration,
    asked: Mutex<HashMap<Cid, usize>>,
    heads: Mutex<Vec<String>>,
    sent: AtomicU64,
    open: AtomicUsize,
}

/// A server that ends with the test.
pub(crate) struct Server {
    pub(crate) url: String,
    inner: Arc<Inner>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn new(dag: &Dag, answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::throttled(dag, None, Duration::ZERO, answer).await
    }

    /// A server behind a link of so many bytes a second in all.
    pub(crate) async fn throttled(
        dag: &Dag,
        rate: Option<u64>,
        delay: Duration,
        answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Inner {
            blocks: dag.blocks.clone(),
            answer: Box::new(answer),
            link: rate.map(Bandwidth::limited).unwrap_or_default(),
            delay,
            asked: Mutex::default(),
            heads: Mutex::default(),
            sent: AtomicU64::new(0),
            open: AtomicUsize::new(0),
        });
        let serving = inner.clone();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let inner = serving.clone();
                connections.spawn(async move {
                    inner.open.fetch_add(1, Ordering::SeqCst);
                    let _ = inner.clone().talk(stream).await;
                    inner.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { url, inner, task }
    }

    pub(crate) fn peer(&self) -> Source {
        let peer = HttpProvider::peer(&self.url, Reach::Named, &options()).unwrap();
        Source::new(Arc::new(peer))
    }

    pub(crate) fn gateway(&self) -> Source {
        let gateway = HttpProvider::gateway(&self.url, Reach::Named, &options()).unwrap();
        Source::new(Arc::new(gateway))
    }

    /// The heads of all requests so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.inner.heads.lock().unwrap().clone()
    }

    /// Bytes of bodies sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.inner.sent.load(Ordering::SeqCst)
    }

    /// Connections that are open.
    pub(crate) fn open(&self) -> usize {
        self.inner.open.load(Ordering::SeqCst)
    }
}

/// Guards that bite within a test's patience.
pub(crate) fn options() -> HttpOptions {
    let pace = Pace { answer: Duration::from_secs(2), rate: 1000, window: Duration::from_millis(700) };
    HttpOptions { pace, ..HttpOptions::default() }
}

impl Inner {
    async fn talk(self: Arc<Self>, stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut stream = BufReader::new(stream);
        loop {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if stream.read_line(&mut head).await? == 0 {
                    return Ok(());
                }
            }
            let path = head.split(' ').nth(1).unwrap_or_default();
            let name = path.strip_prefix("/ipfs/").and_then(|p| p.split(['/', '?']).next());
            let cid = name.and_then(|name| Cid::try_from(name).ok());
            let head = head.to_ascii_lowercase();
            self.heads.lock().unwrap().push(head.clone());
            let before = cid.map_or(0, |cid| {
                let mut asked = self.asked.lock().unwrap();
                let count = asked.entry(cid).or_default();
                *count += 1;
                *count - 1
            });
            let asked = Asked { cid, before, head };
            tokio::time::sleep(self.delay).await;
            let answer = (self.answer)(&asked);
            if !self.give(stream.get_mut(), &asked, answer).await? {
                return Ok(());
            }
        }
    }

    /// Gives false where the connection ends.
    async fn give(&self, to: &mut TcpStream, asked: &Asked, answer: Answer) -> std::io::Result<bool> {
        const RAW: &str = "content-type: application/vnd.ipld.raw\r\n";
        let block = asked.cid.and_then(|cid| self.blocks.get(&cid)).cloned();
        match (answer, block) {
            (Answer::Bytes(bytes), _) => self.send(to, 200, RAW, bytes.len() as u64, &bytes).await?,
            (Answer::Car(car), _) => {
                self.send(to, 200, "content-type: application/vnd.ipld.car\r\n", car.len() as u64, &car).await?;
            }
            (Answer::Status(status, headers, body), _) => {
                self.send(to, status, &headers, body.len() as u64, body.as_bytes()).await?;
            }
            (Answer::Silence, _) => std::future::pending().await,
            (Answer::Endless, _) => {
                to.write_all(format!("HTTP/1.1 200 OK\r\n{RAW}\r\n").as_bytes()).await?;
                loop {
                    self.body(to, &[7; 65_536]).await?;
                }
            }
            (_, None) => self.send(to, 404, "", 0, b"").await?,
            (Answer::Right, Some(block)) => match asked.range() {
                Some(from) if from < block.len() => {
                    let headers = format!("{RAW}content-range: bytes {from}-{}/{}\r\n", block.len() - 1, block.len());
                    let rest = &block[from..];
                    self.send(to, 206, &headers, rest.len() as u64, rest).await?;
                }
                _ => self.send(to, 200, RAW, block.len() as u64, &block).await?,
            },
            (Answer::Late(delay), Some(block)) => {
                tokio::time::sleep(delay).await;
                self.send(to, 200, RAW, block.len() as u64, &block).await?;
            }
            (Answer::CutAt(at), Some(block)) => {
                self.send(to, 200, RAW, block.len() as u64, &block[..at]).await?;
                return Ok(false);
            }
            (Answer::Length(length), Some(block)) => {
                self.send(to, 200, RAW, length, &block).await?;
                return Ok(false);
            }
            (Answer::Drip(every), Some(block)) => {
                self.send(to, 200, RAW, block.len() as u64, b"").await?;
                for byte in &block {
                    self.body(to, &[*byte]).await?;
                    tokio::time::sleep(every).await;
                }
            }
        }
        Ok(true)
    }

    async fn send(
        &self,
        to: &mut TcpStream,
        status: u16,
        headers: &str,
        length: u64,
        body: &[u8],
    ) -> std::io::Result<()> {
        let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n\r\n");
        to.write_all(head.as_bytes()).await?;
        self.body(to, body).await
    }

    async fn body(&self, to: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
        for piece in bytes.chunks(65_536) {
            self.link.take(piece.len()).await;
            to.write_all(piece).await?;
            self.sent.fetch_add(piece.len() as u64, Ordering::SeqCst);
        }
        Ok(())
    }
}
