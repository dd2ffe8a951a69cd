//! Text that is made a token at a time: prompts become tokens here, the page runs the loop, and what it gives becomes
//! text here as it comes.

use std::time::{Duration, Instant};

use pelago_browser::pool::PoolError;
use pelago_models::PrepareError;
use pelago_models::prepare::{DecoderFacts, Prepared};
use pelago_protocol::{
    Advice, Beams, DType, ErrorCode, GenerateData, GenerateOptions, GeneratePart, GenerateResult, GeneratedText, Input,
    Output, PARTS_AHEAD, Part, Platform, Request, RowToken, Sampling, Setting, StopReason, Tensor, TextPart,
};
use pelago_text::{Defaults, Generator, PromptTokens, Stream};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::embed::milliseconds;
use super::stops::Stops;
use super::{Asking, Did, Executed};
use crate::RunError;

/// Tokens of an answer where neither the user nor the model says how many.
const NEW_TOKENS: u32 = 256;

/// What was done with prompts.
pub(crate) struct Generated {
    pub(crate) tokenize_ms: f64,
    /// From the request's arrival to the first token.
    pub(crate) first_token_ms: Option<f64>,
    pub(crate) prompt_tokens: u64,
    pub(crate) sampling: Sampling,
    pub(crate) beams: Option<Beams>,
    pub(crate) has_schema: bool,
    pub(crate) stop: Vec<StopReason>,
    pub(crate) result: GenerateResult,
    /// What the reference would do and is not done.
    pub(crate) warnings: Vec<String>,
}

/// Continues texts or a chat, or makes other texts of texts.
///
/// # Errors
/// [`PrepareError::Text`] for prompts that the model does not take, [`RunError::UnexpectedOutput`] for an answer that
/// lacks rows, [`RunError::CutShort`] where the page was lost after the first token, and those of the page.
pub(super) async fn generate(asking: &Asking<'_>) -> Result<Executed, RunError> {
    let Asking { engine, request, prepared, start, .. } = *asking;
    let model = &engine.preparer.generator(prepared).await?;
    let began = Instant::now();
    let tokens = prompts_of(model, prepared, request)?;
    let tokenize_ms = milliseconds(began);
    let decoder = decoder_of(asking).await?;
    let (options, defaults) = (&request.generate, model.defaults());
    let beams = beams(options, defaults);
    let sampling = sampling(options, defaults, &tokens.lengths);
    let data = GenerateData {
        graphs: asking.graphs().await?,
        lengths: tokens.lengths.clone(),
        pad_id: defaults.pad_id,
        decoder_ids: defaults.decoder_ids.clone(),
        context: decoder.context,
        max_new_tokens: new_tokens(options, defaults, &tokens.lengths),
        stop_ids: if options.ignore_eos { Vec::new() } else { defaults.stop_ids.clone() },
        sampling: sampling.clone(),
        beams: beams.clone(),
        schema: options.schema.clone(),
        logprobs: options.logprobs,
        // A session that records ignores windows.
        capture: asking.platform == Platform::WebGpu
            && !options.no_capture
            && !decoder.has_window
            && !decoder.is_published,
    };
    let mut tensors = vec![ids(asking, "input_ids", &tokens.ids)?];
    if options.schema.is_some() {
        tensors.extend(vocabulary(asking, model)?);
    }

    let (sender, receiver) = mpsc::channel(PARTS_AHEAD as usize / 2);
    let stop = CancellationToken::new();
    let rows = data.lengths.len();
    let mut listener = Listener::new(asking, model, rows, &options.stop, stop.clone(), start);
    let listening = listener.listen(receiver);
    let asked = asking.send_streaming(&data, tensors, Some(sender), Some(stop.clone()));
    let timer = when_to_stop(asking, &stop, options.max_seconds);
    let answer = tokio::select! {
        both = async { tokio::try_join!(async { Ok(asked.await) }, listening) } => both?.0,
        never = timer => match never {},
    };
    let given = listener.tokens();
    let timed_out = options.max_seconds.is_some_and(|most| start.elapsed() >= Duration::from_secs_f64(most));
    let (result, _) = answer.map_err(|error| match error {
        // The page had not begun.
        error if stop.is_cancelled() && is_cancelled(&error) => RunError::NoToken { time: timed_out },
        error => cut_short(given, error),
    })?;
    if result.rows.len() != rows {
        return Err(unexpected(asking, format!("{} texts for {rows} prompts", result.rows.len())));
    }
    let texts = listener.finish(&result, timed_out).await?;
    let generated = Generated {
        tokenize_ms,
        first_token_ms: listener.first_token_ms,
        prompt_tokens: tokens.ids.len() as u64,
        sampling,
        has_schema: options.schema.is_some(),
        stop: texts.iter().map(|text| text.stop).collect(),
        warnings: warnings(defaults, beams.as_ref()),
        beams,
        result,
    };
    let page_ms = generated.result.encode_ms.unwrap_or(0.0) + generated.result.prefill_ms + generated.result.decode_ms;
    Ok(Executed {
        loads: generated.result.loads.clone(),
        processing_ms: tokenize_ms + page_ms,
        did: Did::Generated(generated),
        output: Output::Texts(texts),
    })
}

/// The tokens of what a request has the model go on with; none of an input that is no text.
///
/// # Errors
/// [`PrepareError::Text`] for prompts that the model does not take.
pub(crate) fn prompts_of(model: &Generator, prepared: &Prepared, request: &Request) -> Result<PromptTokens, RunError> {
    let tokens = match &request.input {
        Input::Texts(texts) => model.prompts(texts),
        Input::Chat(messages) => model.chat(messages, &request.generate.chat_template_kwargs),
        Input::Pairs(_) | Input::Tensors(_) => Ok(PromptTokens::default()),
    };
    Ok(tokens.map_err(|source| PrepareError::Text { model: prepared.source.name.clone(), source })?)
}

/// What is known of the model's decoder.
///
/// # Errors
/// [`RunError::Unsupported`] for a graph that is none of Pelago's, or that the platform computes wrongly.
pub(super) async fn decoder_of(asking: &Asking<'_>) -> Result<DecoderFacts, RunError> {
    let prepared = asking.prepared;
    let decoder = asking.engine.preparer.decoder(prepared).await?.ok_or_else(|| RunError::Unsupported {
        what: format!("making text with the graph of {}", prepared.source.name),
        advice: "leave the graph's name out: Pelago builds one of the model's weights".into(),
    })?;
    if decoder.bounds_scores && asking.platform == Platform::WebGpu {
        return Err(RunError::Unsupported {
            what: format!("attention that bounds its scores, as {} has it, on WebGPU", prepared.source.name),
            advice: Advice::from("onnxruntime leaves the bound out there, and the text would be another one: use ")
                .set(Setting::Platform, "wasm"),
        });
    }
    Ok(decoder)
}

/// A tensor of token ids, int32 `[tokens]`.
pub(super) fn ids(asking: &Asking<'_>, name: &str, ids: &[i32]) -> Result<Tensor, RunError> {
    let bytes = ids.iter().flat_map(|id| id.to_le_bytes()).collect::<Vec<_>>();
    let tensor = Tensor::new(name, DType::Int32, vec![ids.len()], bytes.into());
    tensor.map_err(|error| unexpected(asking, error.to_string()))
}

fn is_cancelled(error: &RunError) -> bool {
    matches!(error, RunError::Browser(error) if error.page().is_some_and(|page| page.code == ErrorCode::Cancelled))
}

fn unexpected(asking: &Asking<'_>, found: String) -> RunError {
    RunError::UnexpectedOutput { browser: asking.worker.product().to_owned(), found }
}

fn warnings(defaults: &Defaults, beams: Option<&Beams>) -> Vec<String> {
    let warning =
        |setting| format!("the model's files set {setting}, which is not applied: transformers' text may differ");
    let mut warnings = defaults.not_applied.iter().map(warning).collect::<Vec<_>>();
    if defaults.beams > 1 && beams.is_none() {
        warnings.push(warning(&format!("num_beams = {}", defaults.beams)));
    }
    warnings
}

/// What each token adds to a text, as a page is told of it.
fn vocabulary(asking: &Asking<'_>, model: &Generator) -> Result<[Tensor; 2], RunError> {
    let pieces = model.pieces();
    let bytes = Tensor::new("token_bytes", DType::UInt8, vec![pieces.bytes.len()], pieces.bytes.clone().into());
    let bytes = bytes.map_err(|error| unexpected(asking, error.to_string()))?;
    Ok([bytes, ids(asking, "token_ends", &pieces.ends)?])
}

/// The search for the likeliest answer: as the user says, else as the model's files say. Tokens that are drawn, those
/// whose probabilities are asked for, and answers that keep to a schema are chosen one by one.
fn beams(options: &GenerateOptions, defaults: &Defaults) -> Option<Beams> {
    let one_by_one = draws(options, defaults) || options.logprobs.is_some() || options.schema.is_some();
    let usual = if one_by_one { 1 } else { defaults.beams };
    let count = options.beams.unwrap_or(usual);
    (count > 1).then(|| Beams {
        count,
        length_penalty: options.length_penalty.unwrap_or(defaults.length_penalty),
        early_stopping: options.early_stopping.unwrap_or(defaults.early_stopping),
    })
}

/// What was given before an error is not lost, and the error says how much there is.
fn cut_short(tokens: usize, error: RunError) -> RunError {
    match error {
        RunError::Browser(PoolError::BrowserLost { .. }) if tokens > 0 => {
            RunError::CutShort { tokens, source: Box::new(error) }
        }
        error => error,
    }
}

/// Tokens that an answer may have: as the user says, else as the model says of answers, or of prompt and answer together.
fn new_tokens(options: &GenerateOptions, defaults: &Defaults, lengths: &[u32]) -> u32 {
    let before = before(defaults, lengths);
    let of_length = || defaults.max_length?.checked_sub(before).filter(|tokens| *tokens > 0);
    let tokens = options.max_new_tokens.or(defaults.max_new_tokens).or_else(of_length).unwrap_or(NEW_TOKENS);
    tokens.saturating_sub(forced(defaults)).max(1)
}

/// What is forced after the first token of every answer: it counts as new, as in transformers.
fn forced(defaults: &Defaults) -> u32 {
    u32::try_from(defaults.decoder_ids.len().saturating_sub(1)).unwrap_or_default()
}

/// Tokens that the decoder is given before an answer.
fn before(defaults: &Defaults, lengths: &[u32]) -> u32 {
    match defaults.decoder_ids.len() {
        0 => lengths.iter().copied().max().unwrap_or_default(),
        given => u32::try_from(given).unwrap_or(u32::MAX),
    }
}

/// What logits are divided by before a token is drawn; 0 where none is.
fn temperature(options: &GenerateOptions, defaults: &Defaults) -> f64 {
    // Cuts are for draws.
    let cuts = options.top_k.is_some() || options.top_p.is_some() || options.min_p.is_some();
    match options.temperature {
        Some(temperature) => temperature,
        None if cuts => defaults.temperature,
        // A search that is asked for draws nothing.
        None if options.beams.is_some_and(|beams| beams > 1) => 0.0,
        None => defaults.sampling.temperature,
    }
}

fn draws(options: &GenerateOptions, defaults: &Defaults) -> bool {
    temperature(options, defaults) > 0.0
}

/// How tokens are chosen: as the user says, else as the model's `generation_config.json` says, else as transformers
/// does. A temperature is what draws: without one, and where the model does not say that tokens are drawn, the most
/// likely token is taken.
fn sampling(options: &GenerateOptions, defaults: &Defaults, lengths: &[u32]) -> Sampling {
    let usual = &defaults.sampling;
    let temperature = temperature(options, defaults);
    let draws = temperature > 0.0;
    let of_length = defaults.min_length.saturating_sub(before(defaults, lengths));
    let least = options.min_new_tokens.unwrap_or(usual.min_new_tokens).saturating_sub(forced(defaults));
    // What the user asks for is all that counts.
    let least = if options.min_new_tokens.is_some() { least } else { least.max(of_length) };
    Sampling {
        temperature,
        top_k: options.top_k.or(usual.top_k).filter(|top_k| draws && *top_k > 0),
        top_p: options.top_p.or(usual.top_p).filter(|_| draws),
        min_p: options.min_p.or(usual.min_p).filter(|_| draws),
        repetition_penalty: options.repetition_penalty.unwrap_or(usual.repetition_penalty),
        frequency_penalty: options.frequency_penalty.unwrap_or(0.0),
        presence_penalty: options.presence_penalty.unwrap_or(0.0),
        no_repeat_ngram: options.no_repeat_ngram.unwrap_or(usual.no_repeat_ngram),
        suppressed: usual.suppressed.clone(),
        forced_end: if options.ignore_eos { None } else { usual.forced_end },
        min_new_tokens: least,
        // The last bits of such an identifier are random.
        #[expect(clippy::cast_possible_truncation, reason = "the random bits are the low ones")]
        seed: options.seed.unwrap_or_else(|| if draws { uuid::Uuid::now_v7().as_u128() as u32 } else { 0 }),
    }
}

/// Cancels `stop` when time is up, or when whoever asked says so.
async fn when_to_stop(asking: &Asking<'_>, stop: &CancellationToken, seconds: Option<f64>) -> std::convert::Infallible {
    let told = async {
        match asking.listening.streaming {
            Some(streaming) => streaming.stop.cancelled().await,
            None => std::future::pending().await,
        }
    };
    let late = async {
        match seconds {
            Some(seconds) => tokio::time::sleep_until((asking.start + Duration::from_secs_f64(seconds)).into()).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = told => {}
        () = late => {}
    }
    stop.cancel();
    std::future::pending().await
}

/// What a row has by now.
struct Row<'a> {
    /// `None` after the end.
    stream: Option<Stream>,
    stops: Stops<'a>,
    text: String,
    tokens: Vec<RowToken>,
}

/// Makes text of tokens as they come, and passes it on.
struct Listener<'a> {
    asking: &'a Asking<'a>,
    rows: Vec<Row<'a>>,
    stop: CancellationToken,
    start: Instant,
    first_token_ms: Option<f64>,
    /// Where parts go, while somebody takes them.
    parts: Option<mpsc::Sender<Part>>,
}

impl<'a> Listener<'a> {
    fn new(
        asking: &'a Asking<'a>,
        model: &'a Generator,
        rows: usize,
        stops: &'a [String],
        stop: CancellationToken,
        start: Instant,
    ) -> Self {
        let row =
            || Row { stream: Some(model.stream()), stops: Stops::new(stops), text: String::new(), tokens: Vec::new() };
        let parts = asking.listening.streaming.and_then(|streaming| streaming.parts.clone());
        let rows = (0..rows).map(|_| row()).collect();
        Self { asking, rows, stop, start, first_token_ms: None, parts }
    }

    fn tokens(&self) -> usize {
        self.rows.iter().map(|row| row.tokens.len()).sum()
    }

    /// Takes parts until there are none any more.
    async fn listen(&mut self, mut parts: mpsc::Receiver<Value>) -> Result<(), RunError> {
        while let Some(part) = parts.recv().await {
            let part: GeneratePart = serde_json::from_value(part)?;
            // A search by beams says first that it can be stopped now.
            if !part.tokens.is_empty() {
                self.first_token_ms.get_or_insert_with(|| milliseconds(self.start));
            }
            for token in part.tokens {
                self.token(token).await?;
            }
            // Where every row has its end, the page need not go on.
            if self.rows.iter().all(|row| row.stops.found()) {
                self.stop.cancel();
            }
        }
        Ok(())
    }

    async fn token(&mut self, token: RowToken) -> Result<(), RunError> {
        let number = token.row as usize;
        let Some(row) = self.rows.get_mut(number) else {
            return Err(unexpected(self.asking, format!("a token for row {number}")));
        };
        if row.stops.found() {
            return Ok(());
        }
        let model = || self.asking.prepared.source.name.clone();
        let piece = row.stream.as_mut().map_or(Ok(None), |stream| stream.push(token.id));
        let piece = piece.map_err(|source| PrepareError::Text { model: model(), source })?;
        let text = row.stops.push(&piece.unwrap_or_default());
        row.text.push_str(&text);
        row.tokens.push(token.clone());
        self.give(TextPart { row: number, text, token: Some(token) }).await;
        Ok(())
    }

    async fn give(&mut self, part: TextPart) {
        if let Some(parts) = &self.parts
            && parts.send(Part::Text(part)).await.is_err()
        {
            self.parts = None;
        }
    }

    /// The texts as they are at the end.
    async fn finish(&mut self, result: &GenerateResult, timed_out: bool) -> Result<Vec<GeneratedText>, RunError> {
        let mut texts = Vec::with_capacity(self.rows.len());
        for (number, ended) in result.rows.iter().enumerate() {
            let model = || self.asking.prepared.source.name.clone();
            let row = &mut self.rows[number];
            let found = row.stops.found();
            if !found {
                let rest = row.stream.take().map_or(Ok(String::new()), Stream::finish);
                let rest = rest.map_err(|source| PrepareError::Text { model: model(), source })?;
                let rest = row.stops.push(&rest) + &row.stops.rest();
                row.text.push_str(&rest);
                if !rest.is_empty() {
                    self.give(TextPart { row: number, text: rest, token: None }).await;
                }
            }
            let row = &mut self.rows[number];
            let stop = match ended.stop {
                _ if found || row.stops.found() => StopReason::Stop,
                StopReason::Interrupted if timed_out => StopReason::Time,
                stop => stop,
            };
            texts.push(GeneratedText {
                text: std::mem::take(&mut row.text),
                tokens: std::mem::take(&mut row.tokens),
                stop,
            });
        }
        Ok(texts)
    }
}
