//! Measuring combinations: cold starts, then turns in which each runs once.

use std::collections::{HashMap, VecDeque};

use pelago_models::PrepareError;
use pelago_protocol::{
    BrowserKind, ErrorCode, GenerationReport, GenerationSpeed, Observer, Parity, ParityVerdict, Phases, Platform,
    Precision, Request, Run, Step, SweepOutcome, SweepRequest, SweepRow, Voice,
};
use pelago_statistics as statistics;
use tokio_util::sync::CancellationToken;

use super::plan::Combination;
use crate::fleet::dispose;
use crate::measure::reference::Reference;
use crate::measure::samples::{Sample, sample};
use crate::run::candidate::Candidate;
use crate::{Engine, RunError};

/// Bytes of models that the pages hold at a time: what a page of 4 GiB carries with its activations.
const HELD: u64 = 1 << 30;

/// A sweep at work.
pub(super) struct Measuring<'a> {
    engine: &'a Engine,
    request: &'a SweepRequest,
    id: &'a str,
    sample: Sample,
    observer: Option<Observer>,
    /// fp32 on wasm: what outputs are compared with, and times too.
    reference: Candidate,
    compared: Reference,
    /// Its first run, until its own row has taken it.
    first: Option<Run>,
    /// Runs that ended and are not recorded yet.
    ended: VecDeque<Run>,
    cancel: &'a CancellationToken,
    done: u64,
    total: u64,
}

/// A combination and what is known of it.
struct Measured {
    row: SweepRow,
    /// `None` where it does not run, or not any more.
    candidate: Option<Candidate>,
    /// Milliseconds of each turn.
    samples: Vec<f64>,
    /// Those of the reference in the same turns.
    reference: Vec<f64>,
    /// What each turn's report says of the text that it made.
    made: Vec<GenerationReport>,
}

impl<'a> Measuring<'a> {
    /// Runs the reference, which all else is compared with.
    pub(super) async fn begin(
        engine: &'a Engine,
        request: &'a SweepRequest,
        id: &'a str,
        observer: Option<Observer>,
        cancel: &'a CancellationToken,
    ) -> Result<Self, RunError> {
        let browser = request.browsers.first().copied().unwrap_or(BrowserKind::Auto);
        let combination = Combination { browser, platform: Platform::Wasm, precision: Precision::Bits32, mixed: false };
        let (graph, given) = (request.graph.as_ref(), request.input.as_ref());
        let observing = observer.as_ref();
        let sample = sample(engine, &request.model, graph, given, request.max_new_tokens, observing).await?;
        let reference = candidate(engine, request, &sample, combination, observing).await?;
        let run = engine.run(&reference, observing).await?;
        let compared = Reference::of(engine, &reference, run.output.clone(), observing).await?;
        Ok(Self {
            engine,
            request,
            id,
            sample,
            observer,
            reference,
            compared,
            first: Some(run),
            ended: VecDeque::new(),
            cancel,
            done: 0,
            total: 0,
        })
    }

    /// Measures all of them, as many at a time as the pages can hold; and says whether all were measured, or the
    /// sweep was cancelled.
    pub(super) async fn all(&mut self, combinations: Vec<Combination>) -> Result<(Vec<SweepRow>, bool), RunError> {
        let cancel = self.cancel;
        let turns = u64::from(self.request.warm_up) + u64::from(self.request.repeat) + 1;
        self.total = combinations.len() as u64 * turns;
        let mut found = Vec::with_capacity(combinations.len());
        for combination in combinations {
            let Some(measured) = cancel.run_until_cancelled(self.find(combination)).await else {
                return Ok((Vec::new(), false));
            };
            found.push(measured);
        }
        let mut rows = Vec::with_capacity(found.len());
        while !found.is_empty() {
            let mut group = found.drain(..fitting(&found)).collect::<Vec<_>>();
            let Some(measured) = cancel.run_until_cancelled(self.group(&mut group)).await else {
                self.record_ended().await?;
                let known = group.into_iter().filter(Measured::is_known);
                rows.extend(known.map(Measured::into_row));
                return Ok((rows, false));
            };
            measured?;
            self.let_go(&group).await;
            rows.extend(group.into_iter().map(Measured::into_row));
        }
        Ok((rows, true))
    }

    /// Measures combinations that the pages hold together. It may be dropped at any time: what was measured is in
    /// `group`, and what is still to be recorded in `ended`.
    async fn group(&mut self, group: &mut [Measured]) -> Result<(), RunError> {
        self.cold(group).await?;
        self.turns(group).await
    }

    /// How a combination is run, or why it cannot be.
    async fn find(&mut self, combination: Combination) -> Measured {
        let source = &self.reference.prepared.source;
        let mut row = SweepRow {
            sweep_id: self.id.into(),
            model_name: source.name.clone(),
            model_cid: source.cid.clone(),
            browser: combination.browser,
            browser_product: String::new(),
            browser_version: String::new(),
            platform: combination.platform,
            precision: combination.precision,
            mixed_precision: combination.mixed,
            outcome: SweepOutcome::Measured,
            problem: None,
            is_real_hardware: None,
            runs: 0,
            outliers: 0,
            min_ms: None,
            p50_ms: None,
            p90_ms: None,
            p99_ms: None,
            throughput_items_per_sec: None,
            speedup: None,
            speedup_low: None,
            speedup_high: None,
            phases: Phases::default(),
            memory_usage_mb: None,
            model_bytes: None,
            parity: None,
            generation: None,
        };
        self.tell(&format!("preparing {}", label(&row)), 0);
        match candidate(self.engine, self.request, &self.sample, combination, self.observer.as_ref()).await {
            Ok(candidate) => {
                row.model_bytes = Some(candidate.bytes());
                if let Some(product) = self.engine.product(&candidate) {
                    (row.browser_product, row.browser_version) = product;
                }
                Measured::new(row, Some(candidate))
            }
            Err(error) => {
                fail(&mut row, &error);
                Measured::new(row, None)
            }
        }
    }

    /// The first run of each, from an empty page to a result, and its distance from the reference; then the
    /// runs that warm it up.
    async fn cold(&mut self, group: &mut [Measured]) -> Result<(), RunError> {
        for measured in group {
            let Some(candidate) = &measured.candidate else { continue };
            self.tell(&format!("loading {}", label(&measured.row)), 1);
            // The reference was started cold for its own sake.
            let is_reference = candidate.is(&self.reference);
            let (run, before) = match self.first.take_if(|_| is_reference) {
                // The page was empty before it.
                Some(run) => (Ok(run), None),
                None => {
                    let before = self.engine.heap(candidate).await;
                    (self.engine.run(candidate, self.observer.as_ref()).await, before)
                }
            };
            let observer = self.observer.as_ref();
            let measuring = async {
                let run = run?;
                let parity = self.compared.distance(self.engine, candidate, &run.output, observer).await?;
                Ok::<_, RunError>((run, parity))
            };
            let (mut run, parity) = match measuring.await {
                Ok(both) => both,
                Err(error) => {
                    fail(&mut measured.row, &error);
                    measured.candidate = None;
                    continue;
                }
            };
            run.report.parity.clone_from(&parity);
            measured.cold(&run, before, parity);
            self.ended.push_back(run);
            self.record_ended().await?;
            for _ in 0..self.request.warm_up {
                self.one(measured, "warming up").await;
            }
        }
        Ok(())
    }

    /// One run of each a turn.
    async fn turns(&mut self, group: &mut [Measured]) -> Result<(), RunError> {
        for turn in 0..self.request.repeat {
            let Ok(reference) = self.engine.run(&self.reference, self.observer.as_ref()).await else { break };
            let reference = reference.report.processing_time * 1000.0;
            let mut order = (0..group.len()).collect::<Vec<_>>();
            if turn % 2 == 1 {
                order.reverse();
            }
            for index in order {
                let measured = &mut group[index];
                if let Some(mut run) = self.one(measured, "measuring").await {
                    measured.samples.push(run.report.processing_time * 1000.0);
                    measured.reference.push(reference);
                    measured.made.extend(run.report.generation.clone());
                    run.report.parity = self.compared.again(measured.row.parity.as_ref(), &run.output);
                    self.ended.push_back(run);
                }
            }
            // Between turns: a write to the disk is nobody's latency.
            self.record_ended().await?;
        }
        Ok(())
    }

    /// A warm run; `None` where it is not measured any more.
    async fn one(&mut self, measured: &mut Measured, doing: &str) -> Option<Run> {
        let candidate = measured.candidate.as_ref()?;
        self.tell(&format!("{doing} {}", label(&measured.row)), 1);
        // A page that lost its session (it was opened anew) is warmed up again.
        for _ in 0..2 {
            match self.engine.run(candidate, self.observer.as_ref()).await {
                Ok(run) if run.report.warm => return Some(run),
                Ok(_) => {}
                Err(error) => {
                    fail(&mut measured.row, &error);
                    measured.candidate = None;
                    return None;
                }
            }
        }
        None
    }

    async fn record_ended(&mut self) -> Result<(), RunError> {
        while let Some(run) = self.ended.pop_front() {
            self.engine.recording.measured_run(&run.report).await?;
        }
        Ok(())
    }

    /// Has the pages let go of a group's sessions, but for the reference's.
    async fn let_go(&self, group: &[Measured]) {
        for candidate in group.iter().filter_map(|measured| measured.candidate.as_ref()) {
            let Some(worker) = self.engine.fleet.opened(&candidate.route.installation).await else { continue };
            for cid in candidate.cids().filter(|cid| self.reference.cids().all(|kept| kept != *cid)) {
                // What stays held costs memory, and no figure.
                if let Err(error) = dispose(&*worker, cid.clone()).await {
                    tracing::warn!(%error, "a page keeps a model that is not needed any more");
                }
            }
        }
    }

    fn tell(&mut self, what: &str, more: u64) {
        self.done += more;
        if let Some(observer) = &self.observer {
            observer(Step::Measuring { what: what.to_owned(), done: self.done.min(self.total), total: self.total });
        }
    }
}

impl Measured {
    fn new(row: SweepRow, candidate: Option<Candidate>) -> Self {
        Self { row, candidate, samples: Vec::new(), reference: Vec::new(), made: Vec::new() }
    }

    /// What the first run tells.
    fn cold(&mut self, run: &Run, before: Option<f64>, parity: Option<Parity>) {
        let report = &run.report;
        let row = &mut self.row;
        (row.browser_product, row.browser_version) = (report.browser_product.clone(), report.browser_version.clone());
        row.is_real_hardware = Some(report.is_real_hardware);
        row.phases = report.phases.clone();
        // By how much the page's memory grew: other models are in it, too.
        row.memory_usage_mb = report.memory_usage_mb.map(|after| after - before.unwrap_or(0.0));
        if let Some(parity) = &parity
            && parity.verdict == ParityVerdict::Broken
        {
            row.outcome = SweepOutcome::Broken;
            let far = match &parity.generation {
                Some(generation) => format!("a mean divergence of {:.3} nats from", generation.mean_kl_divergence),
                None => format!("cosine {:.4} with", parity.cosine),
            };
            row.problem = Some(format!(
                "its output is not one of this model: {far} fp32 on wasm; use a higher precision, or mixed"
            ));
            self.candidate = None;
        }
        self.row.parity = parity;
    }

    /// Whether there is something to say of it: figures, or why there are none.
    fn is_known(&self) -> bool {
        !self.samples.is_empty() || self.row.outcome != SweepOutcome::Measured
    }

    fn into_row(self) -> SweepRow {
        let mut row = self.row;
        let Some(summary) = statistics::summary(&self.samples) else { return row };
        row.runs = u32::try_from(summary.count).unwrap_or(u32::MAX);
        row.outliers = u32::try_from(summary.outliers).unwrap_or(u32::MAX);
        (row.min_ms, row.p50_ms) = (Some(summary.min), Some(summary.p50));
        (row.p90_ms, row.p99_ms) = (Some(summary.p90), Some(summary.p99));
        if let Some(candidate) = &self.candidate {
            row.throughput_items_per_sec = Some(candidate.asked.input.items() as f64 * 1000.0 / summary.p50);
        }
        row.generation = speed(&self.made);
        if let Some(ratio) = statistics::paired(&self.reference, &self.samples) {
            row.speedup = Some(ratio.value);
            (row.speedup_low, row.speedup_high) =
                ratio.interval.map_or((None, None), |[low, high]| (Some(low), Some(high)));
        }
        row
    }
}

/// How many of the next combinations the pages can hold at a time; one at least.
fn fitting(found: &[Measured]) -> usize {
    let mut held: HashMap<(&str, &str, Platform), u64> = HashMap::new();
    for (index, measured) in found.iter().enumerate() {
        let Some(candidate) = &measured.candidate else { continue };
        let graph = &*candidate.prepared.graph().cid;
        let key = (&*candidate.route.installation, graph, candidate.route.platform);
        held.insert(key, candidate.bytes());
        let of_page = |(key, bytes): (&(&str, &str, Platform), &u64)| {
            if candidate.route.installation == key.0 { *bytes } else { 0 }
        };
        if index > 0 && held.iter().map(of_page).sum::<u64>() > HELD {
            return index;
        }
    }
    found.len()
}

/// The medians of what reports say of text that was made; `None` where none was.
fn speed(made: &[GenerationReport]) -> Option<GenerationSpeed> {
    let median = |figure: fn(&GenerationReport) -> Option<f64>| {
        statistics::median(&made.iter().filter_map(figure).collect::<Vec<_>>())
    };
    let last = made.last()?;
    Some(GenerationSpeed {
        new_tokens: last.new_tokens,
        time_to_first_token_ms: median(|made| made.time_to_first_token_ms),
        prefill_tokens_per_sec: median(|made| made.prefill_tokens_per_sec),
        decode_tokens_per_sec: median(|made| made.decode_tokens_per_sec),
        kv_cache_mb: last.kv_cache_mb,
        captured: made.iter().all(|made| made.captured),
    })
}

async fn candidate(
    engine: &Engine,
    request: &SweepRequest,
    sample: &Sample,
    combination: Combination,
    observer: Option<&Observer>,
) -> Result<Candidate, RunError> {
    let asked = Request {
        platform: combination.platform,
        browser: combination.browser,
        precision: combination.precision.into(),
        mixed_precision: combination.mixed,
        graph: request.graph.clone(),
        generate: sample.generate.clone(),
        ..Request::new(request.model.clone(), sample.input.clone())
    };
    engine.candidate(asked, observer).await
}

fn label(row: &SweepRow) -> String {
    let mixed = if row.mixed_precision { " mixed" } else { "" };
    format!("{} {} {} bit{mixed}", row.browser, row.platform, row.precision)
}

/// Says in the row why it does not run: refused for what was known beforehand, failed for all else.
fn fail(row: &mut SweepRow, error: &RunError) {
    let code = error.code();
    row.outcome = match error {
        RunError::Prepare(PrepareError::NoVariant { .. })
        | RunError::Unsupported { .. }
        | RunError::SoftwareHardware { .. }
        | RunError::PrecisionUnavailable { .. } => SweepOutcome::Refused,
        _ if code == "no_browser" => SweepOutcome::Refused,
        _ if [ErrorCode::PlatformUnavailable, ErrorCode::FallbackRefused]
            .iter()
            .any(|known| known.as_str() == code) =>
        {
            SweepOutcome::Refused
        }
        _ if code == ErrorCode::NotFinite.as_str() => SweepOutcome::Broken,
        _ => SweepOutcome::Failed,
    };
    // A row is read in tables of every front end: options have the names that commands give them.
    let help = error.advice().words(Voice::Command);
    row.problem = Some(if help.is_empty() { error.to_string() } else { format!("{error}; {help}") });
}
