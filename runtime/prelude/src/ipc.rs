//! DataFrames as Arrow IPC.

use std::io::Cursor;

use polars::prelude::{DataFrame, IpcStreamReader, IpcStreamWriter, SerReader, SerWriter};

use crate::Result;

pub(crate) fn read(bytes: &[u8]) -> Result<DataFrame> {
    Ok(IpcStreamReader::new(Cursor::new(bytes)).finish()?)
}

pub(crate) fn write(frame: &mut DataFrame) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    IpcStreamWriter::new(&mut bytes).finish(frame)?;
    Ok(bytes)
}
