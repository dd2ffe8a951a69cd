//! Hosts with a network of their own, behind links that are slow, far or lossy.
//!
//! A host is a thread in its own network namespace, with the kernel's TCP and a
//! TUN device. What it sends comes out of the device, waits here for as long as
//! its link and that of the receiver say, and goes into the receiver's device.
//! So a link's rate, latency and loss need no queueing discipline that a kernel
//! may lack, only namespaces and TUN.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// How a host is reached.
#[derive(Clone, Copy)]
pub(crate) struct Link {
    /// Bytes a second that the host can send.
    pub(crate) rate: f64,
    /// From the host to the others, and back.
    pub(crate) latency: Duration,
    /// Of a thousand packets that it sends, so many are lost.
    pub(crate) loss: u64,
}

/// A queue in front of a link holds what it sends in this time.
const QUEUE: Duration = Duration::from_millis(200);
/// Ethernet's.
const MTU: usize = 1500;

struct Host {
    address: Ipv4Addr,
    link: Link,
    device: File,
    cut: AtomicBool,
    /// When what is queued is sent, and the state of the dice.
    sender: Mutex<(Instant, u64)>,
}

/// A packet under way: when it arrives, a number that keeps the order, to whom, and its bytes.
type Packet = (Reverse<Instant>, Reverse<u64>, usize, Vec<u8>);

#[derive(Default)]
struct Wire {
    under_way: Mutex<(BinaryHeap<Packet>, u64)>,
    more: Condvar,
}

/// The hosts, and what is between them.
pub(crate) struct Net {
    hosts: Vec<Arc<Host>>,
}

/// A host's place in a [`Net`], for the thread that is to be the host.
pub(crate) struct Seat(File);

impl Net {
    /// Sets up one thread for each host with what it is to do there. `run` is told the host's number and address.
    pub(crate) fn new<T: Send + 'static>(
        links: &[Link],
        run: impl Fn(usize, Ipv4Addr) -> T + Clone + Send + 'static,
    ) -> (Self, Vec<std::thread::JoinHandle<T>>) {
        let (mut hosts, mut threads) = (Vec::new(), Vec::new());
        for (n, link) in links.iter().enumerate() {
            let address = Ipv4Addr::new(10, 77, 0, 1 + n as u8);
            let (seat, seated) = std::sync::mpsc::channel();
            let (go, gone) = std::sync::mpsc::channel::<()>();
            let run = run.clone();
            threads.push(std::thread::spawn(move || {
                seat.send(Seat::take(address)).unwrap();
                // Nothing is sent before every host is there.
                let _ = gone.recv();
                run(n, address)
            }));
            let Seat(device) = seated.recv().unwrap();
            let sender = Mutex::new((Instant::now(), n as u64 + 1));
            hosts.push((Host { address, link: *link, device, cut: AtomicBool::new(false), sender }, go));
        }
        let (hosts, starts): (Vec<_>, Vec<_>) = hosts.into_iter().map(|(host, go)| (Arc::new(host), go)).unzip();
        let wire = Arc::new(Wire::default());
        for n in 0..hosts.len() {
            let (hosts, wire) = (hosts.clone(), wire.clone());
            std::thread::spawn(move || send(n, &hosts, &wire));
        }
        let receivers = hosts.clone();
        std::thread::spawn(move || deliver(&receivers, &wire));
        drop(starts);
        (Self { hosts }, threads)
    }

    /// A handle that cuts a host off: nothing reaches it, and nothing that it sends arrives.
    pub(crate) fn cut(&self, host: usize) -> impl Fn() + Send + Sync + use<> {
        let host = self.hosts[host].clone();
        move || host.cut.store(true, Ordering::SeqCst)
    }
}

/// Takes packets from a host's device, and gives them the time at which they arrive.
fn send(from: usize, hosts: &[Arc<Host>], wire: &Wire) {
    let host = &hosts[from];
    let mut buffer = vec![0; MTU];
    while let Ok(length @ 20..) = (&host.device).read(&mut buffer) {
        let packet = &buffer[..length];
        let target = Ipv4Addr::new(packet[16], packet[17], packet[18], packet[19]);
        let Some(to) = hosts.iter().position(|host| host.address == target) else { continue };
        if host.cut.load(Ordering::SeqCst) || hosts[to].cut.load(Ordering::SeqCst) {
            continue;
        }
        let now = Instant::now();
        let mut sender = host.sender.lock().unwrap();
        let (free, dice) = &mut *sender;
        // xorshift: the same losses in every run.
        *dice ^= *dice << 13;
        *dice ^= *dice >> 7;
        *dice ^= *dice << 17;
        if *free > now + QUEUE || *dice % 1000 < host.link.loss {
            continue;
        }
        *free = (*free).max(now) + Duration::from_secs_f64(length as f64 / host.link.rate);
        let arrives = *free + host.link.latency + hosts[to].link.latency;
        drop(sender);
        let mut under_way = wire.under_way.lock().unwrap();
        under_way.1 += 1;
        let number = under_way.1;
        under_way.0.push((Reverse(arrives), Reverse(number), to, packet.to_vec()));
        wire.more.notify_one();
    }
}

/// Hands packets over when they are due.
fn deliver(hosts: &[Arc<Host>], wire: &Wire) {
    let mut under_way = wire.under_way.lock().unwrap();
    loop {
        let wait = match under_way.0.peek() {
            Some((Reverse(due), ..)) => due.saturating_duration_since(Instant::now()),
            None => Duration::from_secs(3600),
        };
        if !wait.is_zero() {
            under_way = wire.more.wait_timeout(under_way, wait).unwrap().0;
            continue;
        }
        if let Some((.., to, packet)) = under_way.0.pop() {
            // A device whose queue is full drops the packet, as a network does.
            let _ = (&hosts[to].device).write(&packet);
        }
    }
}

impl Seat {
    /// Gives this thread a network of its own, with one device of this address.
    fn take(address: Ipv4Addr) -> Self {
        // SAFETY: it touches this thread's own namespace, and no memory.
        let unshared = unsafe { libc::unshare(libc::CLONE_NEWNET) };
        assert_eq!(unshared, 0, "a network namespace: {}", std::io::Error::last_os_error());
        let device = File::options().read(true).write(true).open("/dev/net/tun").unwrap();
        // SAFETY: zeroes are a valid `ifreq`.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        for (to, from) in request.ifr_name.iter_mut().zip(b"link0") {
            *to = *from as libc::c_char;
        }
        request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
        // SAFETY: the file is open, and the request is of the type that this call reads.
        let set = unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF, &request) };
        assert_eq!(set, 0, "a TUN device: {}", std::io::Error::last_os_error());
        // A child is in the namespaces of the thread that starts it.
        let ip = |args: &str| {
            let status = Command::new("ip").args(args.split(' ')).status().expect("`ip`, of the package iproute2");
            assert!(status.success(), "ip {args}");
        };
        ip("link set lo up");
        ip(&format!("address add {address}/24 dev link0"));
        ip(&format!("link set link0 mtu {MTU} up"));
        Self(device)
    }
}
