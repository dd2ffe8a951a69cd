//! The words of a command's line up to the cursor, by a shell's quotes.

use super::parse;

/// The whole words of a text, and the one at its end that is being written, with
/// the quote that it may begin with.
pub(super) fn split(text: &str) -> (Vec<String>, &str) {
    let mut quote = None;
    let mut escaped = false;
    let mut word = None;
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
            continue;
        }
        if quote.is_none() && c.is_whitespace() {
            word = None;
            continue;
        }
        // The line goes on: no word begins with that.
        if c == '\\' && text[at + 1..].trim_start_matches('\r').starts_with('\n') {
            escaped = true;
            continue;
        }
        word.get_or_insert(at);
        match (c, quote) {
            ('\\', None | Some('"')) => escaped = true,
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            _ => {}
        }
    }
    let (before, last) = text.split_at(word.unwrap_or(text.len()));
    (parse::words(before).unwrap_or_default(), last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, before: &[&str], last: &str) {
        assert_eq!(split(text), (before.iter().map(|&word| word.to_owned()).collect(), last), "{text:?}");
    }

    #[test]
    fn the_last_word_is_the_one_being_written() {
        check("", &[], "");
        check(" m", &[], "m");
        check(" m ", &["m"], "");
        check(r#" m "two words" --pl"#, &["m", "two words"], "--pl");
        check(r#" m "two wo"#, &["m"], "\"two wo");
        check(r" m 'it is", &["m"], "'it is");
        check(r#" m "a \" b"#, &["m"], r#""a \" b"#);
        check(r" m a\ b", &["m"], r"a\ b");
        check(" m \\\n  x", &["m"], "x");
        check(" m \\\nx", &["m"], "x");
        check(" m \\\r\n", &["m"], "");
        check(" m é日", &["m"], "é日");
    }
}
