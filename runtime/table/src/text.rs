//! The text of a value. [`exact`] says all of it, for data; [`shown`] is for a
//! reader, who has to tell null from the text `null` and an empty text from nothing.
//!
//! Both write numbers as Rust's Debug does, every digit and no separator, so that
//! a figure can be copied and read back.

use std::fmt::Write;

use polars::prelude::{AnyValue, TimeUnit};

/// Seconds from 1970 within which a calendar has a date: the years -200000 to 200000.
const SECONDS: i64 = 6_300_000_000_000;

/// All of a value; `None` for null.
#[must_use]
pub fn exact(value: &AnyValue<'_>) -> Option<String> {
    within(value, usize::MAX)
}

/// As [`exact`], in `limit` bytes at most; what is longer is cut somewhere behind them.
pub(crate) fn within(value: &AnyValue<'_>, limit: usize) -> Option<String> {
    if matches!(value, AnyValue::Null) {
        return None;
    }
    let mut text = String::new();
    match value.get_str() {
        Some(own) => text.push_str(head(own, limit)),
        None => write(&mut text, value, limit),
    }
    Some(text)
}

/// A value for a reader, cut behind `limit` characters; `None` for null. A text
/// stands as it is where it cannot be taken for anything else, else as a literal of Rust.
#[must_use]
pub fn shown(value: &AnyValue<'_>, limit: usize) -> Option<String> {
    // A character has four bytes at most.
    let text = within(value, limit.saturating_mul(4).saturating_add(4))?;
    let is_cut = text.char_indices().nth(limit);
    let text = match is_cut {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    };
    let is_text = value.get_str().is_some();
    Some(if is_text && is_misleading(&text) { format!("{text:?}") } else { text })
}

/// Whether a text would be read as something else: as nothing, as null, as one
/// without its blanks, as a literal, or as what characters without a shape make of it.
fn is_misleading(text: &str) -> bool {
    let is_blank = |letter: Option<char>| letter.is_some_and(char::is_whitespace);
    let is_hidden = |letter: char| {
        letter.is_control() && !matches!(letter, '\n' | '\t')
            || matches!(letter, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.is_empty()
        || text == "null"
        || text.starts_with('"')
        || is_blank(text.chars().next())
        || is_blank(text.chars().next_back())
        || text.contains(is_hidden)
}

fn head(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

/// Writes to a String do not fail.
fn write(text: &mut String, value: &AnyValue<'_>, limit: usize) {
    let _ = match value {
        AnyValue::Null => write!(text, "null"),
        AnyValue::UInt8(number) => write!(text, "{number}"),
        AnyValue::UInt16(number) => write!(text, "{number}"),
        AnyValue::UInt32(number) => write!(text, "{number}"),
        AnyValue::UInt64(number) => write!(text, "{number}"),
        AnyValue::UInt128(number) => write!(text, "{number}"),
        AnyValue::Int8(number) => write!(text, "{number}"),
        AnyValue::Int16(number) => write!(text, "{number}"),
        AnyValue::Int32(number) => write!(text, "{number}"),
        AnyValue::Int64(number) => write!(text, "{number}"),
        AnyValue::Int128(number) => write!(text, "{number}"),
        AnyValue::Float32(number) => write!(text, "{number:?}"),
        AnyValue::Float64(number) => write!(text, "{number:?}"),
        AnyValue::Boolean(value) => write!(text, "{value}"),
        AnyValue::Decimal(number, _, scale) => {
            decimal(text, *number, *scale);
            Ok(())
        }
        AnyValue::Binary(bytes) => binary(text, bytes, limit),
        AnyValue::BinaryOwned(bytes) => binary(text, bytes, limit),
        AnyValue::Date(days) if i64::from(*days).abs() > SECONDS / 86_400 => write!(text, "{days} days"),
        AnyValue::Datetime(moment, unit, _) | AnyValue::DatetimeOwned(moment, unit, _) if is_off(*moment, *unit) => {
            write!(text, "{moment} {unit}")
        }
        AnyValue::Time(moment) if !(0..86_400_000_000_000).contains(moment) => write!(text, "{moment} ns"),
        AnyValue::List(series) => {
            let series = series.rechunk();
            let between = |text: &mut String, index: usize| text.push_str(if index > 0 { ", " } else { "" });
            text.push('[');
            for (index, item) in series.iter().enumerate() {
                between(text, index);
                if text.len() > limit {
                    break;
                }
                nested(text, &item, limit);
            }
            text.push(']');
            Ok(())
        }
        AnyValue::Struct(_, _, fields) => {
            let mut values = Vec::new();
            value._materialize_struct_av(&mut values);
            structure(text, &values, fields.iter().map(|field| field.name().as_str()), limit);
            Ok(())
        }
        AnyValue::StructOwned(own) => {
            structure(text, &own.0, own.1.iter().map(|field| field.name().as_str()), limit);
            Ok(())
        }
        // Categories come here within a list only; dates and times have no number to round.
        other => write!(text, "{other}"),
    };
}

/// A value within another: a text as a literal.
fn nested(text: &mut String, value: &AnyValue<'_>, limit: usize) {
    match value.get_str() {
        Some(own) => {
            let _ = write!(text, "{:?}", head(own, limit));
        }
        None => write(text, value, limit),
    }
}

fn structure<'a>(text: &mut String, values: &[AnyValue<'_>], names: impl Iterator<Item = &'a str>, limit: usize) {
    text.push('{');
    for (index, (name, value)) in names.zip(values).enumerate() {
        text.push_str(if index > 0 { ", " } else { "" });
        if text.len() > limit {
            break;
        }
        text.push_str(name);
        text.push_str(": ");
        nested(text, value, limit);
    }
    text.push('}');
}

/// A literal of Rust: `b"a\x00"`.
fn binary(text: &mut String, bytes: &[u8], limit: usize) -> std::fmt::Result {
    let shown = &bytes[..bytes.len().min(limit)];
    write!(text, "b\"{}\"", shown.escape_ascii())
}

/// All digits of the scale: what type a number has is seen by them.
fn decimal(text: &mut String, number: i128, scale: usize) {
    let digits = format!("{:0>width$}", number.unsigned_abs(), width = scale + 1);
    let (whole, rest) = digits.split_at(digits.len() - scale);
    text.push_str(if number < 0 { "-" } else { "" });
    text.push_str(whole);
    if scale > 0 {
        text.push('.');
        text.push_str(rest);
    }
}

/// Whether a moment lies where no calendar has a date. Polars would panic.
fn is_off(moment: i64, unit: TimeUnit) -> bool {
    let second = match unit {
        TimeUnit::Nanoseconds => 1_000_000_000,
        TimeUnit::Microseconds => 1_000_000,
        TimeUnit::Milliseconds => 1_000,
    };
    (moment / second).abs() > SECONDS
}

#[cfg(test)]
mod tests {
    use polars::df;
    use polars::prelude::*;

    use super::*;

    fn all(series: &Series, text: impl Fn(&AnyValue<'_>) -> Option<String>) -> Vec<String> {
        series.rechunk().iter().map(|value| text(&value).unwrap_or_else(|| "NULL".to_owned())).collect()
    }

    fn check(series: &Series, expected: &[&str]) {
        assert_eq!(all(series, exact), expected);
    }

    #[test]
    fn numbers_have_every_digit_and_nothing_between() {
        let floats = [1.0, 123_456.789, 1_234_567.891, 1.000_000_01, 0.1 + 0.2, 1e300, -0.0, f64::NAN, f64::INFINITY];
        check(
            &Series::new("f".into(), floats),
            &["1.0", "123456.789", "1234567.891", "1.00000001", "0.30000000000000004", "1e300", "-0.0", "NaN", "inf"],
        );
        check(&Series::new("f".into(), [0.1_f32, 16_777_216.0]), &["0.1", "16777216.0"]);
        check(&Series::new("u".into(), [90_210, u64::MAX]), &["90210", "18446744073709551615"]);
        check(&Series::new("i".into(), [Some(i64::MIN), None]), &["-9223372036854775808", "NULL"]);
    }

    #[test]
    fn decimals_have_the_digits_of_their_scale() {
        let text = |number, scale| exact(&AnyValue::Decimal(number, 38, scale)).unwrap();
        assert_eq!(
            [text(1, 2), text(-1, 2), text(123, 0), text(-12_345, 3), text(0, 1)],
            ["0.01", "-0.01", "123", "-12.345", "0.0"]
        );
    }

    #[test]
    fn moments_are_exact_and_never_panic() {
        let moment = |value, unit| exact(&AnyValue::Datetime(value, unit, None)).unwrap();
        assert_eq!(moment(1_700_000_000_123_456_789, TimeUnit::Nanoseconds), "2023-11-14 22:13:20.123456789");
        assert_eq!(moment(i64::MIN, TimeUnit::Milliseconds), "-9223372036854775808 ms");
        assert_eq!(moment(i64::MAX, TimeUnit::Microseconds), "9223372036854775807 μs");
        let zone = TimeZone::opt_try_new(Some("Europe/Berlin")).unwrap().unwrap();
        let there = AnyValue::Datetime(1_700_000_000_000, TimeUnit::Milliseconds, Some(&zone));
        assert_eq!(exact(&there).unwrap(), "2023-11-14 23:13:20 CET");
        assert_eq!(exact(&AnyValue::Date(0)).unwrap(), "1970-01-01");
        assert_eq!(exact(&AnyValue::Date(i32::MAX)).unwrap(), "2147483647 days");
        assert_eq!(exact(&AnyValue::Time(-1)).unwrap(), "-1 ns");
        assert_eq!(exact(&AnyValue::Time(3_661_000_000_001)).unwrap(), "01:01:01.000000001");
        assert_eq!(exact(&AnyValue::Duration(90_061_001, TimeUnit::Milliseconds)).unwrap(), "1d 1h 1m 1s 1ms");
    }

    #[test]
    fn what_is_within_another_value_is_written_out() {
        let inner = Series::new("x".into(), [Some(1.0), None, Some(1.000_000_01), Some(2.0), Some(3.0)]);
        check(&Series::new("l".into(), [inner]), &["[1.0, null, 1.00000001, 2.0, 3.0]"]);
        let words = Series::new("x".into(), ["null", "a\"b"]);
        check(&Series::new("l".into(), [words]), &[r#"["null", "a\"b"]"#]);
        let frame = df!("n" => [1, 2], "s" => [Some("x"), None]).unwrap();
        check(&frame.into_struct("s".into()).into_series(), &[r#"{n: 1, s: "x"}"#, "{n: 2, s: null}"]);
        check(&Series::new("b".into(), [b"a\x00\xff".as_slice()]), &[r#"b"a\x00\xff""#]);
    }

    #[test]
    fn a_reader_is_not_misled() {
        let texts = [
            "a b",
            "null",
            "",
            " lead",
            "trail ",
            "two\nlines",
            "\"quoted\"",
            "\u{1b}[2J",
            "日本",
            "\u{202e}x",
            "null ",
        ];
        let series = Series::new("s".into(), texts);
        let expected = [
            "a b",
            r#""null""#,
            r#""""#,
            r#"" lead""#,
            r#""trail ""#,
            "two\nlines",
            r#""\"quoted\"""#,
            r#""\u{1b}[2J""#,
            "日本",
            r#""\u{202e}x""#,
            r#""null ""#,
        ];
        assert_eq!(all(&series, |value| shown(value, 40)), expected);
        let categories = series.cast(&DataType::from_categories(Categories::global())).unwrap();
        assert_eq!(all(&categories, |value| shown(value, 40)), expected);
        assert_eq!(all(&Series::new_null("n".into(), 1), |value| shown(value, 40)), ["NULL"]);
    }

    #[test]
    fn a_long_value_is_cut_and_says_so() {
        assert_eq!(shown(&AnyValue::String(&"ä".repeat(1000)), 5).unwrap(), "äääää…");
        let long = Series::new("x".into(), (0..1_000_000).collect::<Vec<i32>>());
        assert_eq!(shown(&AnyValue::List(long), 10).unwrap(), "[0, 1, 2, …");
        assert_eq!(shown(&AnyValue::Binary(&[0; 1000]), 6).unwrap(), r#"b"\x00…"#);
    }
}
