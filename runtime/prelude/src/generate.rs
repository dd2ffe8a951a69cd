//! Text from models that make it a token at a time, whole or as it comes.

use std::io;
use std::os::unix::net::UnixStream;

use pelago_protocol::cells::{self, Call, Reply};
use pelago_protocol::{BrowserKind, ChatMessage, EarlyStopping, Input, Part, Platform, Request, TextPart};

use crate::session::{Accelerate, IntoPrecision};
use crate::{Error, Result, Run, client};

/// Continues texts with `model` (a name, a CID or a path), or makes other texts of them, once [`Generate::run`] or
/// [`Generate::stream`] is called.
pub fn generate(model: impl Into<String>, input: impl Into<Input>) -> Generate {
    Generate { accelerate: crate::accelerate(model, input) }
}

/// What `model` says next in a chat, by its own chat template.
pub fn chat(model: impl Into<String>, messages: impl IntoIterator<Item = ChatMessage>) -> Generate {
    generate(model, messages.into_iter().collect::<Vec<_>>())
}

/// A message of the user.
#[must_use]
pub fn user(text: impl Into<String>) -> ChatMessage {
    ChatMessage::new("user", text)
}

/// A message of the model.
#[must_use]
pub fn assistant(text: impl Into<String>) -> ChatMessage {
    ChatMessage::new("assistant", text)
}

/// What a chat begins with.
#[must_use]
pub fn system(text: impl Into<String>) -> ChatMessage {
    ChatMessage::new("system", text)
}

/// A text that is still to be asked for.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "nothing runs before `.run()` or `.stream()`"]
pub struct Generate {
    accelerate: Accelerate,
}

impl Generate {
    fn request(&mut self) -> &mut Request {
        self.accelerate.request_mut()
    }

    /// Tokens that each answer may have.
    pub fn max_new_tokens(mut self, tokens: u32) -> Self {
        self.request().generate.max_new_tokens = Some(tokens);
        self
    }

    /// Seconds after which an answer ends as it is.
    pub fn max_seconds(mut self, seconds: f64) -> Self {
        self.request().generate.max_seconds = Some(seconds);
        self
    }

    /// How evenly tokens are drawn; 0 takes the most likely one.
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.request().generate.temperature = Some(temperature);
        self
    }

    /// Draws only from this many of the most likely tokens; 0 for all.
    pub fn top_k(mut self, tokens: u32) -> Self {
        self.request().generate.top_k = Some(tokens);
        self
    }

    /// Draws only from the most likely tokens whose probabilities add up to this.
    pub fn top_p(mut self, probability: f64) -> Self {
        self.request().generate.top_p = Some(probability);
        self
    }

    /// Draws only from tokens of at least this times the greatest probability.
    pub fn min_p(mut self, probability: f64) -> Self {
        self.request().generate.min_p = Some(probability);
        self
    }

    /// Makes tokens that prompt or answer have already less likely: above 1.
    pub fn repetition_penalty(mut self, penalty: f64) -> Self {
        self.request().generate.repetition_penalty = Some(penalty);
        self
    }

    /// Taken off a token's logit as often as the answer has it.
    pub fn frequency_penalty(mut self, penalty: f64) -> Self {
        self.request().generate.frequency_penalty = Some(penalty);
        self
    }

    /// Taken off the logit of a token that the answer has.
    pub fn presence_penalty(mut self, penalty: f64) -> Self {
        self.request().generate.presence_penalty = Some(penalty);
        self
    }

    /// Lets no sequence of so many tokens come twice; 0 lets any.
    pub fn no_repeat_ngram(mut self, tokens: u32) -> Self {
        self.request().generate.no_repeat_ngram = Some(tokens);
        self
    }

    /// Tokens that each answer has at least.
    pub fn min_new_tokens(mut self, tokens: u32) -> Self {
        self.request().generate.min_new_tokens = Some(tokens);
        self
    }

    /// Searches for the likeliest answer among this many that grow together; 1 chooses each token for good.
    pub fn beams(mut self, count: u32) -> Self {
        self.request().generate.beams = Some(count);
        self
    }

    /// In a search, the exponent of an answer's length: above 0 prefers long ones.
    pub fn length_penalty(mut self, exponent: f64) -> Self {
        self.request().generate.length_penalty = Some(exponent);
        self
    }

    /// When a search ends.
    pub fn early_stopping(mut self, when: EarlyStopping) -> Self {
        self.request().generate.early_stopping = Some(when);
        self
    }

    /// Makes JSON that this JSON schema allows.
    pub fn schema(mut self, json: impl Into<String>) -> Self {
        self.request().generate.schema = Some(json.into());
        self
    }

    /// A variable for the model's chat template, e.g. `("enable_thinking", false)`.
    pub fn chat_template_kwarg(mut self, name: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
        self.request().generate.chat_template_kwargs.insert(name.into(), value.into());
        self
    }

    /// Where the random numbers begin: equal seeds give equal text on equal hardware.
    pub fn seed(mut self, seed: u32) -> Self {
        self.request().generate.seed = Some(seed);
        self
    }

    /// A text that ends an answer, and is no part of it. May be said several times.
    pub fn stop(mut self, text: impl Into<String>) -> Self {
        self.request().generate.stop.push(text.into());
        self
    }

    /// Gives the logarithm of each token's probability, and of this many of the most likely ones.
    pub fn logprobs(mut self, most_likely: u32) -> Self {
        self.request().generate.logprobs = Some(most_likely);
        self
    }

    /// Where in the page the model runs; chosen by what was measured unless it is said here.
    pub fn platform(mut self, platform: Platform) -> Self {
        self.request().platform = platform;
        self
    }

    /// Which browser runs it.
    pub fn browser(mut self, browser: BrowserKind) -> Self {
        self.request().browser = browser;
        self
    }

    /// Bits a weight, as [`Accelerate::precision`].
    pub fn precision(self, precision: impl IntoPrecision) -> Self {
        Self { accelerate: self.accelerate.precision(precision) }
    }

    /// Make a software adapter an error.
    pub fn require_real_hardware(mut self, required: bool) -> Self {
        self.request().require_real_hardware = required;
        self
    }

    /// Runs it and waits. The text is shown below the cell as it is made. An interrupt ends it at the next token: the
    /// run is of what was made by then.
    ///
    /// # Errors
    /// [`Error`] with a code, a message and what to do.
    pub fn run(self) -> Result<Run> {
        let request = Box::new(self.accelerate.into_request()?);
        Run::of(client::ask(Call::Generate { request, parts: false })?)
    }

    /// Runs it and gives its parts as they come.
    ///
    /// # Errors
    /// [`Error`] where the session is gone. What goes wrong later is an item of the stream.
    pub fn stream(self) -> Result<Stream> {
        let request = Box::new(self.accelerate.into_request()?);
        let socket = client::connect(Call::Generate { request, parts: true }).map_err(|error| Error::lost(&error))?;
        Ok(Stream { socket: Some(socket), run: None })
    }
}

/// The parts of a text, as they come: one a token. Dropped, it ends the run.
#[derive(Debug)]
pub struct Stream {
    /// `None` after the last part.
    socket: Option<UnixStream>,
    run: Option<Run>,
}

impl Stream {
    /// The run, once all parts came.
    #[must_use]
    pub fn run(&self) -> Option<&Run> {
        self.run.as_ref()
    }

    fn read(&mut self, socket: &mut UnixStream) -> Result<Option<TextPart>> {
        let answer: io::Result<Reply> = cells::read_frame(socket);
        match answer.map_err(|error| Error::lost(&error))? {
            Reply::Part { part: Part::Text(part) } => Ok(Some(part)),
            Reply::Failed { failure } => Err(failure.into()),
            reply => {
                self.run = Some(Run::of(reply)?);
                Ok(None)
            }
        }
    }
}

impl Iterator for Stream {
    type Item = Result<TextPart>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut socket = self.socket.take()?;
        match self.read(&mut socket) {
            Ok(Some(part)) => {
                self.socket = Some(socket);
                Some(Ok(part))
            }
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        }
    }
}
