//! A warm model over the gateway, beside the same file from nginx.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pelago_figures::stats::{Sample, ratio};
use pelago_figures::table::{Table, number};
use pelago_figures::verdict::Verdict;

use crate::Failure;
use crate::lab::{Lab, role, text};

/// Turns that count; one before them warms up.
const TURNS: usize = 7;
const WANTED: f64 = 0.8;
/// What a client reads at a time, bytes.
const PIECE: usize = 256 << 10;

/// A client that reads answers as fast as the socket gives them and throws them away, without a library's own costs.
pub(crate) struct Drain {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Drain {
    pub(crate) fn new(address: &str) -> Result<Self, Failure> {
        let socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self { socket, buffer: vec![0; PIECE] })
    }

    /// Reads an answer of at least so many bytes to its end; MB/s of these bytes.
    pub(crate) fn read(mut self, path: &str, bytes: u64) -> Result<f64, Failure> {
        let start = Instant::now();
        let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n");
        self.socket.write_all(request.as_bytes())?;
        let mut read = self.socket.read(&mut self.buffer)?;
        if !self.buffer[..read].starts_with(b"HTTP/1.1 200") {
            return Err(String::from_utf8_lossy(&self.buffer[..read.min(200)]).into());
        }
        let mut all = 0;
        while read > 0 {
            all += read as u64;
            read = self.socket.read(&mut self.buffer)?;
        }
        if all < bytes {
            return Err(format!("{bytes} bytes were expected, {all} came").into());
        }
        Ok(bytes as f64 / 1e6 / start.elapsed().as_secs_f64())
    }
}

/// An nginx of our own that serves a folder.
pub(crate) struct Nginx {
    child: Child,
    address: String,
}

impl Nginx {
    /// None where `PELAGO_BENCH_NGINX` names none.
    pub(crate) fn start(lab: &Lab, folder: &Path) -> Result<Option<Self>, Failure> {
        let Some(program) = std::env::var_os("PELAGO_BENCH_NGINX").map(PathBuf::from) else { return Ok(None) };
        // Free a moment ago; nginx cannot be asked for any free port.
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let work = lab.fresh("nginx")?;
        std::fs::create_dir(&work)?;
        let configuration = format!(
            "daemon off; master_process off; pid {work}/pid; error_log {work}/error.log;
            events {{ worker_connections 64; }}
            http {{
                access_log off; sendfile on; tcp_nopush on; default_type application/octet-stream;
                client_body_temp_path {work}/a; proxy_temp_path {work}/b; fastcgi_temp_path {work}/c;
                uwsgi_temp_path {work}/d; scgi_temp_path {work}/e;
                server {{ listen 127.0.0.1:{port}; root {root}; }}
            }}",
            work = work.display(),
            root = folder.display(),
        );
        let path = work.join("nginx.conf");
        std::fs::write(&path, configuration)?;
        let mut command = Command::new(program);
        command.arg("-e").arg(work.join("start.log")).arg("-p").arg(&work).arg("-c").arg(&path);
        let child = command.stdin(Stdio::null()).spawn()?;
        let nginx = Self { child, address: format!("127.0.0.1:{port}") };
        let start = Instant::now();
        while TcpStream::connect(&nginx.address).is_err() {
            if start.elapsed() > Duration::from_secs(5) {
                return Err(
                    format!("nginx does not answer: {}", std::fs::read_to_string(work.join("start.log"))?).into()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Some(nginx))
    }

    /// MB/s of one answer.
    pub(crate) fn read(&self, path: &str, bytes: u64) -> Result<f64, Failure> {
        Drain::new(&self.address)?.read(path, bytes)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn run(lab: &Lab) -> Result<Vec<Verdict>, Failure> {
    let bytes = lab.mib << 20;
    let (store, root) = lab.store(lab.mib)?;
    let nginx = Nginx::start(lab, &lab.source(lab.mib)?)?;
    let mut server = role(&["serve", &text(&store), "0"])?;
    let address: String = server.says()?;
    let path = format!("/ipfs/{root}/weights?format=car&car-dups=y");
    let (mut gateway, mut raw) = (Sample::default(), Sample::default());
    let first = Drain::new(&address)?.read(&path, bytes)?;
    for turn in 0..=TURNS {
        let served = Drain::new(&address)?.read(&path, bytes)?;
        let plain = nginx.as_ref().map(|nginx| nginx.read("/weights", bytes)).transpose()?;
        if turn > 0 {
            gateway.0.push(served);
            raw.0.extend(plain);
        }
    }
    let mut table = Table::new(&["what", "n", "MB/s p50", "least", "most"]);
    table.row(["gateway, the first time: each block is hashed".to_owned(), "1".to_owned(), number(first)]);
    for (name, rates) in [("gateway, again", &gateway), ("nginx, the file itself", &raw)] {
        let figures = [rates.p50(), rates.min(), rates.quantile(1.0)].map(number);
        table.row([name.to_owned(), rates.0.len().to_string()].into_iter().chain(figures));
    }
    table.print(&format!("{} MiB in one answer over one connection, to a client that throws it away", lab.mib));
    if nginx.is_none() {
        return Err("there is no nginx to compare with: name one in PELAGO_BENCH_NGINX".into());
    }
    let (share, [low, high]) = ratio(&gateway, &raw);
    let found = format!("{} ({}…{})", number(share), number(low), number(high));
    Ok(vec![Verdict::new("a warm model over the gateway, to nginx", format!("≥ {WANTED}"), found, share >= WANTED)])
}
