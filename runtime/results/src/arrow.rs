//! Arrow batches of DuckDB as a DataFrame of Polars. The two hold Arrow in
//! types of their own, so it crosses as bytes of an Arrow IPC stream. What
//! Polars lacks is made into what comes nearest, always the same for the same
//! column type:
//!
//! | DuckDB | DataFrame |
//! | --- | --- |
//! | `HUGEINT` (also `sum` of integers) | `Int64`; `Float64` where a value does not fit |
//! | `DECIMAL` | `Float64` |
//! | `TIME`, `INTERVAL`, `ENUM`, `UUID`, `JSON` | `String` |
//! | `TIMESTAMP WITH TIME ZONE` | `Datetime(us, UTC)` |
//! | `TYPE[n]` | `List` |
//!
//! `MAP` and `UNION` are refused.

use std::{io::Cursor, sync::Arc};

use arrow_ipc::writer::StreamWriter;
use duckdb::arrow::{
    array::{Array, ArrayRef, RecordBatch, RecordBatchOptions},
    compute::{CastOptions, cast_with_options},
    datatypes::{DataType, Field, Fields, Schema, TimeUnit},
};
use polars::prelude::{DataFrame, IpcStreamReader, SerReader};

use super::ResultsError;

/// The DataFrame of all batches; without any, the columns of `schema` and no rows.
///
/// # Errors
/// [`ResultsError::Type`] for a column that has no place in a DataFrame.
pub(super) fn frame(schema: &Schema, batches: impl Iterator<Item = RecordBatch>) -> Result<DataFrame, ResultsError> {
    let batches: Vec<RecordBatch> = batches.collect();
    let mut fields: Vec<Field> = Vec::new();
    for (index, field) in schema.fields().iter().enumerate() {
        let unsupported = || ResultsError::Type { column: field.name().clone(), found: field.data_type().to_string() };
        let mut dtype = nearest(field.data_type(), &DataType::Int64).ok_or_else(unsupported)?;
        if batches.iter().any(|batch| !fits(batch.column(index), &dtype)) {
            dtype = nearest(field.data_type(), &DataType::Float64).ok_or_else(unsupported)?;
        }
        fields.push(Field::new(field.name(), dtype, true));
    }
    let schema = Arc::new(Schema::new(fields));
    let mut bytes = Vec::new();
    let mut writer = StreamWriter::try_new(&mut bytes, &schema)?;
    for batch in &batches {
        let columns = batch.columns().iter().zip(schema.fields());
        let columns = columns.map(|(column, field)| cast(column, field.data_type())).collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        writer.write(&RecordBatch::try_new_with_options(schema.clone(), columns, &options)?)?;
    }
    writer.finish()?;
    drop(writer);
    Ok(IpcStreamReader::new(Cursor::new(bytes)).finish()?)
}

/// The type that a DataFrame can hold, with `whole` for whole numbers of more
/// than 64 bits; `None` where there is none.
fn nearest(dtype: &DataType, whole: &DataType) -> Option<DataType> {
    use DataType as D;
    Some(match dtype {
        D::Null | D::Boolean | D::Int8 | D::Int16 | D::Int32 | D::Int64 => dtype.clone(),
        D::UInt8 | D::UInt16 | D::UInt32 | D::UInt64 | D::Float32 | D::Float64 => dtype.clone(),
        D::Utf8 | D::LargeUtf8 | D::Binary | D::LargeBinary | D::Date32 | D::Duration(_) => dtype.clone(),
        D::Utf8View | D::Time32(_) | D::Time64(_) | D::Interval(_) => D::Utf8,
        D::BinaryView | D::FixedSizeBinary(_) => D::Binary,
        D::Timestamp(unit, zone) => {
            let unit = if *unit == TimeUnit::Second { TimeUnit::Millisecond } else { *unit };
            D::Timestamp(unit, zone.as_ref().map(|_| "UTC".into()))
        }
        // DuckDB gives its HUGEINT as a decimal of all 38 digits.
        D::Decimal128(38, 0) => whole.clone(),
        D::Decimal32(..) | D::Decimal64(..) | D::Decimal128(..) | D::Decimal256(..) => D::Float64,
        D::Dictionary(_, values) => nearest(values, whole)?,
        D::List(item) | D::LargeList(item) | D::FixedSizeList(item, _) => D::LargeList(nearest_field(item, whole)?),
        D::Struct(fields) if !fields.is_empty() => {
            D::Struct(fields.iter().map(|field| nearest_field(field, whole)).collect::<Option<Fields>>()?)
        }
        _ => return None,
    })
}

fn nearest_field(field: &Field, whole: &DataType) -> Option<Arc<Field>> {
    Some(Arc::new(Field::new(field.name(), nearest(field.data_type(), whole)?, true)))
}

fn fits(column: &ArrayRef, dtype: &DataType) -> bool {
    cast(column, dtype).is_ok()
}

fn cast(column: &ArrayRef, dtype: &DataType) -> Result<ArrayRef, duckdb::arrow::error::ArrowError> {
    if column.data_type() == dtype {
        return Ok(column.clone());
    }
    // Not `safe`: a value that does not fit is an error, never a null.
    cast_with_options(column, dtype, &CastOptions { safe: false, ..CastOptions::default() })
}
