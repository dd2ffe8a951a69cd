//! Tokenizer classes of `transformers` by name, and the special tokens that they have by default.

pub(super) const BERT: [&str; 2] = ["BertTokenizer", "DistilBertTokenizer"];
pub(super) const MPNET: &str = "MPNetTokenizer";
pub(super) const ROBERTA: &str = "RobertaTokenizer";
pub(super) const GPT2: &str = "GPT2Tokenizer";
pub(super) const GEMMA: &str = "GemmaTokenizer";
pub(super) const LLAMA: &str = "LlamaTokenizer";
pub(super) const DEBERTA_V2: &str = "DebertaV2Tokenizer";

/// The special tokens of a class, where no file names them.
pub(crate) fn default_token(class: &str, name: &str) -> Option<&'static str> {
    let bert = BERT.contains(&class) || class == DEBERTA_V2;
    let angled = class == MPNET || class == ROBERTA;
    Some(match name {
        "unk_token" if bert || class == MPNET => "[UNK]",
        "sep_token" if bert => "[SEP]",
        "pad_token" if bert => "[PAD]",
        "cls_token" if bert => "[CLS]",
        "mask_token" if bert => "[MASK]",
        "bos_token" | "cls_token" if angled => "<s>",
        "eos_token" | "sep_token" if angled => "</s>",
        "unk_token" if angled => "<unk>",
        "pad_token" if angled => "<pad>",
        "mask_token" if angled => "<mask>",
        "bos_token" | "eos_token" | "unk_token" if class == GPT2 => "<|endoftext|>",
        _ => return None,
    })
}
