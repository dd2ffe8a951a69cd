//! What a file is, by the end of its name.

/// Whether a file is named as GGUF files are.
pub(crate) fn is_gguf(path: &str) -> bool {
    std::path::Path::new(path).extension().is_some_and(|end| end.eq_ignore_ascii_case("gguf"))
}
