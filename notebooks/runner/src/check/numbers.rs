//! Numbers that stand in texts, compared within a tolerance.

use serde::Deserialize;

use super::text;

/// How far a number may be from the stored one: `|now - stored| <= abs + rel * |stored|`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(try_from = "Given")]
pub(super) struct Tolerance {
    rel: f64,
    abs: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    rel: Option<f64>,
    abs: Option<f64>,
}

impl Default for Tolerance {
    /// NumPy's `allclose`.
    fn default() -> Self {
        Self { rel: 1e-5, abs: 1e-8 }
    }
}

impl TryFrom<Given> for Tolerance {
    type Error = &'static str;

    fn try_from(given: Given) -> Result<Self, Self::Error> {
        Self::new(given.rel, given.abs)
    }
}

impl Tolerance {
    /// From what is given; the rest is as [`Tolerance::default`] says.
    pub(super) fn new(rel: Option<f64>, abs: Option<f64>) -> Result<Self, &'static str> {
        let default = Self::default();
        let tolerance = Self { rel: rel.unwrap_or(default.rel), abs: abs.unwrap_or(default.abs) };
        let fits = |value: f64| value.is_finite() && value >= 0.0;
        if fits(tolerance.rel) && fits(tolerance.abs) {
            Ok(tolerance)
        } else {
            Err("has a bad tolerance: rel and abs are numbers from 0 up")
        }
    }

    /// What differs between two texts word by word, the first few of it.
    pub(super) fn differences(self, stored: &str, new: &str) -> Vec<String> {
        let (before, now) = (words(stored), words(new));
        if before.len() != now.len() {
            return vec![format!("the text differs\n{}", text::diff(stored, new))];
        }
        before.into_iter().zip(now).filter_map(|(stored, new)| self.difference(stored, new)).collect()
    }

    /// Why two words are not the same; `None` where they are, or are numbers that are close.
    pub(super) fn difference(self, stored: &str, new: &str) -> Option<String> {
        if stored == new {
            return None;
        }
        let (Some(before), Some(now)) = (number(stored), number(new)) else {
            return Some(format!("stored {stored}, now {new}"));
        };
        // Beyond 2^53 an f64 does not tell a whole number from the next.
        let whole = stored.parse::<i128>().ok().zip(new.parse::<i128>().ok());
        let off = whole.map_or((now - before).abs(), |(before, now)| before.abs_diff(now) as f64);
        let allowed = self.allowed(before.abs(), 1);
        let is_same = before.is_nan() && now.is_nan() || whole.is_none() && before == now;
        // Nothing but infinity is close to infinity, whatever the relative tolerance comes to.
        if is_same || (before.is_finite() && off <= allowed) {
            return None;
        }
        Some(format!("stored {stored}, now {new}: {off:.3e} apart, {allowed:.3e} allowed"))
    }

    /// How far the sum of `count` numbers may be off whose absolute values have the sum `magnitude`.
    pub(super) fn allowed(self, magnitude: f64, count: usize) -> f64 {
        self.abs * count as f64 + self.rel * magnitude
    }
}

/// A word as a number. Words such as `infinity` are numbers only where Rust or Polars print them.
fn number(word: &str) -> Option<f64> {
    match word {
        "NaN" => Some(f64::NAN),
        "inf" => Some(f64::INFINITY),
        "-inf" => Some(f64::NEG_INFINITY),
        _ if word.chars().any(|character| character.is_ascii_digit()) => word.replace('_', "").parse().ok(),
        _ => None,
    }
}

/// The words of a text: numbers, and what stands between them. White space and
/// lines that frame a table have the width of the numbers, so they only separate.
pub(super) fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for chunk in text.split(|character: char| character.is_whitespace() || is_frame(character)) {
        let mut rest = chunk;
        while let Some((start, end)) = next_number(rest) {
            words.extend([&rest[..start], &rest[start..end]]);
            rest = &rest[end..];
        }
        words.push(rest);
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Box drawing characters.
fn is_frame(character: char) -> bool {
    ('\u{2500}'..='\u{257f}').contains(&character)
}

/// Where the next number stands. Digits within a name (`fp16`) are no number.
fn next_number(text: &str) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut previous = None::<char>;
    for (at, character) in text.char_indices() {
        let in_name = previous.is_some_and(|before| before.is_alphanumeric() || before == '_' || before == '.');
        let signed = matches!(character, '-' | '+') && digit(at + 1);
        previous = Some(character);
        if in_name || !(signed || character.is_ascii_digit()) {
            continue;
        }
        let digits = |from: usize| (from..).find(|at| !digit(*at)).unwrap_or(bytes.len());
        let mut end = digits(at + usize::from(signed));
        if bytes.get(end) == Some(&b'.') && digit(end + 1) {
            end = digits(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let exponent = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'-' | b'+')));
            if digit(exponent) {
                end = digits(exponent);
            }
        }
        return Some((at, end));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_apart_from_names() {
        assert_eq!(
            words("fp16: [0.035, -1e-3,2] │ 3.5ms ┆ v1.2.3\n"),
            ["fp16:", "[", "0.035", ",", "-1e-3", ",", "2", "]", "3.5", "ms", "v1.2.3"]
        );
    }

    #[test]
    fn close_is_absolute_and_relative() {
        let tolerance = Tolerance { rel: 0.1, abs: 0.5 };
        assert_eq!(tolerance.difference("10", "11.5"), None);
        assert!(tolerance.difference("10", "11.6").is_some());
        assert_eq!(tolerance.difference("NaN", "NaN"), None);
        assert_eq!(tolerance.difference("inf", "inf"), None);
        assert!(tolerance.difference("inf", "1").is_some());
        assert!(tolerance.difference("null", "1").is_some());
        assert_eq!(tolerance.difference("1", "null"), Some("stored 1, now null".to_owned()));
        let none = Tolerance { rel: 0.0, abs: 0.0 };
        assert_eq!(none.difference("1", "1.0"), None);
        assert_eq!(
            none.difference("9007199254740992", "9007199254740993").unwrap(),
            "stored 9007199254740992, now 9007199254740993: 1.000e0 apart, 0.000e0 allowed"
        );
    }
}
