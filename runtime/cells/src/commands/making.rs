//! How text is made, of models that make text: options of `accelerate`.

use std::path::Path;

use clap::Args;
use pelago_protocol::{ChatMessage, EarlyStopping, GenerateOptions, Input};
use pelago_session::RunError;

use super::values;

/// How text is made.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Models that make text")]
pub(super) struct Making {
    /// Put the text to the model as a message of a chat, by the model's own chat template
    #[arg(long)]
    chat: bool,
    /// What the chat begins with, as its system message
    #[arg(long, value_name = "TEXT", requires = "chat")]
    system: Option<String>,
    /// Tokens that an answer may have [default: what the model says, else 256]
    #[arg(long, value_name = "N", value_parser = values::whole::<u32>(1..=1_000_000))]
    max_new_tokens: Option<u32>,
    /// Seconds after which an answer ends as it is
    #[arg(long, value_name = "SECONDS", value_parser = values::number(0.001, "30"))]
    max_seconds: Option<f64>,
    /// How evenly tokens are drawn: 0 takes the most likely one [default: what the model says, else 0]
    #[arg(long, value_name = "T", value_parser = values::number(0.0, "0.7"))]
    temperature: Option<f64>,
    /// Draw only from this many of the most likely tokens; 0 for all
    #[arg(long, value_name = "N", value_parser = values::whole::<u32>(0..=10_000_000))]
    top_k: Option<u32>,
    /// Draw only from the most likely tokens whose probabilities add up to this
    #[arg(long, value_name = "P", value_parser = values::number(0.0, "0.9"))]
    top_p: Option<f64>,
    /// Draw only from tokens of at least this times the greatest probability
    #[arg(long, value_name = "P", value_parser = values::number(0.0, "0.05"))]
    min_p: Option<f64>,
    /// Make tokens that prompt or answer have already less likely: above 1
    #[arg(long, value_name = "X", value_parser = values::number(0.000_001, "1.1"))]
    repetition_penalty: Option<f64>,
    /// Taken off a token's logit as often as the answer has it
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    frequency_penalty: Option<f64>,
    /// Taken off the logit of a token that the answer has
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    presence_penalty: Option<f64>,
    /// Let no sequence of this many tokens come twice; 0 lets any
    #[arg(long, value_name = "N", value_parser = values::whole::<u32>(0..=1_000))]
    no_repeat_ngram: Option<u32>,
    /// Tokens that an answer has at least [default: what the model says, else 0]
    #[arg(long, value_name = "N", value_parser = values::whole::<u32>(0..=1_000_000))]
    min_new_tokens: Option<u32>,
    /// Search for the likeliest answer among this many that grow together [default: what the model says, else 1]
    #[arg(long, value_name = "N", value_parser = values::whole::<u32>(1..=64))]
    beams: Option<u32>,
    /// In that search, prefer long answers: above 0 [default: what the model says, else 1]
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    length_penalty: Option<f64>,
    /// When that search ends [default: what the model says, else likely]
    #[arg(long, value_name = "WHEN", value_parser = values::early_stopping())]
    early_stopping: Option<EarlyStopping>,
    /// Make JSON that this JSON schema allows: its text, or a file that holds it
    #[arg(long, value_name = "SCHEMA")]
    schema: Option<String>,
    /// Variables for the model's chat template, as JSON, e.g. {"enable_thinking": false}
    #[arg(long, value_name = "JSON", requires = "chat", value_parser = values::object())]
    chat_template_kwargs: Option<serde_json::Map<String, serde_json::Value>>,
    /// Where the random numbers begin: equal seeds give equal text [default: another one each time]
    #[arg(long, value_name = "N")]
    seed: Option<u32>,
    /// A text that ends an answer; may be given several times
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
    /// Give the logarithm of each token's probability, and of this many of the most likely ones (`--json`)
    #[arg(long, value_name = "N", value_parser = values::whole::<u32>(0..=100))]
    logprobs: Option<u32>,
    /// Let WebGPU encode its work for each token anew
    #[arg(long)]
    no_capture: bool,
}

impl Making {
    /// Texts, or a chat of one message where that is asked for.
    pub(super) fn input(&self, texts: &[String]) -> Input {
        if !self.chat {
            return Input::Texts(texts.to_vec());
        }
        let system = self.system.iter().map(|text| ChatMessage::new("system", text));
        // Several texts are what user and assistant said in turn.
        let turns =
            ["user", "assistant"].into_iter().cycle().zip(texts).map(|(role, text)| ChatMessage::new(role, text));
        Input::Chat(system.chain(turns).collect())
    }

    /// A file's path is relative to `folder`.
    pub(super) fn options(&self, folder: &Path) -> Result<GenerateOptions, RunError> {
        let schema = self.schema.as_ref().map(|given| values::json_or_file(given, folder)).transpose();
        Ok(GenerateOptions {
            max_new_tokens: self.max_new_tokens,
            max_seconds: self.max_seconds,
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            repetition_penalty: self.repetition_penalty,
            frequency_penalty: self.frequency_penalty,
            presence_penalty: self.presence_penalty,
            no_repeat_ngram: self.no_repeat_ngram,
            seed: self.seed,
            stop: self.stop.clone(),
            logprobs: self.logprobs,
            no_capture: self.no_capture,
            min_new_tokens: self.min_new_tokens,
            beams: self.beams,
            length_penalty: self.length_penalty,
            early_stopping: self.early_stopping,
            schema: schema.map_err(|(path, source)| RunError::Schema { path, source })?,
            chat_template_kwargs: self.chat_template_kwargs.clone().unwrap_or_default(),
            ignore_eos: false,
        })
    }
}
