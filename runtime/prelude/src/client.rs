//! One call, one connection to the session.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;

use pelago_protocol::cells::{self, Call, Opening, Reply};
use pelago_protocol::{Input, TensorHeader};

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
pub(crate) fn connect(call: Call, body: &[u8]) -> io::Result<UnixStream> {
    let address = address()?;
    let mut stream = UnixStream::connect(&address.path)?;
    cells::write_frame(&mut stream, &Opening { token: address.token.clone(), call }, body)?;
    Ok(stream)
}

/// Asks and waits for the answer. An interrupt ends the call on the session's side.
pub(crate) fn ask(call: Call, body: &[u8]) -> Result<(Reply, Vec<u8>), Error> {
    let answer = connect(call, body).and_then(|mut stream| cells::read_frame(&mut stream));
    match answer.map_err(|error| Error::lost(&error))? {
        (Reply::Failed { failure }, _) => Err(failure.into()),
        answered => Ok(answered),
    }
}

/// Takes the tensors of an input, which travel in the body.
pub(crate) fn tensors(input: &mut Option<Input>) -> (Option<Vec<TensorHeader>>, Vec<u8>) {
    let Some(Input::Tensors(tensors)) = input else { return (None, Vec::new()) };
    let (headers, body) = cells::pack(tensors);
    *input = None;
    (Some(headers), body)
}
