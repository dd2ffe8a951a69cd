//! How an older Pelago drew the values of a table in HTML: numbers with six digits,
//! and texts in quotes or not. A table that it stored is still the same table.

/// Whether a value, as it is drawn now, would have been drawn as what is stored.
pub(super) fn is_same(stored: &str, now: &str) -> bool {
    stored == now || plain(stored) == plain(now) || now.parse().is_ok_and(|number| float(number) == stored)
}

/// A text without the quotes around it.
fn plain(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.map_or_else(|| text.to_owned(), |inner| inner.replace("\\\"", "\"").replace("\\\\", "\\"))
}

/// Six digits that count, and no more than the value has; very small and large ones by their exponent.
fn float(value: f64) -> String {
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
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_same_with_more_digits() {
        for (stored, now) in [
            ("1.5", "1.5"),
            ("25", "25.0"),
            ("0.3", "0.30000000000000004"),
            ("1234.57", "1234.5678"),
            ("9876543", "9876543.21"),
            ("1.000e-6", "1e-6"),
            ("1.700e38", "1.7e38"),
            ("-0.00025", "-0.00025"),
            ("NaN", "NaN"),
            ("90868376", "90868376"),
        ] {
            assert!(is_same(stored, now), "{stored} {now}");
        }
        assert!(!is_same("1234.57", "1234.5788") && !is_same("1", "2.0") && !is_same("0", "null"));
    }

    #[test]
    fn a_text_is_the_same_with_quotes() {
        assert!(is_same("\"a\"", "a") && is_same(" a", "\" a\"") && is_same("null", "\"null\""));
        assert!(!is_same("\"a\"", "b") && !is_same("", "null"));
    }
}
