//! A table as data, for a program that compares it later: columns with their types,
//! and every value in its exact text.
//!
//! Of a table that is too large for that, a digest of each column and the rows at
//! both ends. Which of the two it is depends on the shape and on the length of
//! texts, never on the digits of a number: a measured table that is run again has
//! the same form.

use polars::prelude::{AnyValue, DataFrame, DataType, Series};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::text::within;
use crate::{ROWS, ends};

/// The MIME type of [`Data`] as JSON.
pub const MIME: &str = "application/vnd.pelago.table+json";
/// The form of [`Data`].
pub const VERSION: u32 = 1;
/// Values of a table that are kept one by one.
pub const VALUES: usize = 100_000;
/// Bytes of them; a number, a date or a time counts as [`FIXED`].
pub const BYTES: usize = 2_000_000;
/// Columns of a table that is kept at all.
pub const COLUMNS: usize = 10_000;

/// What a value counts whose text is never long.
const FIXED: usize = 20;

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Data {
    /// [`VERSION`].
    pub version: u32,
    /// Rows of the whole table.
    pub height: usize,
    /// Its columns.
    pub columns: Vec<Column>,
    /// One text a row, as PostgreSQL's `COPY` writes it: values apart by tabs, `\N` for null, and `\\`, `\t`, `\n` and
    /// `\r` for these characters. All rows; where columns have digests, the first and the last.
    pub rows: Vec<String>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type as Polars writes it, with the fields of a struct.
    pub dtype: String,
    /// Where not all rows are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

impl Data {
    /// Of a frame; none where it has more than [`COLUMNS`].
    #[must_use]
    pub fn of(frame: &DataFrame) -> Option<Self> {
        if frame.width() > COLUMNS {
            return None;
        }
        let is_small = frame.height().saturating_mul(frame.width().max(1)) <= VALUES;
        let all = if is_small { rows(frame) } else { None };
        let is_whole = all.is_some();
        let columns = frame.columns().iter().map(|column| Column {
            name: column.name().to_string(),
            dtype: type_name(column.dtype()),
            digest: (!is_whole).then(|| Digest::of(column.as_materialized_series())),
        });
        let columns = columns.collect();
        let rows = all.or_else(|| (frame.width() * ROWS <= VALUES).then(|| rows(&ends(frame)))?);
        Some(Self { version: VERSION, height: frame.height(), columns, rows: rows.unwrap_or_default() })
    }

    /// Whether it has digests in place of some rows.
    #[must_use]
    pub fn is_digest(&self) -> bool {
        self.columns.iter().any(|column| column.digest.is_some())
    }

    /// The values of each kept row, with its number from 0. A value that is null is none.
    pub fn values(&self) -> impl Iterator<Item = (usize, Vec<Option<String>>)> {
        let kept = self.rows.len();
        let number = move |index: usize| {
            if index < kept / 2 || kept >= self.height { index } else { self.height - (kept - index) }
        };
        self.rows.iter().enumerate().map(move |(index, row)| {
            let values = row.split('\t').map(read);
            (number(index), values.take(self.columns.len()).collect())
        })
    }
}

/// The name of a type with all that makes it differ from another.
fn type_name(dtype: &DataType) -> String {
    match dtype {
        DataType::List(inner) => format!("list[{}]", type_name(inner)),
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|field| format!("{}: {}", field.name(), type_name(field.dtype())));
            format!("struct[{}]", fields.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// All rows; none where they take more than [`BYTES`].
fn rows(frame: &DataFrame) -> Option<Vec<String>> {
    let series: Vec<Series> = frame.columns().iter().map(|column| column.as_materialized_series().rechunk()).collect();
    let mut columns: Vec<_> = series.iter().map(Series::iter).collect();
    let mut room = BYTES;
    let mut rows = Vec::with_capacity(frame.height());
    for _ in 0..frame.height() {
        let mut row = String::new();
        for (index, values) in columns.iter_mut().enumerate() {
            if index > 0 {
                row.push('\t');
            }
            let value = values.next().unwrap_or(AnyValue::Null);
            let length = write(&mut row, &value, room);
            room = room.checked_sub(if is_long(&value) { length } else { FIXED })?;
        }
        rows.push(row);
    }
    Some(rows)
}

/// Whether the length of a value's text says something about the table, and not about digits.
fn is_long(value: &AnyValue<'_>) -> bool {
    value.get_str().is_some()
        || matches!(
            value,
            AnyValue::Binary(_)
                | AnyValue::BinaryOwned(_)
                | AnyValue::List(_)
                | AnyValue::Struct(..)
                | AnyValue::StructOwned(_)
        )
}

/// Writes a value where it takes no more than `room`, and gives its length.
fn write(row: &mut String, value: &AnyValue<'_>, room: usize) -> usize {
    if let Some(text) = value.get_str() {
        if text.len() <= room {
            escape(row, text);
        }
        return text.len();
    }
    let Some(text) = within(value, room.saturating_add(1)) else {
        row.push_str(NULL);
        return 0;
    };
    escape(row, &text);
    text.len()
}

const NULL: &str = "\\N";

fn escape(row: &mut String, text: &str) {
    if !text.contains(['\\', '\t', '\n', '\r']) {
        return row.push_str(text);
    }
    for letter in text.chars() {
        match letter {
            '\\' => row.push_str("\\\\"),
            '\t' => row.push_str("\\t"),
            '\n' => row.push_str("\\n"),
            '\r' => row.push_str("\\r"),
            other => row.push(other),
        }
    }
}

fn read(field: &str) -> Option<String> {
    if field == NULL {
        return None;
    }
    let mut text = String::with_capacity(field.len());
    let mut letters = field.chars();
    while let Some(letter) = letters.next() {
        let escaped = if letter == '\\' { letters.next() } else { None };
        text.push(match escaped {
            Some('t') => '\t',
            Some('n') => '\n',
            Some('r') => '\r',
            Some(other) => other,
            None => letter,
        });
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use polars::df;
    use polars::prelude::*;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_small_table_is_kept_whole() {
        let frame = df!(
            "f" => [Some(1.0), None, Some(f64::NAN), Some(-0.0)],
            "s" => [Some("a\tb\\"), Some("null"), None, Some("")],
        );
        let data = Data::of(&frame.unwrap()).unwrap();
        expect![[r#"
            {
              "version": 1,
              "height": 4,
              "columns": [
                {
                  "name": "f",
                  "dtype": "f64"
                },
                {
                  "name": "s",
                  "dtype": "str"
                }
              ],
              "rows": [
                "1.0\ta\\tb\\\\",
                "\\N\tnull",
                "NaN\t\\N",
                "-0.0\t"
              ]
            }"#]]
        .assert_eq(&serde_json::to_string_pretty(&data).unwrap());
        let values: Vec<_> = data.values().map(|(row, mut values)| (row, values.remove(1))).collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(values, [(0, text("a\tb\\")), (1, text("null")), (2, None), (3, text(""))]);
    }

    #[test]
    fn a_large_table_is_kept_by_digests_and_its_ends() {
        let frame = df!("n" => (0..100_001).collect::<Vec<i64>>()).unwrap();
        let data = Data::of(&frame).unwrap();
        assert!(data.is_digest() && data.rows.len() == ROWS);
        let numbers: Vec<_> = data.values().map(|(row, _)| row).collect();
        assert_eq!((numbers[29], numbers[30], numbers[59]), (29, 99_971, 100_000));
        assert!(data.values().all(|(row, values)| values == [Some(row.to_string())]));
        let sum = data.columns[0].digest.as_ref().unwrap().numbers.as_ref().unwrap().sum.clone();
        assert_eq!(sum, (0..100_001_i64).sum::<i64>().to_string());
        assert!(!Data::of(&frame.head(Some(100_000))).unwrap().is_digest());
    }

    #[test]
    fn long_texts_make_a_table_large_and_digits_do_not() {
        let long = df!("s" => ["x".repeat(BYTES + 1)]).unwrap();
        let data = Data::of(&long).unwrap();
        assert!(data.is_digest() && data.rows.is_empty());
        assert!(!Data::of(&df!("s" => ["x".repeat(BYTES)]).unwrap()).unwrap().is_digest());
        let digits = df!("f" => vec![-1.234_567_890_123_456_7e-300; VALUES]).unwrap();
        assert!(!Data::of(&digits).unwrap().is_digest());
    }

    #[test]
    fn tables_without_rows_or_columns_are_tables() {
        let empty = Data::of(&DataFrame::empty()).unwrap();
        assert_eq!((empty.height, empty.columns.len(), empty.values().count()), (0, 0, 0));
        let none = Data::of(&DataFrame::new(3, Vec::new()).unwrap()).unwrap();
        assert!(none.values().all(|(_, values)| values.is_empty()) && none.values().count() == 3);
        let wide =
            DataFrame::new(1, (0..=COLUMNS).map(|n| Series::new(format!("{n}").into(), [n as u64]).into()).collect());
        assert_eq!(Data::of(&wide.unwrap()), None);
    }

    #[test]
    fn types_are_told_apart() {
        let inner = df!("a" => [1], "b" => ["x"]).unwrap().into_struct("s".into()).into_series();
        assert_eq!(type_name(inner.dtype()), "struct[a: i32, b: str]");
        assert_eq!(type_name(&DataType::List(Box::new(inner.dtype().clone()))), "list[struct[a: i32, b: str]]");
        let zoned = DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC));
        assert_eq!(type_name(&zoned), "datetime[μs, UTC]");
    }

    proptest! {
        #[test]
        fn every_text_comes_back(texts in prop::collection::vec(any::<Option<String>>(), 1..20)) {
            let frame = df!("a" => texts.clone(), "b" => texts.clone()).unwrap();
            let data = Data::of(&frame).unwrap();
            let back: Data = serde_json::from_str(&serde_json::to_string(&data).unwrap()).unwrap();
            for ((_, values), text) in back.values().zip(texts) {
                prop_assert_eq!(values, vec![text.clone(), text]);
            }
        }

        #[test]
        fn every_float_comes_back(bits in prop::collection::vec(any::<u64>(), 1..20)) {
            let floats: Vec<f64> = bits.into_iter().map(f64::from_bits).collect();
            let data = Data::of(&df!("a" => floats.clone()).unwrap()).unwrap();
            for ((_, values), float) in data.values().zip(floats) {
                let back: f64 = values[0].as_ref().unwrap().parse().unwrap();
                prop_assert!(back.to_bits() == float.to_bits() || back.is_nan() && float.is_nan());
            }
        }
    }
}
