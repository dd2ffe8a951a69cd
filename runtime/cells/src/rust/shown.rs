//! What a cell shows, from its frame to an event.

use std::io::{self, Cursor};
use std::sync::Arc;

use pelago_protocol::cells::{self, CellShown, Content, Place};
use polars::prelude::{DataFrame, IpcStreamReader, IpcStreamWriter, SerReader, SerWriter};

use crate::interpreter::Event;
use pelago_protocol::{Output, Run};
use pelago_render::{MediaBundle, Shown, Table};

/// The event that a front end gets where its mark stands.
pub(super) fn event(shown: CellShown, body: &[u8]) -> io::Result<Event> {
    let value = match shown.content {
        Content::Clear { wait } => return Ok(Event::Clear { wait }),
        content => value(content, body)?,
    };
    Ok(match shown.place {
        Place::Result => Event::Result(value),
        Place::Display { id, update } => Event::Display { shown: value, id, update },
    })
}

fn value(content: Content, body: &[u8]) -> io::Result<Shown> {
    Ok(match content {
        Content::Table { height, frame } => {
            let short = || io::Error::new(io::ErrorKind::UnexpectedEof, "a table without its rows");
            let (rows, data) = body.split_at_checked(frame).ok_or_else(short)?;
            let frame = IpcStreamReader::new(Cursor::new(rows)).finish().map_err(io::Error::other)?;
            let data = if data.is_empty() { None } else { Some(Arc::new(serde_json::from_slice(data)?)) };
            Shown::Table(Table::with_data(frame, height, data))
        }
        Content::Run { report, tensors, is_embedding } => {
            let tensors = cells::unpack(&tensors, body)?;
            let shape = tensors.first().map(|tensor| <[usize; 2]>::try_from(tensor.shape.as_slice()));
            let output = match (tensors.first(), shape) {
                (Some(tensor), Some(Ok(shape))) if is_embedding => {
                    Output::Embeddings { shape, values: tensor.to_f32().map_err(io::Error::other)? }
                }
                _ => Output::Tensors(tensors),
            };
            Shown::Run(Box::new(Run { report: *report, output }))
        }
        Content::Chart { chart } => Shown::Chart(chart),
        Content::Media { bundle } => Shown::Media(MediaBundle(bundle)),
        Content::Text { text } => Shown::Text(text),
        Content::Clear { .. } => Shown::Text(String::new()),
    })
}

/// A DataFrame as Arrow IPC.
pub(super) fn ipc(mut frame: DataFrame) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    IpcStreamWriter::new(&mut bytes).finish(&mut frame).map_err(io::Error::other)?;
    Ok(bytes)
}
