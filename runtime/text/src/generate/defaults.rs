//! How a model's files say that text is to be made: `generation_config.json`, and `config.json` where that is silent.

use pelago_protocol::{EarlyStopping, Sampling};
use serde_json::{Map, Value};

use crate::Error;
use crate::tokenizer::{Settings, Tokenizer, default_token};

const GENERATION: &str = "generation_config.json";
const CONFIG: &str = "config.json";

/// Tokens that are drawn from where a model samples and does not say from how many, as `transformers` has it.
const TOP_K: u32 = 50;

/// How text is made where the user does not say.
#[derive(Clone, Debug, PartialEq)]
pub struct Defaults {
    /// Tokens that end an answer: those of `generation_config.json`, else of `config.json`, else the tokenizer's.
    pub stop_ids: Vec<u32>,
    /// The id that fills a shorter prompt; always a row of the table of embeddings.
    pub pad_id: u32,
    /// What an encoder–decoder's answer begins with; empty for a decoder.
    pub decoder_ids: Vec<u32>,
    /// Tokens that an answer may have.
    pub max_new_tokens: Option<u32>,
    /// Tokens that prompt and answer may have together; of an encoder–decoder, the answer with `decoder_ids`.
    pub max_length: Option<u32>,
    /// How the next token is chosen. The temperature is 0 where the files do not say `do_sample`; the cuts are as the
    /// files have them even then.
    pub sampling: Sampling,
    /// Answers that are kept while the likeliest is searched for; 1 where each token is chosen for good.
    pub beams: u32,
    /// The exponent of an answer's length in that search.
    pub length_penalty: f64,
    /// When that search ends.
    pub early_stopping: EarlyStopping,
    /// Tokens that prompt and answer have at least, as [`max_length`](Self::max_length) counts them.
    pub min_length: u32,
    /// What `temperature` says, whether `do_sample` or not; 1 where it says nothing.
    pub temperature: f64,
    /// Settings that `transformers` would apply and Pelago does not, as `name = value`.
    pub not_applied: Vec<String>,
}

/// A setting of `config.json`, where models that see images keep those of their text in an object of its own.
pub(super) fn setting<'a>(config: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let own = config.get(name).filter(|value| !value.is_null());
    own.or_else(|| config.get("text_config")?.get(name)).filter(|value| !value.is_null())
}

/// The two files, of which the first that has a setting counts.
struct Both<'a> {
    generation: &'a Map<String, Value>,
    config: &'a Map<String, Value>,
}

impl Both<'_> {
    fn get(&self, name: &str) -> Option<(&'static str, &Value)> {
        let own = self.generation.get(name).filter(|value| !value.is_null()).map(|value| (GENERATION, value));
        own.or_else(|| setting(self.config, name).map(|value| (CONFIG, value)))
    }

    fn damaged(&self, name: &str, expected: &str) -> Error {
        let (file, found) = self.get(name).unwrap_or((GENERATION, &Value::Null));
        let found = found.to_string().chars().take(60).collect::<String>();
        Error::Damaged { file: file.to_owned(), problem: format!("expected {name} to be {expected}, found {found}") }
    }

    /// A number; `None` where there is none.
    fn number(&self, name: &str, least: f64) -> Result<Option<f64>, Error> {
        let Some((_, value)) = self.get(name) else { return Ok(None) };
        let number = value.as_f64().filter(|number| number.is_finite() && *number >= least);
        let from = if least == f64::MIN { String::new() } else { format!(" of at least {least}") };
        number.map(Some).ok_or_else(|| self.damaged(name, &format!("a number{from}")))
    }

    fn count(&self, name: &str) -> Result<Option<u32>, Error> {
        let Some((_, value)) = self.get(name) else { return Ok(None) };
        let count = value.as_u64().map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        count.map(Some).ok_or_else(|| self.damaged(name, "a whole number of at least 0"))
    }

    /// An id, or several. One below 0 is none, as older files have it.
    fn ids(&self, name: &str) -> Result<Vec<u32>, Error> {
        let Some((_, value)) = self.get(name) else { return Ok(Vec::new()) };
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let mut ids = Vec::new();
        for value in values {
            let id = value.as_i64().filter(|id| *id <= i64::from(u32::MAX));
            match u32::try_from(id.ok_or_else(|| self.damaged(name, "a token's id, or a list of them"))?) {
                Ok(id) if !ids.contains(&id) => ids.push(id),
                _ => {}
            }
        }
        Ok(ids)
    }

    fn id(&self, name: &str) -> Result<Option<u32>, Error> {
        Ok(self.ids(name)?.first().copied())
    }

    fn says(&self, name: &str) -> bool {
        self.get(name).is_some_and(|(_, value)| value.as_bool() == Some(true))
    }
}

impl Defaults {
    pub(super) fn read(
        generation: &Map<String, Value>,
        config: &Map<String, Value>,
        settings: &Settings,
        tokenizer: &Tokenizer,
    ) -> Result<Self, Error> {
        let both = Both { generation, config };
        let named = |name: &str| {
            let token = settings.named(name).or_else(|| default_token(&settings.class, name));
            token.and_then(|token| tokenizer.id(token))
        };
        let mut stop_ids = both.ids("eos_token_id")?;
        if stop_ids.is_empty() {
            stop_ids.extend(named("eos_token"));
        }
        let pads = [both.id("pad_token_id")?, named("pad_token"), stop_ids.first().copied()];
        let rows = setting(config, "vocab_size").and_then(Value::as_u64).unwrap_or(u64::MAX);
        let pad_id = pads.into_iter().flatten().find(|id| u64::from(*id) < rows).unwrap_or_default();
        let encodes = config.get("is_encoder_decoder").and_then(Value::as_bool).unwrap_or(false);
        let temperature = both.number("temperature", 0.0)?.unwrap_or(1.0);
        let samples = both.says("do_sample");
        Ok(Self {
            stop_ids,
            pad_id,
            decoder_ids: if encodes { decoder_ids(&both)? } else { Vec::new() },
            max_new_tokens: both.count("max_new_tokens")?,
            max_length: both.count("max_length")?,
            sampling: Sampling {
                temperature: if samples { temperature } else { 0.0 },
                top_k: Some(both.count("top_k")?.unwrap_or(TOP_K)).filter(|top_k| *top_k > 0),
                top_p: both.number("top_p", 0.0)?.filter(|top_p| *top_p < 1.0),
                min_p: both.number("min_p", 0.0)?.filter(|min_p| *min_p > 0.0),
                no_repeat_ngram: both.count("no_repeat_ngram_size")?.unwrap_or(0),
                suppressed: suppressed(&both)?,
                forced_end: both.id("forced_eos_token_id")?,
                min_new_tokens: both.count("min_new_tokens")?.unwrap_or(0),
                repetition_penalty: both.number("repetition_penalty", 0.0)?.filter(|by| *by > 0.0).unwrap_or(1.0),
                ..Sampling::default()
            },
            beams: both.count("num_beams")?.unwrap_or(1).max(1),
            length_penalty: both.number("length_penalty", f64::MIN)?.unwrap_or(1.0),
            early_stopping: early_stopping(&both)?,
            min_length: both.count("min_length")?.unwrap_or(0),
            temperature,
            not_applied: not_applied(&both, samples, encodes),
        })
    }
}

/// transformers has true, false or `never` there.
fn early_stopping(both: &Both<'_>) -> Result<EarlyStopping, Error> {
    match both.get("early_stopping").map(|(_, value)| value) {
        None | Some(Value::Bool(false)) => Ok(EarlyStopping::Likely),
        Some(Value::Bool(true)) => Ok(EarlyStopping::First),
        Some(Value::String(word)) if word == "never" => Ok(EarlyStopping::Never),
        Some(_) => Err(both.damaged("early_stopping", "true, false or \"never\"")),
    }
}

/// The token that an answer begins with, and the one that is forced after it.
fn decoder_ids(both: &Both<'_>) -> Result<Vec<u32>, Error> {
    let start = both.id("decoder_start_token_id")?;
    let start = if start.is_some() { start } else { both.id("bos_token_id")? };
    let start = start.ok_or_else(|| Error::Damaged {
        file: CONFIG.to_owned(),
        problem: "expected decoder_start_token_id or bos_token_id, found neither".to_owned(),
    })?;
    Ok([Some(start), both.id("forced_bos_token_id")?].into_iter().flatten().collect())
}

/// Tokens that may never be chosen: those that are suppressed, and bad words of one token.
fn suppressed(both: &Both<'_>) -> Result<Vec<u32>, Error> {
    let mut ids = both.ids("suppress_tokens")?;
    for word in bad_words(both) {
        if let [id] = &word[..] {
            ids.extend(id.as_u64().and_then(|id| u32::try_from(id).ok()));
        }
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

fn bad_words<'a>(both: &'a Both<'_>) -> impl Iterator<Item = &'a Vec<Value>> {
    let words = both.get("bad_words_ids").and_then(|(_, words)| words.as_array());
    words.into_iter().flatten().filter_map(Value::as_array)
}

/// When a setting changes what `transformers` gives.
#[derive(Clone, Copy)]
enum Applies {
    /// Where it is a number other than this.
    Unless(f64),
    /// Where it is more than this.
    Above(f64),
    /// The same, and tokens are drawn.
    DrawnUnless(f64),
    /// Where it is true, or an object or list with something in it, or a number.
    Given,
    /// As `Given`, for models that are no encoder–decoders.
    GivenToDecoder,
    /// Where one of its lists has several tokens.
    Several,
}

/// Settings that are read and not applied.
const NOT_APPLIED: [(&str, Applies); 26] = [
    ("num_beam_groups", Applies::Above(1.0)),
    ("diversity_penalty", Applies::Unless(0.0)),
    ("penalty_alpha", Applies::Unless(0.0)),
    ("force_words_ids", Applies::Given),
    ("constraints", Applies::Given),
    ("max_time", Applies::Given),
    ("stop_strings", Applies::Given),
    ("encoder_no_repeat_ngram_size", Applies::Above(0.0)),
    ("encoder_repetition_penalty", Applies::Unless(1.0)),
    ("bad_words_ids", Applies::Several),
    ("sequence_bias", Applies::Given),
    ("begin_suppress_tokens", Applies::Given),
    ("forced_bos_token_id", Applies::GivenToDecoder),
    ("forced_decoder_ids", Applies::Given),
    ("exponential_decay_length_penalty", Applies::Given),
    ("remove_invalid_values", Applies::Given),
    ("renormalize_logits", Applies::Given),
    ("guidance_scale", Applies::Unless(1.0)),
    ("watermarking_config", Applies::Given),
    ("typical_p", Applies::DrawnUnless(1.0)),
    ("top_h", Applies::DrawnUnless(1.0)),
    ("epsilon_cutoff", Applies::DrawnUnless(0.0)),
    ("eta_cutoff", Applies::DrawnUnless(0.0)),
    ("dola_layers", Applies::Given),
    ("token_healing", Applies::Given),
    ("num_return_sequences", Applies::Above(1.0)),
];

fn not_applied(both: &Both<'_>, samples: bool, encodes: bool) -> Vec<String> {
    let applies = |value: &Value, applies: Applies| {
        let given = match value {
            Value::Null | Value::Bool(false) => false,
            Value::Array(list) => !list.is_empty(),
            Value::Object(object) => !object.is_empty(),
            _ => true,
        };
        match (applies, value.as_f64()) {
            (Applies::Unless(number), Some(value)) => value != number,
            (Applies::Above(number), Some(value)) => value > number,
            (Applies::DrawnUnless(number), Some(value)) => samples && value != number,
            (Applies::DrawnUnless(_), None) => samples && given,
            (Applies::GivenToDecoder, _) => !encodes && given,
            (Applies::Several, _) => bad_words(both).any(|word| word.len() > 1),
            _ => given,
        }
    };
    let named = NOT_APPLIED.iter().filter_map(|(name, when)| {
        let (_, value) = both.get(name).filter(|(_, value)| applies(value, *when))?;
        let value = value.to_string();
        let cut = if value.chars().count() > 40 { "…" } else { "" };
        Some(format!("{name} = {}{cut}", value.chars().take(40).collect::<String>()))
    });
    named.collect()
}
