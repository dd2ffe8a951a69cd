//! One call, one connection to the session.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;

use pelago_protocol::cells::{self, Call, Opening, Reply};

use crate::Error;

/// Where the session listens and what proves that this process belongs to it.
#[derive(Debug)]
struct Address {
    path: String,
    token: String,
}

/// The address that this process was started with.
fn address() -> io::Result<&'static Address> {
    static ADDRESS: OnceLock<Option<Address>> = OnceLock::new();
    let found = ADDRESS.get_or_init(|| {
        let of = |name| std::env::var(name).ok();
        Some(Address { path: of(cells::SOCKET_VARIABLE)?, token: of(cells::TOKEN_VARIABLE)? })
    });
    found.as_ref().ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::NotConnected,
            "this process is not one of a Pelago kernel, terminal or notebook run",
        )
    })
}

/// Opens a connection for one purpose.
pub(crate) fn connect(call: Call) -> io::Result<UnixStream> {
    let address = address()?;
    let mut stream = UnixStream::connect(&address.path)?;
    cells::write_frame(&mut stream, &Opening { token: address.token.clone(), call })?;
    Ok(stream)
}

/// Asks and waits for the answer. An interrupt ends the call on the session's side.
pub(crate) fn ask(call: Call) -> Result<Reply, Error> {
    let answer = connect(call).and_then(|mut stream| cells::read_frame(&mut stream));
    match answer.map_err(|error| Error::lost(&error))? {
        Reply::Failed { failure } => Err(failure.into()),
        answered => Ok(answered),
    }
}
