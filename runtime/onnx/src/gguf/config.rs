//! What a GGUF file's metadata is as a config of transformers. What a builder would compute otherwise than llama.cpp is
//! refused by name.

use serde_json::{Map, Value as Json, json};

use super::{
    Error, Gguf, Value,
    names::{ALL, Architecture},
};
use crate::graph::Config;

/// The base of Gemma 3's layers with windows, which files do not say.
const GEMMA3_LOCAL_BASE: f64 = 10_000.0;
/// Layers of Gemma 2 27B and of Gemma 3 27B, whose scores are scaled by the width of the model.
const GEMMA_27B: [(&str, u64); 2] = [("gemma2", 46), ("gemma3", 62)];

/// The architecture of a file.
pub(super) fn architecture(header: &Gguf) -> Result<&'static Architecture, Error> {
    let missing = || Error::Missing { key: "general.architecture".to_owned(), expected: "text" };
    let found = header.metadata.get("general.architecture").and_then(Value::text).ok_or_else(missing)?;
    ALL.iter().find(|architecture| architecture.name == found).ok_or_else(|| Error::Architecture {
        found: found.to_owned(),
        supported: ALL.iter().map(|architecture| architecture.name).collect(),
    })
}

/// Metadata of one architecture.
struct Metadata<'a> {
    header: &'a Gguf,
    name: &'static str,
}

impl Metadata<'_> {
    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.name)
    }

    fn count_or(&self, key: &str) -> Result<Option<u64>, Error> {
        let key = self.key(key);
        match self.header.metadata.get(&key) {
            None => Ok(None),
            Some(Value::Array(_)) => Err(Error::Unsupported {
                what: key,
                found: "a list with one number a layer".to_owned(),
                expected: "one number for all layers",
            }),
            Some(value) => match value.unsigned() {
                Some(count) => Ok(Some(count)),
                None => Err(Error::Missing { key, expected: "an integer" }),
            },
        }
    }

    fn count(&self, key: &str) -> Result<u64, Error> {
        self.count_or(key)?.ok_or_else(|| Error::Missing { key: self.key(key), expected: "an integer" })
    }

    fn real_or(&self, key: &str) -> Result<Option<f64>, Error> {
        let key = self.key(key);
        let Some(value) = self.header.metadata.get(&key) else { return Ok(None) };
        let found = value.real().filter(|number| number.is_finite() && *number > 0.0);
        found.map(Some).ok_or(Error::Missing { key, expected: "a number above 0" })
    }

    fn real(&self, key: &str) -> Result<f64, Error> {
        self.real_or(key)?.ok_or_else(|| Error::Missing { key: self.key(key), expected: "a number above 0" })
    }

    fn refuse(&self, key: &str, expected: &'static str) -> Result<(), Error> {
        let what = self.key(key);
        match self.header.metadata.get(&what) {
            None => Ok(()),
            Some(value) => Err(Error::Unsupported { what, found: format!("{value:?}"), expected }),
        }
    }
}

/// What Llama 3's files divide each frequency of rotary positions by.
pub(super) const FACTORS: &str = "rope_freqs.weight";

/// The config of a file, with what is in its tensor [`FACTORS`].
pub(super) fn config(header: &Gguf, factors: Option<&[f32]>) -> Result<Config, Error> {
    let architecture = architecture(header)?;
    let metadata = Metadata { header, name: architecture.name };
    let table = header.tensor("token_embd.weight");
    let table = table.ok_or_else(|| Error::Missing { key: "token_embd.weight".to_owned(), expected: "a tensor" })?;
    let vocabulary = table.shape.first().copied().unwrap_or_default();
    let tied = header.tensor("output.weight").is_none();
    let parts = header.metadata.get("split.count").and_then(Value::unsigned).unwrap_or(1);
    if parts > 1 {
        let (what, found) = ("split.count".to_owned(), parts.to_string());
        return Err(Error::Unsupported {
            what,
            found,
            expected: "one file: join it with llama.cpp's gguf-split --merge",
        });
    }
    for key in ["expert_count", "attention.clamp_kqv", "attention.scale", "logit_scale", "attention.max_alibi_bias"] {
        metadata.refuse(key, "a model without it")?;
    }
    if architecture.name == "gpt2" {
        return gpt2(&metadata, vocabulary, tied);
    }
    let mut config = Map::new();
    let mut set = |key: &str, value: Json| drop(config.insert(key.to_owned(), value));
    let (hidden, heads) = (metadata.count("embedding_length")?, metadata.count("attention.head_count")?);
    let layers = metadata.count("block_count")?;
    set("model_type", json!(architecture.model_type));
    set("vocab_size", json!(vocabulary));
    set("tie_word_embeddings", json!(tied));
    set("hidden_size", json!(hidden));
    set("num_hidden_layers", json!(layers));
    set("num_attention_heads", json!(heads));
    set("num_key_value_heads", json!(metadata.count_or("attention.head_count_kv")?.unwrap_or(heads)));
    set("intermediate_size", json!(metadata.count("feed_forward_length")?));
    set("max_position_embeddings", json!(metadata.count("context_length")?));
    set("rms_norm_eps", json!(metadata.real("attention.layer_norm_rms_epsilon")?));
    let whole = hidden.checked_div(heads).unwrap_or_default();
    let size = metadata.count_or("attention.key_length")?.unwrap_or(whole);
    if metadata.count_or("attention.value_length")?.is_some_and(|value| value != size) {
        metadata.refuse("attention.value_length", "values of the length of keys")?;
    }
    set("head_dim", json!(size));
    let gemma3 = architecture.name == "gemma3";
    let base = metadata.real_or("rope.freq_base")?.unwrap_or(if gemma3 { 1_000_000.0 } else { 10_000.0 });
    set("rope_theta", json!(base));
    if let Some(scaling) = scaling(&metadata)? {
        set("rope_scaling", scaling);
    }
    let turned = metadata.count_or("rope.dimension_count")?.unwrap_or(size);
    match architecture.name {
        "phi3" => set("partial_rotary_factor", json!(turned as f64 / size.max(1) as f64)),
        _ if turned != size => metadata.refuse("rope.dimension_count", "all numbers of a head")?,
        _ => {}
    }
    if let Some(factors) = factors.filter(|_| architecture.name == "llama") {
        set("rope_scaling", json!({"rope_type": "factors", "factors": factors}));
    }
    for tensor in [FACTORS, "rope_factors_long.weight", "rope_factors_short.weight"] {
        let taken = tensor == FACTORS && architecture.name == "llama";
        if header.tensor(tensor).is_some() && !taken {
            let (what, found) = (tensor.to_owned(), "there".to_owned());
            return Err(Error::Unsupported { what, found, expected: "a model without frequencies of its own" });
        }
    }
    match architecture.name {
        // llama.cpp keeps the rows of queries and keys so that neighbours are turned.
        "llama" => set("rope_interleaved", json!(true)),
        "phi3" => {
            if let Some(window) = metadata.count_or("attention.sliding_window")?.filter(|window| *window > 0) {
                set("sliding_window", json!(window));
            }
        }
        "gemma2" | "gemma3" => {
            // Weights of norms have their 1 in these files.
            set("norm_weights_whole", json!(true));
            set("sliding_window", json!(metadata.count("attention.sliding_window")?));
            let wide = GEMMA_27B.contains(&(architecture.name, layers));
            set("query_pre_attn_scalar", json!(if wide { whole } else { size }));
            if gemma3 {
                set("rope_local_base_freq", json!(GEMMA3_LOCAL_BASE));
            }
            let softcap = |key| Ok::<_, Error>(metadata.real_or(key)?.map_or(Json::Null, |softcap| json!(softcap)));
            set("attn_logit_softcapping", softcap("attn_logit_softcapping")?);
            set("final_logit_softcapping", softcap("final_logit_softcapping")?);
        }
        _ => {}
    }
    Ok(Config::from(config))
}

/// `rope_scaling`, where positions are scaled.
fn scaling(metadata: &Metadata) -> Result<Option<Json>, Error> {
    let key = metadata.key("rope.scaling.type");
    let found = metadata.header.metadata.get(&key);
    match found.map(|value| value.text().unwrap_or("?")) {
        None | Some("none") => Ok(None),
        Some("linear") => Ok(Some(json!({"rope_type": "linear", "factor": metadata.real("rope.scaling.factor")?}))),
        Some(found) => {
            Err(Error::Unsupported { what: key, found: format!("{found:?}"), expected: "\"none\" or \"linear\"" })
        }
    }
}

fn gpt2(metadata: &Metadata, vocabulary: usize, tied: bool) -> Result<Config, Error> {
    let config = json!({
        "model_type": "gpt2",
        "vocab_size": vocabulary,
        "tie_word_embeddings": tied,
        "n_embd": metadata.count("embedding_length")?,
        "n_layer": metadata.count("block_count")?,
        "n_head": metadata.count("attention.head_count")?,
        "n_inner": metadata.count("feed_forward_length")?,
        "n_positions": metadata.count("context_length")?,
        "layer_norm_epsilon": metadata.real("attention.layer_norm_epsilon")?,
        // Weights are kept as [out, in].
        "weights_transposed": true,
    });
    let Json::Object(config) = config else { return Ok(Config::default()) };
    Ok(Config::from(config))
}
