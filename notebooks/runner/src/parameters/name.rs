//! Names that a variable of Rust can have.

/// Every keyword of the edition that cells are compiled in, 2024: the strict
/// ones, then the reserved ones.
/// Source: <https://doc.rust-lang.org/reference/keywords.html>.
/// Weak keywords (`union`, `macro_rules`, `raw`, `safe`, …) may name a variable.
const KEYWORDS: &[&str] = &[
    "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "false", "fn",
    "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self", "Self",
    "static", "struct", "super", "trait", "true", "type", "unsafe", "use", "where", "while", //
    "abstract", "become", "box", "do", "final", "gen", "macro", "override", "priv", "try", "typeof", "unsized",
    "virtual", "yield",
];

/// Keywords that stay keywords behind `r#`.
const NEVER_RAW: &[&str] = &["crate", "self", "Self", "super"];

/// Why a text cannot name a variable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A word of the language.
    #[error("`{0}` is a keyword of Rust, so it cannot be the name of a variable")]
    Keyword(String),
    /// No word at all.
    #[error("`{0}` cannot be the name of a variable in Rust: use letters, digits and `_`, and no digit first")]
    NoIdentifier(String),
}

/// The name of a variable. A raw identifier (`r#type`) can be one; where it need
/// not be raw it is the same name without `r#`.
///
/// # Errors
/// [`NameError`] where no variable can have it.
pub fn read(text: &str) -> Result<String, NameError> {
    let (word, is_raw) = text.strip_prefix("r#").map_or((text, false), |word| (word, true));
    if word == "_" || !ra_ap_rustc_lexer::is_ident(word) {
        return Err(NameError::NoIdentifier(text.to_owned()));
    }
    let forbidden = if is_raw { NEVER_RAW } else { KEYWORDS };
    if forbidden.contains(&word) {
        return Err(NameError::Keyword(text.to_owned()));
    }
    Ok(plain(text).to_owned())
}

/// A name without an `r#` that it does not need: `r#n` and `n` are one variable.
pub(super) fn plain(text: &str) -> &str {
    text.strip_prefix("r#").filter(|word| !KEYWORDS.contains(word)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use ra_ap_syntax::{Edition, SourceFile, SyntaxKind};

    use super::*;

    #[test]
    fn keywords_and_no_words_are_refused() {
        for keyword in KEYWORDS {
            assert_eq!(read(keyword), Err(NameError::Keyword((*keyword).to_owned())));
            // The analyser's own table agrees.
            assert!(SyntaxKind::from_keyword(keyword, Edition::Edition2024).is_some(), "{keyword}");
            let raw = format!("r#{keyword}");
            assert_eq!(read(&raw).is_err(), NEVER_RAW.contains(keyword), "{raw}");
        }
        for wrong in ["", "_", "r#", "r#_", "1n", "a b", "a-b", "a.b", "n ", " n", "a\u{0}", "é!", "\u{1f600}", "'a"] {
            assert_eq!(read(wrong), Err(NameError::NoIdentifier(wrong.to_owned())));
        }
        for right in ["n", "_n", "größe", "n1", "union", "auto", "raw", "safe", "macro_rules", "r#type", "r#n", "fnord"]
        {
            assert!(read(right).is_ok(), "{right}");
            let code = format!("fn f() {{ let {right} = 0; }}");
            assert!(SourceFile::parse(&code, Edition::Edition2024).errors().is_empty(), "{right}");
        }
        assert_eq!((read("r#n"), read("r#type")), (Ok("n".to_owned()), Ok("r#type".to_owned())));
    }
}
