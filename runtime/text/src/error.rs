//! What a text model's folder may get wrong. Each message names the file.

/// An error of a text model's folder, or of a text for it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that is needed.
    #[error("{file} is missing: {help}")]
    Missing {
        /// Path in the folder.
        file: String,
        /// What to do.
        help: &'static str,
    },
    /// A file that is not what its name says.
    #[error("{file} cannot be read: {problem}. Download the file again, or save the model anew")]
    Damaged {
        /// Path in the folder.
        file: String,
        /// What was expected, and what was found.
        problem: String,
    },
    /// A setting, or a module, that Pelago does not compute.
    #[error("{file}: {what} is not supported: {help}")]
    Unsupported {
        /// Path in the folder.
        file: String,
        /// The setting or module, by its name in the file.
        what: String,
        /// What to do.
        help: &'static str,
    },
    /// A path that leads out of the model's folder.
    #[error("{file} names {path:?}, which is outside of the model's folder: it is not read")]
    Outside {
        /// The file that names it.
        file: String,
        /// The path.
        path: String,
    },
    /// A tensor of a module.
    #[error("{file}: expected the tensor {name} to have the shape {expected:?}, found {actual:?}")]
    Shape {
        /// Path in the folder.
        file: String,
        /// The tensor's name.
        name: String,
        /// As the module's config says.
        expected: Vec<usize>,
        /// As it is.
        actual: Vec<usize>,
    },
    /// A pickle that holds more than tensors.
    #[error(
        "{file} is a pickle that calls {what}, and a pickle may run any code: only tensors are read. Save the module as model.safetensors"
    )]
    Pickle {
        /// Path in the folder.
        file: String,
        /// What it would call.
        what: String,
    },
    /// A prompt that the model does not have.
    #[error("the model has no prompt {name:?}; it has {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") })]
    NoPrompt {
        /// The name that was asked for.
        name: String,
        /// Names in `config_sentence_transformers.json`.
        known: Vec<String>,
    },
    /// A text longer than the model takes.
    #[error("text {number} has {tokens} tokens, and the model takes {most}")]
    TooLong {
        /// The first is 1.
        number: usize,
        /// Its tokens, special ones included.
        tokens: usize,
        /// The most that the model takes.
        most: usize,
    },
    /// A text that gives no token at all.
    #[error("text {number} is empty, and this model puts no special tokens around a text: there is nothing to embed")]
    NoTokens {
        /// The first is 1.
        number: usize,
    },
    /// A token that the model's table of embeddings lacks.
    #[error(
        "text {number} has the token {token}, and the model's table has {rows} rows: the tokenizer is of another model"
    )]
    TokenBeyondTable {
        /// The text's number, from 1.
        number: usize,
        /// The token's id.
        token: u32,
        /// Rows of the table (`vocab_size`).
        rows: usize,
    },
    /// More dimensions than the model's vectors have.
    #[error("{asked} dimensions were asked for, and the model's vectors have {dimensions}")]
    Dimensions {
        /// What was asked for.
        asked: usize,
        /// What there is.
        dimensions: usize,
    },
    /// The tokenizer refused a text.
    #[error("text {number} cannot be tokenized: {problem}")]
    Tokenize {
        /// The text's number, from 1.
        number: usize,
        /// What the tokenizer said.
        problem: String,
    },
}
