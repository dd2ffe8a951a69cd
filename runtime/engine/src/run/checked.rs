//! Requests whose options go together. No option is ever ignored: what cannot be done is refused, whichever way the
//! request came.

use std::ops::Deref;

use pelago_models::prepare::Source;
use pelago_protocol::{Advice, GenerateOptions, Input, Precision, PrecisionChoice, Request, Setting, Task};

use super::head;
use crate::RunError;

/// A request that was checked. Nothing else reaches a page.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Checked(Request);

impl Checked {
    /// Checks a request.
    ///
    /// # Errors
    /// [`RunError::Unsupported`] and [`RunError::EmptyInput`].
    pub(crate) fn of(request: Request) -> Result<Self, RunError> {
        check(&request)?;
        Ok(Self(request))
    }
}

impl Deref for Checked {
    type Target = Request;

    fn deref(&self) -> &Request {
        &self.0
    }
}

/// Refuses what does not go together: no option is ever ignored.
fn check(request: &Request) -> Result<(), RunError> {
    let refused = |what: &str, advice: Advice| Err(RunError::Unsupported { what: what.to_owned(), advice });
    let fp32 = PrecisionChoice::Bits(Precision::Bits32);
    if request.recipe.is_some() && (request.mixed_precision || request.precision != fp32) {
        return refused("a recipe beside a precision", "leave the precision out: the recipe says all of it".into());
    }
    if request.mixed_precision && request.precision == fp32 {
        return refused(
            "mixed precision of 32 bits, above which there is none,",
            "choose 2, 4, 8 or 16 bits, or auto, with it".into(),
        );
    }
    if request.memory_limit.is_some() && request.precision != PrecisionChoice::Auto {
        return refused(
            "a memory limit for a precision that is named",
            Advice::from("use ").set(Setting::Precision, "auto").text(" with it"),
        );
    }
    match &request.input {
        Input::Texts(texts) if texts.is_empty() => Err(RunError::EmptyInput { what: "no text was given".to_owned() }),
        Input::Texts(_) => Ok(()),
        Input::Pairs(pairs) if pairs.is_empty() => {
            Err(RunError::EmptyInput { what: "no pair of texts was given".to_owned() })
        }
        Input::Pairs(_) => Ok(()),
        Input::Chat(messages) if messages.is_empty() => {
            Err(RunError::EmptyInput { what: "nothing was said in the chat".to_owned() })
        }
        Input::Chat(_) => Ok(()),
        Input::Tensors(_) if request.prompt.is_some() || request.truncate_dim.is_some() => {
            refused("a prompt or a number of dimensions for tensors", "they are for texts: leave them out".into())
        }
        Input::Tensors(tensors) if tensors.is_empty() => {
            Err(RunError::EmptyInput { what: "no tensor was given".to_owned() })
        }
        Input::Tensors(_) => Ok(()),
    }
}

/// Refuses what the model does not take.
pub(crate) fn check_task(request: &Request, source: &Source) -> Result<(), RunError> {
    let family = source.family;
    if request.use_firefox_optimizations {
        return Err(RunError::Unsupported {
            what: format!("Firefox's audio settings for a model of the family {family}"),
            advice: Advice::from("leave ")
                .setting(Setting::UseFirefoxOptimizations)
                .text(" out: it is for audio models, which do not run yet"),
        });
    }
    let task = request.task.or(source.task);
    let refused = |what: String, advice: Advice| Err(RunError::Unsupported { what, advice });
    match (&request.input, task) {
        (Input::Tensors(_), _) => {}
        (Input::Texts(_) | Input::Pairs(_) | Input::Chat(_), None) => {
            return refused(
                format!("text input for a model of the family {family}"),
                Advice::from(
                    "use a model of texts, or give the graph's own tensors in a cell of Rust; \
                     if the family is detected wrongly, add the model again with ",
                )
                .setting(Setting::Family),
            );
        }
        (Input::Chat(_), Some(task)) if task != Task::TextGeneration => {
            return refused(format!("a chat for the task {task}"), "use a model that generates text".into());
        }
        (Input::Pairs(_), Some(task)) if !matches!(task, Task::TextClassification | Task::QuestionAnswering) => {
            return refused(
                format!("a pair of texts for the task {task}"),
                "give it single texts, or use a model that labels pairs or answers questions".into(),
            );
        }
        (Input::Texts(_), Some(Task::QuestionAnswering)) => {
            return refused(
                "a text alone for the task question-answering".to_owned(),
                "give it pairs: a question, and the text that answers it".into(),
            );
        }
        (Input::Texts(_) | Input::Pairs(_) | Input::Chat(_), Some(_)) => {}
    }
    let head = task.filter(|task| task.head().is_some() && !matches!(request.input, Input::Tensors(_)));
    head::check(request, head, source)?;
    let generates = task.is_some_and(Task::generates) && !matches!(request.input, Input::Tensors(_));
    if !generates && request.generate != GenerateOptions::default() {
        return refused(
            "an option of text generation for a model that makes no text".to_owned(),
            "leave options such as the number of new tokens and the temperature out".into(),
        );
    }
    if generates && (request.prompt.is_some() || request.truncate_dim.is_some()) {
        return refused(
            "a prompt by its name, or a number of dimensions, for a model that makes text".to_owned(),
            "they are for embeddings: leave them out".into(),
        );
    }
    if generates {
        check_generate(&request.generate)?;
        if !request.generate.chat_template_kwargs.is_empty() && !matches!(request.input, Input::Chat(_)) {
            return refused(
                "a variable of the chat template without a chat".to_owned(),
                "give messages, or leave it out".into(),
            );
        }
    }
    Ok(())
}

/// Answers that a search keeps at most: each takes the memory of a prompt more.
const BEAMS_MAX: u32 = 64;

/// Refuses numbers that mean nothing.
fn check_generate(options: &GenerateOptions) -> Result<(), RunError> {
    let refused = |what: String, advice: &'static str| Err(RunError::Unsupported { what, advice: advice.into() });
    let finite = [
        ("temperature", options.temperature, 0.0, f64::MAX),
        ("top_p", options.top_p, 0.0, 1.0),
        ("min_p", options.min_p, 0.0, 1.0),
        ("repetition_penalty", options.repetition_penalty, f64::MIN_POSITIVE, f64::MAX),
        ("frequency_penalty", options.frequency_penalty, f64::MIN, f64::MAX),
        ("presence_penalty", options.presence_penalty, f64::MIN, f64::MAX),
        ("length_penalty", options.length_penalty, f64::MIN, f64::MAX),
        ("max_seconds", options.max_seconds, f64::MIN_POSITIVE, 1e6),
    ];
    for (name, value, least, most) in finite {
        // NaN is in no range.
        if value.is_some_and(|value| !(least..=most).contains(&value)) {
            let value = value.unwrap_or_default();
            return refused(format!("{name} {value}"), "choose a number that is in the option's range");
        }
    }
    let searches = options.beams.is_some_and(|beams| beams > 1);
    if !searches && (options.length_penalty.is_some() || options.early_stopping.is_some()) {
        return refused("an option of a search by beams without one".to_owned(), "ask for at least 2 beams with it");
    }
    if options.beams == Some(0) || options.beams.is_some_and(|beams| beams > BEAMS_MAX) {
        return refused(format!("{} beams", options.beams.unwrap_or_default()), "ask for 1 to 64");
    }
    if searches {
        let beside = [
            ("a temperature", options.temperature.is_some_and(|temperature| temperature > 0.0)),
            ("a cut of what is drawn", options.top_k.is_some() || options.top_p.is_some() || options.min_p.is_some()),
            ("the probabilities of tokens", options.logprobs.is_some()),
            ("a JSON schema", options.schema.is_some()),
        ];
        if let Some((what, _)) = beside.iter().find(|(_, given)| *given) {
            return refused(format!("{what} beside a search by beams"), "leave one of the two out");
        }
    }
    if options.min_new_tokens > options.max_new_tokens && options.max_new_tokens.is_some() {
        return refused(
            format!("an answer of at least {} tokens that may have fewer", options.min_new_tokens.unwrap_or_default()),
            "ask for no more tokens at least than at most",
        );
    }
    if let Some(schema) = &options.schema
        && let Err(error) = serde_json::from_str::<serde_json::Value>(schema)
    {
        return refused(
            format!("a schema that is no JSON ({error})"),
            "give a JSON schema, e.g. {\"type\": \"object\"}",
        );
    }
    if options.schema.is_some() && options.ignore_eos {
        return refused("a JSON schema for an answer that nothing ends".to_owned(), "leave one of the two out");
    }
    if options.max_new_tokens == Some(0) {
        return refused("an answer of 0 tokens".to_owned(), "ask for at least 1");
    }
    if options.stop.iter().any(String::is_empty) {
        return refused("an empty text that ends an answer".to_owned(), "leave it out");
    }
    Ok(())
}
