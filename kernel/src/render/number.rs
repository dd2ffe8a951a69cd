//! Numbers as people read them.

/// The first numbers of a row of a model's output.
pub(super) fn preview(values: impl Iterator<Item = String>, length: usize) -> String {
    const SHOWN: usize = 5;
    let head = values.take(SHOWN).collect::<Vec<_>>().join(", ");
    let more = if length > SHOWN { ", …" } else { "" };
    format!("[{head}{more}]")
}

/// Milliseconds, to the hundredth.
pub(super) fn ms(seconds: f64) -> String {
    format!("{:.2} ms", seconds * 1000.0)
}

/// `1_000_000`: a count of rows, as Polars writes it.
pub(super) fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

/// Six digits that count, and no more than the value has; very small and large ones by their exponent.
pub(super) fn float(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() || value == 0.0 {
        return value.to_string();
    }
    if !(1e-4..1e12).contains(&size) {
        return format!("{value:.3e}");
    }
    // log10 of what is below 1e12 is a small number.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0 … 9")]
    let decimals = (5.0 - size.log10().floor()).clamp(0.0, 9.0) as usize;
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    match text.split_once('.') {
        Some((whole, rest)) => format!("{}.{rest}", spaced(whole)),
        None => spaced(text),
    }
}

/// A whole number with narrow spaces between its thousands, from five digits on: years stay years.
pub(super) fn spaced(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    if digits.len() < 5 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("{sign}{digits}");
    }
    let mut text = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_by_thousands() {
        let found = [0, 999, 1000, 123_456, 1_234_567].map(grouped);
        assert_eq!(found, ["0", "999", "1_000", "123_456", "1_234_567"]);
    }

    #[test]
    fn floats_are_as_long_as_they_say_something() {
        let found = [1.5, 25.0, 0.1 + 0.2, 1234.5678, 9_876_543.21, 1e-6, 1.7e38, 0.0, -0.000_25, f64::NAN].map(float);
        let expected =
            ["1.5", "25", "0.3", "1234.57", "9\u{202f}876\u{202f}543", "1.000e-6", "1.700e38", "0", "-0.00025", "NaN"];
        assert_eq!(found, expected);
        assert_eq!(["2026", "-12345", "90000000"].map(spaced), ["2026", "-12\u{202f}345", "90\u{202f}000\u{202f}000"]);
    }

    #[test]
    fn a_preview_says_that_there_is_more() {
        assert_eq!(preview((1..=5).map(|n| n.to_string()), 5), "[1, 2, 3, 4, 5]");
        assert_eq!(preview((1..=6).map(|n| n.to_string()), 6), "[1, 2, 3, 4, 5, …]");
        assert_eq!(preview(std::iter::empty(), 0), "[]");
    }
}
