//! Spaces before punctuation and contractions, which `transformers` takes away where `tokenizer_config.json` says
//! `clean_up_tokenization_spaces`.

/// What is replaced, in this order, each over the whole text.
const REPLACED: [(&str, &str); 10] = [
    (" .", "."),
    (" ?", "?"),
    (" !", "!"),
    (" ,", ","),
    (" ' ", "'"),
    (" n't", "n't"),
    (" 'm", "'m"),
    (" 's", "'s"),
    (" 've", "'ve"),
    (" 're", "'re"),
];
/// Words after a space that could still become one of these.
const BEGUN: [&str; 6] = ["", "'", "n", "n'", "'v", "'r"];

/// A whole text without these spaces.
pub(crate) fn cleaned(text: &str) -> String {
    REPLACED.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// How many bytes of a text can be cleaned by themselves, whatever follows them. The text begins where an earlier one
/// was cut like this, or where everything begins.
pub(super) fn certain(text: &str) -> usize {
    let mut end = text.len();
    // A cut is at the end, or before a space.
    while end > 0 && !can_end(&text[..end]) {
        end = text[..end].rfind(' ').unwrap_or(0);
    }
    end
}

/// Whether nothing that is replaced can begin in this text and end after it. That is so where the last word is none
/// that has begun, and where the space before that word is not one that goes with an apostrophe.
fn can_end(text: &str) -> bool {
    let Some(space) = text.rfind(' ') else { return true };
    let (before, word) = (&text[..space], &text[space + 1..]);
    !BEGUN.contains(&word) && !before.ends_with([' ', '\''])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Of the letters that matter, so that most texts have something to replace.
        #[test]
        fn a_text_can_be_cleaned_piece_by_piece(text in "[ 'ntvermse.?!,x]{0,40}", cuts in prop::collection::vec(0..3_usize, 60)) {
            let (mut pending, mut pieces) = (String::new(), String::new());
            let mut characters = text.chars();
            for cut in cuts {
                pending.extend(characters.by_ref().take(cut));
                let end = certain(&pending);
                pieces.push_str(&cleaned(&pending[..end]));
                pending.drain(..end);
            }
            pending.extend(characters);
            pieces.push_str(&cleaned(&pending));
            prop_assert_eq!(pieces, cleaned(&text));
        }
    }
}
