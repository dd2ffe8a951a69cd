//! What a cell shows, from its frame to an event.

use std::io::{self, Cursor};
use std::sync::Arc;

use pelago_protocol::cells::{CellShown, Content, Place};
use pelago_protocol::packed::Attachment;
use polars::prelude::{DataFrame, IpcStreamReader, IpcStreamWriter, SerReader, SerWriter};

use crate::interpreter::Event;
use pelago_render::{MediaBundle, Shown, Table};

/// The event that a front end gets where its mark stands.
pub(super) fn event(shown: CellShown) -> io::Result<Event> {
    let value = match shown.content {
        Content::Clear { wait } => return Ok(Event::Clear { wait }),
        content => value(content)?,
    };
    Ok(match shown.place {
        Place::Result => Event::Result(value),
        Place::Display { id, update } => Event::Display { shown: value, id, update },
    })
}

fn value(content: Content) -> io::Result<Shown> {
    Ok(match content {
        Content::Table { height, frame, data } => {
            let frame = IpcStreamReader::new(Cursor::new(frame.0)).finish().map_err(io::Error::other)?;
            let data = data.map(|json| serde_json::from_slice(&json.0)).transpose()?.map(Arc::new);
            Shown::Table(Table::with_data(frame, height, data))
        }
        Content::Run { run } => Shown::Run(run),
        Content::Chart { chart } => Shown::Chart(chart),
        Content::Media { bundle } => Shown::Media(MediaBundle(bundle)),
        Content::Text { text } => Shown::Text(text),
        Content::Clear { .. } => Shown::Text(String::new()),
    })
}

/// A DataFrame as Arrow IPC.
pub(super) fn ipc(mut frame: DataFrame) -> io::Result<Attachment> {
    let mut bytes = Vec::new();
    IpcStreamWriter::new(&mut bytes).finish(&mut frame).map_err(io::Error::other)?;
    Ok(Attachment(bytes.into()))
}
