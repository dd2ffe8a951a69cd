//! Rows into their tables. It does not know where they come from.
//!
//! DuckDB plans each `INSERT` of values anew, milliseconds a row of so many
//! columns, so rows are appended to a staging table and move from there at once.

use chrono::SecondsFormat;
use duckdb::{Connection, appender_params_from_iter, types::Value};

use super::columns::{Cell, Kind, Row, Spec, Table};

/// Adds the rows whose key is not there yet.
pub(super) fn insert(connection: &Connection, rows: &[Row]) -> duckdb::Result<()> {
    for table in Table::ALL {
        let of: Vec<&Row> = rows.iter().filter(|row| row.table == table).collect();
        if !of.is_empty() {
            insert_into(connection, table, &of)?;
        }
    }
    Ok(())
}

fn insert_into(connection: &Connection, table: Table, rows: &[&Row]) -> duckdb::Result<()> {
    let columns = table.columns();
    let list = |text: fn(&Spec) -> String| columns.iter().map(text).collect::<Vec<_>>().join(", ");
    let staged = list(|column| format!("{} {}", column.name, staged(column.kind)));
    connection.execute_batch(&format!("CREATE OR REPLACE TEMP TABLE staged ({staged})"))?;
    let mut appender = connection.appender("staged")?;
    for row in rows {
        appender.append_row(appender_params_from_iter(row.cells.iter().map(value)))?;
    }
    appender.flush()?;
    drop(appender);
    let (names, values) = (list(|column| column.name.to_owned()), list(unstaged));
    connection
        .execute_batch(&format!("INSERT OR IGNORE INTO {} ({names}) SELECT {values} FROM staged", table.name()))?;
    connection.execute_batch("DROP TABLE staged")
}

/// The type in the staging table: the appender takes neither lists nor times with a zone.
fn staged(kind: Kind) -> &'static str {
    match kind {
        Kind::Texts | Kind::Time => "VARCHAR",
        kind => kind.sql(),
    }
}

/// From the staging table's form to the value.
fn unstaged(column: &Spec) -> String {
    let name = column.name;
    match column.kind {
        Kind::Texts => format!("list_transform(string_split({name}, ';')[:-2], lambda text: decode(unhex(text)))"),
        kind => format!("{name}::{}", kind.sql()),
    }
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Bool(value) => Value::Boolean(*value),
        Cell::Unsigned(value) => Value::UBigInt(*value),
        Cell::Float(value) => Value::Double(*value),
        Cell::Text(value) => Value::Text(value.clone()),
        // Hexadecimal, so that no text can be taken for the mark that ends each.
        Cell::Texts(values) => Value::Text(values.iter().map(|text| hex(text) + ";").collect()),
        Cell::Time(value) => Value::Text(value.to_rfc3339_opts(SecondsFormat::Micros, true)),
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}
