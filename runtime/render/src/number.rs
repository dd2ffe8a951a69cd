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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_by_thousands() {
        let found = [0, 999, 1000, 123_456, 1_234_567].map(grouped);
        assert_eq!(found, ["0", "999", "1_000", "123_456", "1_234_567"]);
    }

    #[test]
    fn a_preview_says_that_there_is_more() {
        assert_eq!(preview((1..=5).map(|n| n.to_string()), 5), "[1, 2, 3, 4, 5]");
        assert_eq!(preview((1..=6).map(|n| n.to_string()), 6), "[1, 2, 3, 4, 5, …]");
        assert_eq!(preview(std::iter::empty(), 0), "[]");
    }
}
