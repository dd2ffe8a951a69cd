//! DataFrames as Arrow IPC.

use std::io::Cursor;

use pelago_protocol::packed::Attachment;
use polars::prelude::{DataFrame, IpcStreamReader, IpcStreamWriter, SerReader, SerWriter};

use crate::Result;

pub(crate) fn read(frame: &Attachment) -> Result<DataFrame> {
    Ok(IpcStreamReader::new(Cursor::new(&frame.0)).finish()?)
}

pub(crate) fn write(frame: &mut DataFrame) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    IpcStreamWriter::new(&mut bytes).finish(frame)?;
    Ok(bytes)
}
