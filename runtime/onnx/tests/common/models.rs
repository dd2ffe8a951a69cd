//! The models that graphs are built of, in `tests/fixtures/models`.

/// Every model that has a builder.
pub(crate) const MODELS: [&str; 24] = [
    "bert",
    "bert_relative_key",
    "bert_relative_key_query",
    "roberta",
    "distilbert",
    "mpnet",
    "albert",
    "electra",
    "deberta_v2",
    "deberta_v3",
    "modernbert",
    "nomic_bert",
    "gte",
    "jina_bert",
    "jina_bert_slopes",
    "jina_code",
    "t5_relu",
    "t5_gated",
    "llama_encoder",
    "mistral",
    "qwen2",
    "qwen3",
    "gemma3",
    "gemma3_bidirectional",
];
