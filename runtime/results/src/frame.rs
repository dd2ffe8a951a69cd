//! Records as a DataFrame, without a database: the same columns and types that
//! the database gives back.

use chrono::{DateTime, Utc};
use pelago_protocol::MeasuredRun;
use polars::prelude::{
    BooleanChunked, Column as Series, DataFrame, DataType, Float64Chunked, Int64Chunked, IntoSeries, ListBuilderTrait,
    ListStringChunkedBuilder, NewChunkedArray, PolarsError, StringChunked, TimeUnit, TimeZone, UInt64Chunked,
};

use super::{
    ResultsError,
    columns::{Cell, Column as Described, Kind, cells},
};

/// One row a record, in their order; the columns are those of all lists.
pub(super) fn frame<R>(lists: &[&[Described<R>]], records: &[R]) -> Result<DataFrame, ResultsError> {
    let of = |record: &R| lists.iter().flat_map(|columns| cells(columns, record)).collect();
    let rows: Vec<Vec<Cell>> = records.iter().map(of).collect();
    let columns = lists.iter().copied().flatten().enumerate().map(|(index, column)| {
        let cells: Vec<&Cell> = rows.iter().map(|row| &row[index]).collect();
        series(column.spec.name, column.spec.kind, &cells)
    });
    Ok(DataFrame::new(records.len(), columns.collect::<Result<_, _>>()?)?)
}

fn series(name: &str, kind: Kind, cells: &[&Cell]) -> Result<Series, ResultsError> {
    let cells = cells.iter().copied();
    let name = name.into();
    let unsigned =
        |name, cells| UInt64Chunked::from_iter_options(name, Iterator::map(cells, as_unsigned)).into_series();
    let series = match kind {
        Kind::Bool => BooleanChunked::from_iter_options(name, cells.map(as_bool)).into_series(),
        Kind::U8 => unsigned(name, cells).cast(&DataType::UInt8)?,
        Kind::U32 => unsigned(name, cells).cast(&DataType::UInt32)?,
        Kind::U64 => unsigned(name, cells),
        Kind::Float => Float64Chunked::from_iter_options(name, cells.map(as_float)).into_series(),
        Kind::Text => StringChunked::from_iter_options(name, cells.map(as_text)).into_series(),
        Kind::Time => {
            let micros = cells.map(|cell| as_time(cell).map(|time| time.timestamp_micros()));
            let chunked = Int64Chunked::from_iter_options(name, micros);
            chunked.into_datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)).into_series()
        }
        Kind::Texts => {
            let mut builder = ListStringChunkedBuilder::new(name, cells.len(), 0);
            for cell in cells {
                match cell {
                    Cell::Texts(texts) => builder.append_values_iter(texts.iter().map(String::as_str)),
                    _ => builder.append_null(),
                }
            }
            builder.finish().into_series()
        }
    };
    Ok(series.into())
}

fn as_bool(cell: &Cell) -> Option<bool> {
    if let Cell::Bool(value) = cell { Some(*value) } else { None }
}

fn as_unsigned(cell: &Cell) -> Option<u64> {
    if let Cell::Unsigned(value) = cell { Some(*value) } else { None }
}

fn as_float(cell: &Cell) -> Option<f64> {
    if let Cell::Float(value) = cell { Some(*value) } else { None }
}

fn as_text(cell: &Cell) -> Option<&str> {
    if let Cell::Text(value) = cell { Some(value) } else { None }
}

fn as_time(cell: &Cell) -> Option<DateTime<Utc>> {
    if let Cell::Time(value) = cell { Some(*value) } else { None }
}

/// Warm runs of a history, in its order. A row that lacks what is needed is left out.
pub(super) fn measured(history: &DataFrame) -> Result<Vec<MeasuredRun>, PolarsError> {
    let text = |name: &str| history.column(name).and_then(|found| found.str().cloned());
    let flag = |name: &str| history.column(name).and_then(|found| found.bool().cloned());
    let number = |name: &str| history.column(name).and_then(|found| found.u64().cloned());
    let (products, versions, platforms) = (text("browser_product")?, text("browser_version")?, text("platform")?);
    let (warm, mixed, precisions) = (flag("warm")?, flag("mixed_precision")?, history.column("precision")?.u8()?);
    let (batches, tokens, seconds) =
        (number("batch_size")?, number("tokens")?, history.column("processing_time")?.f64()?);
    let run = |row: usize| {
        warm.get(row).filter(|warm| *warm)?;
        Some(MeasuredRun {
            product: products.get(row)?.to_owned(),
            version: versions.get(row)?.to_owned(),
            platform: platforms.get(row)?.parse().ok()?,
            precision: precisions.get(row)?.try_into().ok()?,
            mixed_precision: mixed.get(row)?,
            batch_size: batches.get(row)?,
            tokens: tokens.get(row),
            seconds: seconds.get(row)?,
        })
    };
    Ok((0..history.height()).filter_map(run).collect())
}
