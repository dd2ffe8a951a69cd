//! Frames of [`pelago_protocol::cells`], read and written without blocking.

use std::io;

use pelago_protocol::cells::{self, lengths};
use pelago_protocol::packed::Attached;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub(super) async fn read<T: DeserializeOwned + Attached>(from: &mut (impl AsyncRead + Unpin)) -> io::Result<T> {
    let mut head = [0; 16];
    from.read_exact(&mut head).await?;
    let (json, body) = lengths(head)?;
    let mut bytes = Vec::new();
    from.take(json as u64).read_to_end(&mut bytes).await?;
    let mut rest = Vec::new();
    from.take(body as u64).read_to_end(&mut rest).await?;
    if rest.len() != body {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    cells::decode(&bytes, rest.into())
}

pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin), value: &(impl Serialize + Attached)) -> io::Result<()> {
    let mut frame = Vec::new();
    cells::write_frame(&mut frame, value)?;
    to.write_all(&frame).await?;
    to.flush().await
}
