//! Vocabularies without a `tokenizer.json`: what `transformers` converts. A `vocab.txt` is that of BERT; `vocab.json`
//! with `merges.txt` is that of GPT-2 and RoBERTa. SentencePiece's own files are refused by name.

use serde_json::{Map, Value, json};

use crate::Error;
use crate::files::{Files, join};

/// A vocabulary as a `tokenizer.json`.
pub(super) struct Converted {
    /// The file that was read.
    pub(super) file: String,
    pub(super) tokenizer: Value,
    /// The class that such a vocabulary is of, where no file names one.
    pub(super) class: &'static str,
}

pub(super) fn converted(files: &Files, folder: &str) -> Result<Converted, Error> {
    let text = |name: &str| -> Result<Option<(String, &str)>, Error> {
        let file = join(folder, name);
        let Some(bytes) = files.get(&file) else { return Ok(None) };
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Some((file, text))),
            Err(error) => Err(Error::Damaged { file, problem: format!("it is not UTF-8: {error}") }),
        }
    };
    if let Some((file, vocabulary)) = text("vocab.txt")? {
        // Python splits at line feeds and keeps the number of each line.
        let words = vocabulary.strip_suffix('\n').unwrap_or(vocabulary).split('\n');
        let vocab: Map<_, _> =
            words.enumerate().map(|(id, word)| (word.trim_end_matches('\r').to_owned(), json!(id))).collect();
        let model = json!({
            "type": "WordPiece", "vocab": vocab, "unk_token": "[UNK]",
            "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
        });
        let decoder = json!({"type": "WordPiece", "prefix": "##", "cleanup": true});
        return Ok(Converted { file, tokenizer: tokenizer(model, decoder), class: "BertTokenizer" });
    }
    if let Some((file, vocab)) = text("vocab.json")?
        && let Some((_, merges)) = text("merges.txt")?
    {
        let vocab: Value = serde_json::from_str(vocab)
            .map_err(|error| Error::Damaged { file: file.clone(), problem: error.to_string() })?;
        let merges = merges.lines().filter(|line| !line.starts_with("#version") && !line.trim().is_empty());
        let model = json!({"type": "BPE", "vocab": vocab, "merges": merges.collect::<Vec<_>>()});
        let decoder = json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true});
        return Ok(Converted { file, tokenizer: tokenizer(model, decoder), class: "GPT2Tokenizer" });
    }
    for name in ["sentencepiece.bpe.model", "spiece.model", "tokenizer.model", "spm.model"] {
        if files.has(&join(folder, name)) {
            return Err(Error::Unsupported {
                file: join(folder, name),
                what: "a SentencePiece model without a tokenizer.json".to_owned(),
                help: "write one with transformers: AutoTokenizer.from_pretrained(folder).save_pretrained(folder)",
            });
        }
    }
    Err(Error::Missing {
        file: join(folder, "tokenizer.json"),
        help: "write it with transformers: AutoTokenizer.from_pretrained(folder).save_pretrained(folder)",
    })
}

fn tokenizer(model: Value, decoder: Value) -> Value {
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": null, "post_processor": null, "decoder": decoder, "model": model,
    })
}
