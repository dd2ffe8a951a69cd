//! One row as one line of a journal: JSON with the table's name and the row's columns by name. It
//! does not know files.
//!
//! Floats are written as strings: JSON has neither NaN nor infinities, and its
//! parsers may round the last digit of a number.

use chrono::SecondsFormat;
use serde_json::{Map, Value, json};

use super::{
    columns::{Cell, Kind, Row, Table, time},
    schema::VERSION,
};

/// What a whole line turned out to be.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// A row, and the version that wrote it.
    Row(Row, u64),
    /// Written by a newer Pelago.
    Newer(u64),
    /// Not a line of a journal.
    Damaged,
}

/// The line of a row, its end included.
pub(super) fn write(row: &Row) -> Vec<u8> {
    let columns = row.table.columns();
    let values: Map<String, Value> =
        columns.iter().zip(&row.cells).map(|(column, cell)| (column.name.to_owned(), value(cell))).collect();
    let mut line = json!({ "version": VERSION, "table": row.table.name(), "row": values }).to_string().into_bytes();
    line.push(b'\n');
    line
}

/// Reads a line, without its end.
pub(super) fn read(line: &[u8]) -> Line {
    let Ok(line) = serde_json::from_slice::<Value>(line) else { return Line::Damaged };
    let Some(version) = line["version"].as_u64() else { return Line::Damaged };
    if version > VERSION {
        return Line::Newer(version);
    }
    // Lines of version 1 are all of runs, and do not say so.
    let name = line.get("table").map_or(Some("runs"), Value::as_str);
    let Some(table) = Table::ALL.into_iter().find(|table| Some(table.name()) == name) else { return Line::Damaged };
    let Some(row) = line["row"].as_object() else { return Line::Damaged };
    // A column that an older line lacks is null.
    let columns = table.columns();
    let cells = columns.iter().map(|column| cell(column.kind, row.get(column.name).unwrap_or(&Value::Null)));
    match cells.collect::<Option<Vec<_>>>() {
        Some(cells) if matches!(cells[0], Cell::Text(_)) => Line::Row(Row { table, cells }, version),
        _ => Line::Damaged,
    }
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Bool(value) => json!(value),
        Cell::Unsigned(value) => json!(value),
        Cell::Float(value) => json!(value.to_string()),
        Cell::Text(value) => json!(value),
        Cell::Texts(values) => json!(values),
        Cell::Time(value) => json!(value.to_rfc3339_opts(SecondsFormat::Micros, true)),
    }
}

fn cell(kind: Kind, value: &Value) -> Option<Cell> {
    if value.is_null() {
        return Some(Cell::Null);
    }
    Some(match kind {
        Kind::Bool => Cell::Bool(value.as_bool()?),
        Kind::U8 => Cell::Unsigned(u8::try_from(value.as_u64()?).ok()?.into()),
        Kind::U32 => Cell::Unsigned(u32::try_from(value.as_u64()?).ok()?.into()),
        Kind::U64 => Cell::Unsigned(value.as_u64()?),
        Kind::Float => Cell::Float(value.as_str()?.parse().ok()?),
        Kind::Text => Cell::Text(value.as_str()?.to_owned()),
        Kind::Texts => {
            Cell::Texts(value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect::<Option<_>>()?)
        }
        Kind::Time => Cell::Time(time(value.as_str()?)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_come_back_to_the_last_bit() {
        for float in [0.1 + 0.2, 5e-324, f64::MAX, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let Some(Cell::Float(back)) = cell(Kind::Float, &value(&Cell::Float(float))) else { panic!("{float}") };
            assert_eq!(back.to_bits(), float.to_bits(), "{float}");
        }
    }

    #[test]
    fn what_is_not_a_line_is_damaged_and_a_newer_one_is_told_apart() {
        for line in
            ["", "{", "\0\0\0", "[]", "{\"version\":1}", "{\"version\":1,\"row\":{}}", "{\"row\":{\"run_id\":\"a\"}}"]
        {
            assert_eq!(read(line.as_bytes()), Line::Damaged, "{line}");
        }
        assert_eq!(read(b"{\"version\":1,\"row\":{\"run_id\":\"a\",\"threads\":-1}}"), Line::Damaged);
        assert_eq!(read(b"{\"version\":9,\"rows\":[]}"), Line::Newer(9));
        let Line::Row(row, 1) = read(b"{\"version\":1,\"row\":{\"run_id\":\"a\"}}") else { panic!("an older line") };
        assert_eq!((row.table, row.cells.len()), (Table::Runs, Table::Runs.columns().len()));
        assert_eq!(read(b"{\"version\":2,\"table\":\"laps\",\"row\":{\"run_id\":\"a\"}}"), Line::Damaged);
    }
}
