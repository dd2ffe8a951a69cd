//! The report of a run, put together from what session, page and store measured.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use pelago_protocol::{
    Adapter, Capabilities, GenerationReport, Graph, Hardware, PhaseName, Phases, Platform, PrecisionChoice, Report,
    Request, Role, SessionReport, Source, TierBytes,
};

use crate::task::embed::Embedded;
use crate::task::generate::Generated;
use crate::task::head::Headed;
use crate::task::{Did, Executed};
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
    let embed = executed.embedded();
    let generated = executed.generated();
    let headed = executed.headed();
    let is_real_hardware = facts.hardware.is_real == Some(true);
    let processing_time = executed.processing_ms / 1000.0;
    let batch = request.input.items();
    let fetched = executed.loads.values().any(|load| load.fetch_ms.is_some());
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
        sessions: sessions(facts, is_real_hardware),
        precision: prepared.wanted.precision(),
        requested_precision: requested_precision(prepared, request),
        mixed_precision: prepared.wanted.mixed(),
        recipe: prepared.recipe(),
        processing_time,
        total_time: facts.total.as_secs_f64(),
        warm: executed.is_warm(),
        phases: phases(opened, executed),
        batch_size: batch as u64,
        tokens: embed
            .map(|embed| embed.tokens.ids.len() as u64)
            .or_else(|| generated.map(|generated| generated.prompt_tokens))
            .or_else(|| headed.map(|headed| headed.tokens)),
        padded_tokens: embed
            .map(|embed| embed.padded_tokens as u64)
            .or_else(|| headed.map(|headed| headed.padded_tokens)),
        truncated_texts: embed
            .map(|embed| embed.tokens.truncated.len() as u64)
            .or_else(|| headed.map(|headed| headed.truncated.len() as u64))
            .unwrap_or_default(),
        throughput_items_per_sec: (processing_time > 0.0).then(|| batch as f64 / processing_time),
        memory_usage_mb: executed.loads.values().filter_map(|load| load.memory_usage_mb).reduce(f64::max),
        browser_memory_mb: facts.browser_memory_mb,
        memory_predicted_mb: prepared.predicted_mb,
        ipfs_cache_hit: network.is_none(),
        ipfs_source: main_source(&bytes),
        ipfs_load_time: fetched.then_some(ready.as_secs_f64() * 1000.0),
        bytes,
        p2p_optimized: network.is_some_and(|network| network.p2p_optimized),
        task: prepared.task(),
        generation: generated.map(generation),
        optimizations: optimizations(executed),
        warnings: embed
            .map(warnings)
            .or_else(|| generated.map(|generated| generated.warnings.clone()))
            .or_else(|| headed.map(headed_warnings))
            .unwrap_or_default(),
        parity: None,
        load_average: statistics::load_average(),
    }
}

/// Each graph that ran, that of the role which a model is known by first.
fn sessions(facts: &Facts<'_>, is_real_hardware: bool) -> Vec<SessionReport> {
    let Facts { prepared, route, opened, executed, .. } = facts;
    let report = |(role, graph, origin): (Role, &Graph, &str)| {
        let load = executed.loads.get(&role)?;
        Some(SessionReport {
            role,
            graph_cid: graph.cid.clone(),
            graph: origin.to_owned(),
            platform: route.platform,
            execution_provider: load.session.execution_provider.clone(),
            placement: load.session.placement.clone(),
            threads: load.session.threads,
            adapter: adapter(opened.worker.capabilities(), route.platform),
            is_real_hardware,
            hardware_reason: facts.hardware.reason.clone(),
            warm: load.warm,
        })
    };
    prepared.graphs().filter_map(report).collect()
}

fn phases(opened: &Opened, executed: &Executed) -> Phases {
    let mut phases = Phases::default();
    phases.add(PhaseName::Open, None, opened.took.map(|took| took.as_secs_f64() * 1000.0));
    for (role, load) in &executed.loads {
        phases.add(PhaseName::Fetch, Some(*role), load.fetch_ms);
        phases.add(PhaseName::Compile, Some(*role), load.compile_ms);
        phases.add(PhaseName::FirstRun, Some(*role), load.first_run_ms);
    }
    match &executed.did {
        Did::Ran => phases.add(PhaseName::Run, Some(Role::Model), Some(executed.processing_ms)),
        Did::Embedded(embed) => {
            phases.add(PhaseName::Tokenize, None, Some(embed.tokenize_ms));
            phases.add(PhaseName::Run, Some(Role::Model), Some(embed.run_ms));
            phases.add(PhaseName::Pool, None, Some(embed.pool_ms));
        }
        Did::Headed(headed) => {
            phases.add(PhaseName::Tokenize, None, Some(headed.tokenize_ms));
            phases.add(PhaseName::Run, Some(Role::Model), Some(headed.run_ms));
            phases.add(PhaseName::Read, None, Some(headed.read_ms));
        }
        Did::Generated(generated) => {
            let result = &generated.result;
            phases.add(PhaseName::Tokenize, None, Some(generated.tokenize_ms));
            phases.add(PhaseName::Encode, None, result.encode_ms);
            phases.add(PhaseName::Prefill, None, Some(result.prefill_ms));
            phases.add(PhaseName::Decode, None, Some(result.decode_ms));
        }
    }
    phases
}

#[expect(clippy::cast_precision_loss, reason = "tokens and bytes of a cache are fewer than 2^53")]
fn generation(generated: &Generated) -> GenerationReport {
    let result = &generated.result;
    let new_tokens = result.rows.iter().map(|row| row.ids.len() as u64).sum::<u64>();
    let rate = |tokens: u64, ms: f64| (tokens > 0 && ms > 0.0).then(|| tokens as f64 / ms * 1000.0);
    // The first token of each row comes of the prompt.
    let decoded = new_tokens.saturating_sub(result.rows.iter().filter(|row| !row.ids.is_empty()).count() as u64);
    let decoder = result.loads.get(&Role::Decoder).or_else(|| result.loads.get(&Role::Model));
    GenerationReport {
        time_to_first_token_ms: generated.first_token_ms,
        prefill_tokens_per_sec: rate(generated.prompt_tokens, result.prefill_ms + result.encode_ms.unwrap_or(0.0)),
        decode_tokens_per_sec: rate(decoded, result.decode_ms),
        prompt_tokens: generated.prompt_tokens,
        new_tokens,
        nodes_per_token: decoder.map_or(0, |load| load.session.placement.nodes_total),
        kv_cache_mb: result.cache_bytes as f64 / f64::from(1 << 20),
        kv_cache_tokens: result.capacity,
        captured: result.captured,
        not_captured: result.not_captured.clone(),
        stop: generated.stop.clone(),
        sampling: generated.sampling.clone(),
        beams: generated.beams.clone(),
        has_schema: generated.has_schema,
    }
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

/// Texts by their numbers.
fn texts(numbers: &[usize]) -> String {
    let shown = numbers.iter().take(TEXTS_NAMED).map(|number| (number + 1).to_string()).collect::<Vec<_>>();
    let more = numbers.len().saturating_sub(TEXTS_NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let what = if numbers.len() == 1 { "text" } else { "texts" };
    format!("{what} {}{more}", shown.join(", "))
}

/// What is to be known of what a head gave.
fn headed_warnings(headed: &Headed) -> Vec<String> {
    let cut = &headed.truncated;
    let warning = || format!("{}: cut to what the model takes, as `on_long` says: `error` refuses it", texts(cut));
    (!cut.is_empty()).then(warning).into_iter().collect()
}

/// What is to be known of vectors that came without an error.
fn warnings(embed: &Embedded) -> Vec<String> {
    let mut warnings = Vec::new();
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
    let mut done = Vec::new();
    for load in executed.loads.values() {
        let session = &load.session;
        done.push(session.build.clone());
        done.extend((session.threads > 1).then(|| "threads".to_owned()));
        done.extend(session.fixed_shape.is_some().then(|| "fixed_shapes".to_owned()));
    }
    done.extend(executed.generated().filter(|generated| generated.result.captured).map(|_| "capture".to_owned()));
    // Graphs of one page are mostly built alike.
    done.sort_unstable();
    done.dedup();
    done
}
