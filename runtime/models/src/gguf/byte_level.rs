//! Byte-level BPE: how text is cut before it is merged. A GGUF file names the way; the patterns are those of the
//! models' own `tokenizer.json`.

use serde_json::{Value, json};

use super::GgufTokenizerError;

const LLAMA_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN_2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const GPT_4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// How text is cut.
#[derive(Clone, Copy)]
enum Cut {
    /// As GPT-2 does.
    Gpt2,
    /// As GPT-2 does, and each digit is by itself.
    Digits,
    /// By a pattern of its own.
    Pattern(&'static str),
}

/// A way to cut, with what goes with it.
#[derive(Clone, Copy)]
pub(super) struct Pre {
    cut: Cut,
    /// Whether text is composed first (NFC).
    composes: bool,
    /// Whether a word that is a token is not merged to it.
    pub(super) ignores_merges: bool,
    /// Whether a text begins with the first token, where the file does not say so.
    pub(super) adds_bos: bool,
}

const fn plain(cut: Cut) -> Pre {
    Pre { cut, composes: false, ignores_merges: false, adds_bos: false }
}

const LLAMA: Pre = Pre { cut: Cut::Pattern(LLAMA_3), composes: false, ignores_merges: true, adds_bos: true };
const QWEN: Pre = Pre { cut: Cut::Pattern(QWEN_2), composes: true, ignores_merges: false, adds_bos: false };

/// The ways by the names that llama.cpp gives them.
const NAMED: [(&str, Pre); 15] = [
    ("default", plain(Cut::Gpt2)),
    ("gpt-2", plain(Cut::Gpt2)),
    ("phi-2", plain(Cut::Gpt2)),
    ("smollm", plain(Cut::Digits)),
    ("starcoder", plain(Cut::Digits)),
    ("refact", plain(Cut::Digits)),
    ("llama3", LLAMA),
    ("llama-v3", LLAMA),
    ("llama-bpe", LLAMA),
    ("dbrx", plain(Cut::Pattern(LLAMA_3))),
    ("qwen2", QWEN),
    ("deepseek-r1-qwen", QWEN),
    ("tekken", Pre { cut: Cut::Pattern(TEKKEN), composes: false, ignores_merges: true, adds_bos: true }),
    ("gpt-4o", plain(Cut::Pattern(GPT_4O))),
    ("llama4", plain(Cut::Pattern(GPT_4O))),
];

impl Pre {
    /// The way of a name; GPT-2's for files that are older than these names.
    pub(super) fn named(name: Option<&str>) -> Result<Self, GgufTokenizerError> {
        let name = name.unwrap_or("default");
        let found = NAMED.iter().find(|(known, _)| *known == name).map(|(_, pre)| *pre);
        found.ok_or_else(|| GgufTokenizerError::Unsupported {
            key: "tokenizer.ggml.pre",
            found: name.chars().take(60).collect(),
            known: NAMED.map(|(known, _)| known).join(", "),
        })
    }

    pub(super) fn normalizer(&self) -> Value {
        if self.composes { json!({"type": "NFC"}) } else { Value::Null }
    }

    pub(super) fn pre_tokenizer(&self) -> Value {
        let bytes = |use_regex: bool| byte_level(false, use_regex);
        match self.cut {
            Cut::Gpt2 => bytes(true),
            Cut::Digits => json!({
                "type": "Sequence",
                "pretokenizers": [{"type": "Digits", "individual_digits": true}, bytes(true)],
            }),
            Cut::Pattern(pattern) => json!({
                "type": "Sequence",
                "pretokenizers": [
                    {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false},
                    bytes(false),
                ],
            }),
        }
    }
}

/// The decoder of bytes.
pub(super) fn decoder() -> Value {
    byte_level(true, true)
}

fn byte_level(add_prefix_space: bool, use_regex: bool) -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": true, "use_regex": use_regex})
}

/// The merges of a file, each two parts with a space between. A part may begin with a space.
pub(super) fn merges<'a>(
    listed: &'a [String],
    has: impl Fn(&str) -> bool,
) -> Result<Vec<(&'a str, &'a str)>, GgufTokenizerError> {
    let damaged = |number: usize, merge: &str| GgufTokenizerError::Damaged {
        key: "tokenizer.ggml.merges",
        expected: "two tokens with a space between, which are a token together".to_owned(),
        found: format!("{:?} as number {number}", merge.chars().take(60).collect::<String>()),
    };
    let pair = |(number, merge): (usize, &'a String)| {
        let space = merge.char_indices().skip(1).find(|(_, character)| *character == ' ').map(|(at, _)| at);
        let (left, right) = space.map(|at| (&merge[..at], &merge[at + 1..])).ok_or_else(|| damaged(number, merge))?;
        let fits = has(left) && has(right) && has(&format!("{left}{right}"));
        if fits { Ok((left, right)) } else { Err(damaged(number, merge)) }
    };
    listed.iter().enumerate().map(pair).collect()
}
