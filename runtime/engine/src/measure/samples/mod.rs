//! What a model is measured on where the user gives nothing: the same for every
//! model of a family, and the same each time.

mod tensors;

use pelago_models::prepare::{Making, Purpose, Wanted};
use pelago_models::{PrepareError, Prepared};
use pelago_protocol::{Family, GenerateOptions, Input, Observer, Platform, Request, Task};

use crate::run::checked::Checked;
use crate::{Engine, RunError};

/// Sentences of different lengths, languages and kinds, so that tokens of all sorts are looked up. Even by
/// letters none is longer than the 128 tokens that small models take.
const SENTENCES: [&str; 8] = [
    "The quick brown fox jumps over the lazy dog",
    "Attention is all you need.",
    "In 1969, 3.14 million people saw it; 42 % of them twice.",
    "La souveraineté réside dans le peuple, et elle est inaliénable.",
    "素早い茶色の狐がのろまな犬を飛び越える",
    "fn main() { println!(\"{}\", (1..=10).map(|n| n * n).sum::<u32>()); }",
    "Der Strom wird in der Mitte des Flusses am tiefsten, sagte sie, und ging.",
    "A sentence that goes on wears its reader out, who wonders whether it will ever end, or run on for good.",
];

/// What a model that makes text goes on with, or makes another text of.
const PASSAGE: &str = "The river had been rising since noon. By the time the ferryman came back to the landing, the lower \
    steps were under water and the ropes that held his boat had begun to sing in the current. He looked at the sky, then \
    at the three travellers who were waiting under the roof, and said that";

/// Tokens that a model makes in each run where nobody says how many.
const NEW_TOKENS: u32 = 32;

/// A measurement's request, as far as all combinations share it.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) input: Input,
    /// So that runs of all combinations are alike.
    pub(super) generate: GenerateOptions,
}

/// What a model is measured on: what the user gives, else texts for a model that takes these, else tensors by what its
/// graph declares. Text is made greedily, as long in every run.
///
/// # Errors
/// Where the model cannot be used, or no input can be made for its graph.
pub(super) async fn sample(
    engine: &Engine,
    model: &str,
    graph: Option<&String>,
    given: Option<&Input>,
    new_tokens: Option<u32>,
    observer: Option<&Observer>,
) -> Result<Sample, RunError> {
    let of = |input: Input| Sample { input, generate: GenerateOptions::default() };
    let asked = Request { graph: graph.cloned(), ..Request::new(model, given.cloned().unwrap_or_else(|| "".into())) };
    let as_task = match (engine.prepare(&Checked::of(asked)?, observer).await, given) {
        (Err(error), Some(_)) => return Err(error),
        (as_task, _) => as_task,
    };
    if let Ok(fp32) = &as_task {
        fp32.wait_complete().await?;
        let makes_text = fp32.task().is_some_and(Task::generates);
        let decoder = if makes_text { engine.preparer.decoder(fp32).await? } else { None };
        let new = new_tokens.unwrap_or(NEW_TOKENS);
        let input = match (given, decoder) {
            (Some(given), _) => Some(given.clone()).filter(|_| makes_text),
            (None, Some(decoder)) => Some(passage(engine, fp32, decoder.context.saturating_sub(new)).await?.into()),
            (None, None) => None,
        };
        if let Some(input) = input {
            return Ok(Sample { input, generate: alike(new) });
        }
        if new_tokens.is_some() {
            return Err(RunError::Unsupported {
                what: format!("a number of new tokens for {}, which makes no text,", fp32.source.name),
                advice: "leave it out".into(),
            });
        }
        if let Some(given) = given {
            return Ok(of(given.clone()));
        }
        if fp32.source.family == Family::TextEmbedding && fp32.wanted.graph.is_none() {
            return Ok(of(SENTENCES.into()));
        }
    }
    // A graph that somebody published may take tensors where no builder makes one of texts.
    let platform = Platform::Wasm;
    let wanted = Wanted { graph: graph.cloned(), making: Making::FP32, platform, purpose: Purpose::Tensors };
    let Ok(fp32) = engine.preparer.prepare(model, &wanted, observer).await else {
        // What is wrong with the model's own task says more.
        return match as_task {
            Ok(fp32) => Ok(of(tensors_for(engine, &fp32).await?)),
            Err(error) => Err(error),
        };
    };
    fp32.wait_complete().await?;
    Ok(of(tensors_for(engine, &fp32).await?))
}

/// As many words of the passage as there is room for, in tokens; one at least.
async fn passage(engine: &Engine, prepared: &Prepared, room: u32) -> Result<String, RunError> {
    let model = engine.preparer.generator(prepared).await?;
    let mut words = PASSAGE.split(' ').collect::<Vec<_>>();
    loop {
        let text = words.join(" ");
        let tokens = model.prompts(std::slice::from_ref(&text));
        let tokens =
            tokens.map_err(|source| PrepareError::Text { model: prepared.source.name.clone(), source })?.ids.len();
        if tokens as u64 <= u64::from(room) || words.len() == 1 {
            return Ok(text);
        }
        words.truncate((words.len() * 3 / 4).max(1));
    }
}

/// Answers of `new_tokens` tokens, each of them the most likely one: what a run does then depends on nothing but the
/// model.
fn alike(new_tokens: u32) -> GenerateOptions {
    GenerateOptions {
        max_new_tokens: Some(new_tokens),
        temperature: Some(0.0),
        repetition_penalty: Some(1.0),
        no_repeat_ngram: Some(0),
        min_new_tokens: Some(0),
        beams: Some(1),
        ignore_eos: true,
        ..GenerateOptions::default()
    }
}

async fn tensors_for(engine: &Engine, fp32: &Prepared) -> Result<Input, RunError> {
    let declared = engine.preparer.declared(fp32).await?;
    let made = declared.inputs.iter().map(|input| tensors::tensor(input, &declared));
    let made = made.collect::<Result<Vec<_>, _>>().map_err(|what| RunError::Unsupported {
        what: format!("a set of inputs for {}: {what}", fp32.source.name),
        advice: "give the graph's own tensors: bench(…).input(tensors) in a cell".into(),
    })?;
    Ok(Input::Tensors(made))
}
