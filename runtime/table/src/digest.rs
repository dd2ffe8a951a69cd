//! What is kept of a column whose values are too many to be kept: a hash over all
//! rows, and for numbers what a tolerance can be applied to.
//!
//! The hash is over values in the order of rows, not over Polars' memory: chunks,
//! capacities and what lies below a null make no difference to it.

use polars::prelude::{BinaryChunked, ChunkedArray, DataType, PolarsNumericType, PolarsResult, Series, StringChunked};
use serde::{Deserialize, Serialize};

use crate::hash::Xxh64;
use crate::text::exact;

/// Values of fixed width that are hashed at once.
const BLOCK: usize = 512;

/// A column in a few figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// XXH64 over all values, 16 hexadecimal digits. Numbers, dates and times go in as little-endian bytes (every NaN as the
    /// same one, null as zeros), texts and bytes behind their length (`u64`; null has the largest and no bytes), other
    /// values as their text; where there are nulls, the XXH64 of their row numbers (`u64`) comes last.
    pub hash: String,
    /// How many values are null.
    pub nulls: usize,
    /// Of a column of numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbers: Option<Numbers>,
}

/// What a tolerance can be applied to. Figures are texts, so that none of their digits is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    /// The least; none where no value is a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<String>,
    /// The largest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
    /// The sum of those that are finite.
    pub sum: String,
    /// The sum of their absolute values: by it and the number of rows, how far a sum may be
    /// off where each value is within a tolerance.
    pub magnitude: String,
    /// How many are NaN.
    pub nan: usize,
}

impl Digest {
    /// Of a column.
    #[must_use]
    pub fn of(series: &Series) -> Self {
        // What has another type than it says is hashed by its texts.
        let (hash, numbers) = typed(series).unwrap_or_else(|_| (texts(series), None));
        Self { hash: format!("{:016x}", hash.finish()), nulls: series.null_count(), numbers }
    }
}

fn typed(series: &Series) -> PolarsResult<(Hashed, Option<Numbers>)> {
    macro_rules! whole {
        ($name:ident) => {{
            let column = series.$name()?;
            let sums = integers(column.iter().flatten().map(i128::from));
            (primitive(column, |value| value.to_le_bytes()), Some(sums))
        }};
    }
    let physical = series.to_physical_repr();
    Ok(match series.dtype() {
        DataType::Int8 => whole!(i8),
        DataType::Int16 => whole!(i16),
        DataType::Int32 => whole!(i32),
        DataType::Int64 => whole!(i64),
        DataType::UInt8 => whole!(u8),
        DataType::UInt16 => whole!(u16),
        DataType::UInt32 => whole!(u32),
        DataType::UInt64 => whole!(u64),
        DataType::Float32 => {
            let column = series.f32()?;
            let canonical = |value: f32| if value.is_nan() { f32::NAN } else { value };
            let hashed = primitive(column, |value| canonical(value).to_bits().to_le_bytes());
            // The text of a limit is the value's own, of 32 bits.
            let text = |value: f64| format!("{:?}", narrow(value));
            (hashed, Some(floats(column.iter().flatten().map(f64::from), text)))
        }
        DataType::Float64 => {
            let column = series.f64()?;
            let canonical = |value: f64| if value.is_nan() { f64::NAN } else { value };
            let hashed = primitive(column, |value| canonical(value).to_bits().to_le_bytes());
            (hashed, Some(floats(column.iter().flatten(), |value| format!("{value:?}"))))
        }
        DataType::Boolean => {
            let mut hashed = Hashed::default();
            hashed.fixed(series.bool()?.iter().map(|value| value.map(|value| [u8::from(value)])));
            (hashed, None)
        }
        DataType::Date => (primitive(physical.i32()?, |value: i32| value.to_le_bytes()), None),
        DataType::Datetime(..) | DataType::Duration(_) | DataType::Time => {
            (primitive(physical.i64()?, |value: i64| value.to_le_bytes()), None)
        }
        DataType::String => (strings(series.str()?), None),
        DataType::Binary => (bytes(series.binary()?), None),
        _ => (texts(series), None),
    })
}

/// What was an f32, as one.
fn narrow(value: f64) -> f32 {
    value as f32
}

/// A hash and the rows that were null.
#[derive(Debug, Default)]
struct Hashed {
    values: Xxh64,
    nulls: Xxh64,
    row: u64,
    has_nulls: bool,
}

impl Hashed {
    fn null(&mut self) {
        self.nulls.update(&self.row.to_le_bytes());
        self.has_nulls = true;
    }

    fn fixed<const N: usize>(&mut self, values: impl Iterator<Item = Option<[u8; N]>>) {
        let mut block = [[0; N]; BLOCK];
        let mut filled = 0;
        for value in values {
            if value.is_none() {
                self.null();
            }
            self.row += 1;
            block[filled] = value.unwrap_or([0; N]);
            filled += 1;
            if filled == BLOCK {
                self.values.update(block.as_flattened());
                filled = 0;
            }
        }
        self.values.update(block[..filled].as_flattened());
    }

    fn sized(&mut self, value: Option<&[u8]>) {
        if value.is_none() {
            self.null();
        }
        self.row += 1;
        let length = value.map_or(u64::MAX, |value| value.len() as u64);
        self.values.update(&length.to_le_bytes());
        self.values.update(value.unwrap_or_default());
    }

    fn finish(mut self) -> u64 {
        if self.has_nulls {
            self.values.update(&self.nulls.finish().to_le_bytes());
        }
        self.values.finish()
    }
}

fn primitive<T: PolarsNumericType, const N: usize>(
    column: &ChunkedArray<T>,
    bytes: impl Fn(T::Native) -> [u8; N],
) -> Hashed {
    let mut hashed = Hashed::default();
    if column.null_count() == 0 {
        column.data_views().for_each(|values| hashed.fixed(values.iter().map(|value| Some(bytes(*value)))));
    } else {
        hashed.fixed(column.iter().map(|value| value.map(&bytes)));
    }
    hashed
}

fn strings(column: &StringChunked) -> Hashed {
    let mut hashed = Hashed::default();
    column.iter().for_each(|value| hashed.sized(value.map(str::as_bytes)));
    hashed
}

fn bytes(column: &BinaryChunked) -> Hashed {
    let mut hashed = Hashed::default();
    column.iter().for_each(|value| hashed.sized(value));
    hashed
}

/// By the text of each value: categories, decimals, and what has parts.
fn texts(series: &Series) -> Hashed {
    let mut hashed = Hashed::default();
    for value in series.rechunk().iter() {
        match value.get_str() {
            Some(text) => hashed.sized(Some(text.as_bytes())),
            None => hashed.sized(exact(&value).as_ref().map(String::as_bytes)),
        }
    }
    hashed
}

fn integers(values: impl Iterator<Item = i128>) -> Numbers {
    let (mut limits, mut sum, mut magnitude) = (None::<(i128, i128)>, 0_i128, 0_i128);
    for value in values {
        let (min, max) = limits.unwrap_or((value, value));
        limits = Some((min.min(value), max.max(value)));
        // 2^63 values of 64 bits do not fill 127.
        sum += value;
        magnitude += value.abs();
    }
    Numbers {
        min: limits.map(|(min, _)| min.to_string()),
        max: limits.map(|(_, max)| max.to_string()),
        sum: sum.to_string(),
        magnitude: magnitude.to_string(),
        nan: 0,
    }
}

fn floats(values: impl Iterator<Item = f64>, text: impl Fn(f64) -> String) -> Numbers {
    let (mut min, mut max, mut sum, mut magnitude) = (f64::INFINITY, f64::NEG_INFINITY, 0.0, 0.0);
    let (mut nan, mut count) = (0, 0_usize);
    for value in values {
        if value.is_nan() {
            nan += 1;
            continue;
        }
        count += 1;
        min = if value < min { value } else { min };
        max = if value > max { value } else { max };
        let finite = if value.is_finite() { value } else { 0.0 };
        sum += finite;
        magnitude += finite.abs();
    }
    Numbers {
        min: (count > 0).then(|| text(min)),
        max: (count > 0).then(|| text(max)),
        sum: format!("{sum:?}"),
        magnitude: format!("{magnitude:?}"),
        nan,
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::*;

    use super::*;

    fn hash(series: &Series) -> String {
        Digest::of(series).hash
    }

    fn numbers(series: &Series) -> Numbers {
        Digest::of(series).numbers.unwrap()
    }

    fn longs(values: &[Option<i64>]) -> Series {
        Series::new("a".into(), values)
    }

    #[test]
    fn the_hash_is_over_values_and_not_over_memory() {
        let whole = longs(&[Some(1), None, Some(3), Some(4)]);
        let mut pieces = longs(&[Some(1), None]);
        pieces.append(&longs(&[Some(3), Some(4)])).unwrap();
        assert_eq!(pieces.n_chunks(), 2);
        assert_eq!(hash(&pieces), hash(&whole));
        let sliced = longs(&[Some(9), Some(1), None, Some(3), Some(4)]).slice(1, 4);
        assert_eq!(hash(&sliced), hash(&whole));
        // Written apart from the code: XXH64 of 1 and 2 as bytes.
        let mut expected = Xxh64::default();
        expected.update(&[1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(hash(&longs(&[Some(1), Some(2)])), format!("{:016x}", expected.finish()));
    }

    #[test]
    fn any_change_of_any_row_changes_it() {
        let many = |changed: usize, to: i64| {
            let mut values: Vec<i64> = (0..2000).collect();
            values[changed] = to;
            hash(&Series::new("a".into(), values))
        };
        let same = many(0, 0);
        assert!((1..2000).all(|row| many(row, -1) != same));
        let differ = |one: &Series, other: &Series| assert_ne!(hash(one), hash(other), "{one} {other}");
        differ(&longs(&[Some(0), None]), &longs(&[None, Some(0)]));
        differ(&longs(&[Some(0), None]), &longs(&[Some(0), Some(0)]));
        let texts = |values: &[Option<&str>]| Series::new("a".into(), values);
        differ(&texts(&[Some("ab"), Some("c")]), &texts(&[Some("a"), Some("bc")]));
        differ(&texts(&[Some("")]), &texts(&[None]));
        differ(&texts(&[Some("null")]), &texts(&[None]));
        differ(&Series::new("a".into(), [0.0]), &Series::new("a".into(), [-0.0]));
        differ(&Series::new("a".into(), [true]), &Series::new("a".into(), [false]));
        let list = |value: f64| Series::new("a".into(), [Series::new("x".into(), [value])]);
        differ(&list(1.0), &list(1.000_000_000_1));
        let nan = f64::from_bits(f64::NAN.to_bits() | 1);
        assert_eq!(hash(&Series::new("a".into(), [nan])), hash(&Series::new("a".into(), [f64::NAN])));
    }

    #[test]
    fn categories_are_hashed_as_their_texts() {
        let texts = Series::new("a".into(), ["x", "y", "x"]);
        let kind = DataType::from_categories(Categories::global());
        assert_eq!(hash(&texts.cast(&kind).unwrap()), hash(&texts));
        assert_eq!(Digest::of(&texts).numbers, None);
    }

    #[test]
    fn numbers_have_sums() {
        let whole = numbers(&longs(&[Some(-3), None, Some(5)]));
        assert_eq!((whole.min.as_deref(), whole.max.as_deref()), (Some("-3"), Some("5")));
        assert_eq!((whole.sum.as_str(), whole.magnitude.as_str()), ("2", "8"));
        assert_eq!(numbers(&Series::new("a".into(), [u64::MAX, u64::MAX])).sum, "36893488147419103230");
        let found = numbers(&Series::new("a".into(), [1.5, f64::NAN, f64::INFINITY, -2.0]));
        assert_eq!((found.min.as_deref(), found.max.as_deref(), found.nan), (Some("-2.0"), Some("inf"), 1));
        assert_eq!((found.sum.as_str(), found.magnitude.as_str()), ("-0.5", "3.5"));
        assert_eq!(numbers(&Series::new("a".into(), [0.1_f32])).min.as_deref(), Some("0.1"));
        assert_eq!(numbers(&Series::new_empty("a".into(), &DataType::Float64)).min, None);
        assert_eq!(Digest::of(&longs(&[None, None])).nulls, 2);
    }
}
