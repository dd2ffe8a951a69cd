//! What the tokenizer of a GGUF file may get wrong.

/// A tokenizer that cannot be converted. The file's path is known to the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GgufTokenizerError {
    /// A kind of tokenizer, or a way to cut texts, that is not known.
    #[error(
        "the GGUF file's {key} is {found:?}, and Pelago knows {known}: take another GGUF file of the model, or its folder with a tokenizer.json"
    )]
    Unsupported {
        /// The key in the file.
        key: &'static str,
        /// Its value.
        found: String,
        /// The values that are known.
        known: String,
    },
    /// A part that is not there.
    #[error("the GGUF file has no {key}, which a tokenizer of the kind {kind} needs: download or convert it again")]
    Missing {
        /// The key in the file.
        key: &'static str,
        /// The tokenizer's kind.
        kind: String,
    },
    /// Parts that do not go together.
    #[error("the GGUF file's {key} is damaged: expected {expected}, found {found}. Download or convert it again")]
    Damaged {
        /// The key in the file.
        key: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
}
