//! The report of a run, put together from what session, page and store measured.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use pelago_protocol::{
    Adapter, Capabilities, Hardware, PhaseName, Phases, Platform, PrecisionChoice, Report, Request, Role,
    SessionReport, Source, TierBytes,
};

use crate::task::Executed;
use crate::task::embed::Embedded;
use pelago_content::retrieve::{Fetched, Kind};
use pelago_models::Prepared;
use pelago_models::network::Arrived;

use crate::Route;
use crate::fleet::Opened;
use pelago_statistics as statistics;

/// Texts that a warning names one by one.
const TEXTS_NAMED: usize = 5;

/// Everything that is known of a run.
pub(super) struct Facts<'a> {
    pub(super) request: &'a Request,
    pub(super) prepared: &'a Prepared,
    pub(super) route: &'a Route,
    pub(super) opened: &'a Opened,
    pub(super) hardware: Hardware,
    pub(super) executed: &'a Executed,
    /// How the model came over the network, where it did for this run.
    pub(super) arrived: Option<&'a Arrived>,
    pub(super) bytes: TierBytes,
    /// Of all the browser's processes, where it was measured.
    pub(super) browser_memory_mb: Option<f64>,
    pub(super) started: DateTime<Utc>,
    pub(super) total: Duration,
}

/// Whether a platform of a browser is an accelerator that is not made of software.
pub fn hardware(capabilities: &Capabilities, platform: Platform) -> Hardware {
    match platform {
        Platform::WebGpu => capabilities.webgpu.hardware.clone(),
        Platform::WebNn => capabilities.webnn.hardware.clone(),
        Platform::Wasm | Platform::Auto => {
            Hardware { is_real: Some(false), reason: "wasm runs on the CPU, which is no accelerator".to_owned() }
        }
    }
}

/// A recipe asks for the bits that it names.
fn requested_precision(prepared: &Prepared, request: &Request) -> PrecisionChoice {
    if request.recipe.is_some() { prepared.wanted.precision().into() } else { request.precision }
}

/// The report. Every figure was measured; one that was not is null.
pub(super) fn build(facts: &Facts<'_>) -> Report {
    let Facts { request, prepared, route, opened, executed, .. } = facts;
    let source = &prepared.source;
    let worker = &opened.worker;
    let session = &executed.load.session;
    let embed = executed.embed.as_ref();
    let is_real_hardware = facts.hardware.is_real == Some(true);
    let processing_time = executed.processing_ms / 1000.0;
    let batch = request.input.items();
    let fetched = executed.load.fetch_ms.is_some();
    let network = facts.arrived.and_then(|arrived| arrived.fetched.as_ref()).filter(|network| network.bytes > 0);
    let ready = facts.arrived.map_or(prepared.took, |arrived| arrived.took.max(prepared.took));
    let bytes =
        TierBytes { p2p: given(network, Kind::is_peer), ipfs: given(network, |kind| !kind.is_peer()), ..facts.bytes };
    Report {
        run_id: uuid::Uuid::now_v7().to_string().into(),
        started: facts.started.to_rfc3339_opts(SecondsFormat::Micros, true),
        model_name: source.name.clone(),
        model_cid: source.cid.clone(),
        modules: embed.map(|embed| embed.modules.clone()).unwrap_or_default(),
        prompt: embed.and_then(|embed| embed.tokens.prompt.clone()),
        similarity: embed.and_then(|embed| embed.similarity.clone()),
        model_type: source.family,
        platform: route.platform,
        requested_platform: request.platform,
        browser: route.browser,
        requested_browser: request.browser,
        browser_product: worker.product().to_owned(),
        browser_version: worker.version().to_owned(),
        is_real_hardware,
        sessions: vec![SessionReport {
            role: Role::Model,
            graph_cid: prepared.graph().cid.clone(),
            graph: prepared.origin(),
            platform: route.platform,
            execution_provider: session.execution_provider.clone(),
            placement: session.placement.clone(),
            threads: session.threads,
            adapter: adapter(worker.capabilities(), route.platform),
            is_real_hardware,
            hardware_reason: facts.hardware.reason.clone(),
            warm: executed.load.warm,
        }],
        precision: prepared.wanted.precision(),
        requested_precision: requested_precision(prepared, request),
        mixed_precision: prepared.wanted.mixed(),
        recipe: prepared.recipe(),
        processing_time,
        total_time: facts.total.as_secs_f64(),
        warm: executed.load.warm,
        phases: phases(opened, executed),
        batch_size: batch as u64,
        tokens: embed.map(|embed| embed.tokens.ids.len() as u64),
        padded_tokens: embed.map(|embed| embed.padded_tokens as u64),
        truncated_texts: embed.map_or(0, |embed| embed.tokens.truncated.len() as u64),
        throughput_items_per_sec: (processing_time > 0.0).then(|| batch as f64 / processing_time),
        memory_usage_mb: executed.load.memory_usage_mb,
        browser_memory_mb: facts.browser_memory_mb,
        memory_predicted_mb: prepared.predicted_mb,
        ipfs_cache_hit: network.is_none(),
        ipfs_source: main_source(&bytes),
        ipfs_load_time: fetched.then_some(ready.as_secs_f64() * 1000.0),
        bytes,
        p2p_optimized: network.is_some_and(|network| network.p2p_optimized),
        optimizations: optimizations(executed),
        warnings: embed.map(warnings).unwrap_or_default(),
        parity: None,
        load_average: statistics::load_average(),
    }
}

fn phases(opened: &Opened, executed: &Executed) -> Phases {
    let (load, embed, model) = (&executed.load, executed.embed.as_ref(), Some(Role::Model));
    let mut phases = Phases::default();
    phases.add(PhaseName::Open, None, opened.took.map(|took| took.as_secs_f64() * 1000.0));
    phases.add(PhaseName::Fetch, model, load.fetch_ms);
    phases.add(PhaseName::Compile, model, load.compile_ms);
    phases.add(PhaseName::FirstRun, model, load.first_run_ms);
    phases.add(PhaseName::Tokenize, None, embed.map(|embed| embed.tokenize_ms));
    phases.add(PhaseName::Run, model, Some(embed.map_or(executed.processing_ms, |embed| embed.run_ms)));
    phases.add(PhaseName::Pool, None, embed.map(|embed| embed.pool_ms));
    phases
}

/// Verified bytes that the sources of these kinds gave.
fn given(network: Option<&Fetched>, of: impl Fn(Kind) -> bool) -> u64 {
    network
        .map_or(0, |network| network.sources.iter().filter(|source| of(source.kind)).map(|source| source.bytes).sum())
}

/// What came over the network is kept on the disk and read from there, so it
/// counts where it came from.
fn main_source(bytes: &TierBytes) -> Source {
    let here = (bytes.memory + bytes.disk).saturating_sub(bytes.p2p + bytes.ipfs);
    match bytes.p2p.max(bytes.ipfs) {
        0 => Source::Cache,
        most if most < here => Source::Cache,
        most if most == bytes.p2p => Source::P2p,
        _ => Source::Ipfs,
    }
}

fn adapter(capabilities: &Capabilities, platform: Platform) -> Option<Adapter> {
    (platform == Platform::WebGpu).then(|| capabilities.webgpu.adapter.clone()).flatten()
}

/// What is to be known of vectors that came without an error.
fn warnings(embed: &Embedded) -> Vec<String> {
    let mut warnings = Vec::new();
    let texts = |numbers: &[usize]| {
        let shown = numbers.iter().take(TEXTS_NAMED).map(|number| (number + 1).to_string()).collect::<Vec<_>>();
        let more = numbers.len().saturating_sub(TEXTS_NAMED);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let what = if numbers.len() == 1 { "text" } else { "texts" };
        format!("{what} {}{more}", shown.join(", "))
    };
    let tokens = &embed.tokens;
    if !tokens.truncated.is_empty() {
        warnings.push(format!(
            "{}: cut to what the model takes, as `on_long` says: `split` reads all of a text, `error` refuses it",
            texts(&tokens.truncated)
        ));
    }
    if !tokens.empty.is_empty() {
        warnings.push(format!("{}: empty, the vector is that of the special tokens alone", texts(&tokens.empty)));
    }
    if !embed.says_pooling {
        warnings.push("the model's folder has no modules.json: the mean of its token vectors was taken".to_owned());
    }
    warnings
}

fn optimizations(executed: &Executed) -> Vec<String> {
    let session = &executed.load.session;
    let mut done = vec![session.build.clone()];
    if session.threads > 1 {
        done.push("threads".to_owned());
    }
    if session.fixed_shape.is_some() {
        done.push("fixed_shapes".to_owned());
    }
    done
}
