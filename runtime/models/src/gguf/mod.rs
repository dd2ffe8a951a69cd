//! What stands beside the graph in a GGUF file, as the files of a model's folder: its tokenizer, its chat template and
//! the tokens that end an answer.

mod byte_level;
mod error;
mod pieces;
mod tokenizer;

pub use self::error::GgufTokenizerError;
pub(crate) use self::tokenizer::tokenizer_files;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
