//! The connections of the cells' process to its session.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use pelago_protocol::cells::{self, Call, Notice, Opening, Order, SOCKET_VARIABLE, TOKEN_VARIABLE};
use serde::Serialize;

/// Whether the user interrupted the cell that runs.
pub(super) static INTERRUPTED: AtomicBool = AtomicBool::new(false);
/// The connection that [`Notice`]s go over.
static CONTROL: OnceLock<Mutex<UnixStream>> = OnceLock::new();

fn variable(name: &str) -> io::Result<String> {
    std::env::var(name).map_err(|error| io::Error::new(io::ErrorKind::NotConnected, format!("{name}: {error}")))
}

/// What proves that this process belongs to its session.
pub(super) fn token() -> io::Result<String> {
    variable(TOKEN_VARIABLE)
}

/// The path of the session's socket.
pub(super) fn address() -> io::Result<String> {
    variable(SOCKET_VARIABLE)
}

/// Opens a connection for one purpose.
pub(super) fn connect(call: Call) -> io::Result<UnixStream> {
    let mut stream = UnixStream::connect(address()?)?;
    cells::write_frame(&mut stream, &Opening { token: token()?, call })?;
    Ok(stream)
}

/// Opens the connection of notices and orders.
pub(super) fn open() -> io::Result<()> {
    let stream = connect(Call::Control)?;
    let orders = stream.try_clone()?;
    let _ = CONTROL.set(Mutex::new(stream));
    std::thread::Builder::new().name("pelago-orders".to_owned()).spawn(move || obey(orders))?;
    Ok(())
}

/// Follows the session's orders until it is gone, and ends with it: a cell whose
/// kernel was killed has nobody left to answer to.
fn obey(mut orders: UnixStream) {
    while let Ok(order) = cells::read_frame::<Order>(&mut orders) {
        match order {
            Order::Interrupt => INTERRUPTED.store(true, Ordering::Relaxed),
        }
    }
    std::process::exit(0);
}

/// Tells the session.
pub(super) fn tell(notice: &Notice) {
    send(notice, &[]);
}

/// Tells the session something whose body is made already.
pub(super) fn send(notice: &impl Serialize, body: &[u8]) {
    let Some(control) = CONTROL.get() else { return };
    let mut control = control.lock().unwrap_or_else(PoisonError::into_inner);
    // A session that is gone ends this process by `obey`.
    let _ = cells::write_packed(&mut *control, notice, body);
}
