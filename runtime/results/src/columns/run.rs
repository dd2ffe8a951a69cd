//! The columns of a run.

use pelago_protocol::{Adapter, GenerationParity, PhaseName, Report, SessionReport};

use super::{
    Cell, Column,
    Kind::{Bool, Float, Text, Texts, Time, U8, U32, U64},
    column, float, number, text, time,
};

/// Of the session of the graph that the task names first; all of them are rows of `run_sessions`.
fn session(report: &Report, field: impl Fn(&SessionReport) -> Cell) -> Cell {
    report.session().map_or(Cell::Null, field)
}

fn adapter(report: &Report, field: fn(&Adapter) -> &String) -> Cell {
    session(report, |session| session.adapter.as_ref().map_or(Cell::Null, |adapter| text(field(adapter))))
}

/// Of a distance of text.
fn of_text(report: &Report, field: fn(&GenerationParity) -> Cell) -> Cell {
    report.parity.as_ref().and_then(|parity| parity.generation.as_ref()).map_or(Cell::Null, field)
}

/// Every column, in the order of a DataFrame. New ones come last.
pub(crate) const COLUMNS: &[Column<Report>] = &[
    column("run_id", Text, |r| text(&r.run_id)),
    column("started", Time, |r| time(&r.started).map_or(Cell::Null, Cell::Time)),
    column("model_name", Text, |r| text(&r.model_name)),
    column("model_cid", Text, |r| text(&r.model_cid)),
    column("graph_cid", Text, |r| session(r, |s| text(&s.graph_cid))),
    column("model_type", Text, |r| text(r.model_type.as_str())),
    column("platform", Text, |r| text(r.platform.as_str())),
    column("requested_platform", Text, |r| text(r.requested_platform.as_str())),
    column("browser", Text, |r| text(r.browser.as_str())),
    column("requested_browser", Text, |r| text(r.requested_browser.as_str())),
    column("browser_product", Text, |r| text(&r.browser_product)),
    column("browser_version", Text, |r| text(&r.browser_version)),
    column("is_real_hardware", Bool, |r| Cell::Bool(r.is_real_hardware)),
    column("hardware_reason", Text, |r| session(r, |s| text(&s.hardware_reason))),
    column("adapter_vendor", Text, |r| adapter(r, |a| &a.vendor)),
    column("adapter_architecture", Text, |r| adapter(r, |a| &a.architecture)),
    column("adapter_device", Text, |r| adapter(r, |a| &a.device)),
    column("adapter_description", Text, |r| adapter(r, |a| &a.description)),
    column("adapter_is_fallback", Bool, |r| {
        session(r, |s| s.adapter.as_ref().and_then(|a| a.is_fallback_adapter).map_or(Cell::Null, Cell::Bool))
    }),
    column("execution_provider", Text, |r| session(r, |s| text(&s.execution_provider))),
    column("nodes_total", U32, |r| session(r, |s| number(s.placement.nodes_total))),
    column("nodes_on_provider", U32, |r| session(r, |s| number(s.placement.nodes_on_provider))),
    column("nodes_shape_arithmetic", U32, |r| session(r, |s| number(s.placement.nodes_shape_arithmetic))),
    column("fallback_operators", Texts, |r| session(r, |s| Cell::Texts(s.placement.fallback_operators.clone()))),
    column("shape_operators", Texts, |r| session(r, |s| Cell::Texts(s.placement.shape_operators.clone()))),
    column("threads", U32, |r| session(r, |s| number(s.threads))),
    column("precision", U8, |r| Cell::Unsigned(r.precision.bits().into())),
    column("mixed_precision", Bool, |r| Cell::Bool(r.mixed_precision)),
    column("processing_time", Float, |r| Cell::Float(r.processing_time)),
    column("total_time", Float, |r| Cell::Float(r.total_time)),
    column("warm", Bool, |r| Cell::Bool(r.warm)),
    column("open_ms", Float, |r| float(r.phases.ms(PhaseName::Open))),
    column("fetch_ms", Float, |r| float(r.phases.ms(PhaseName::Fetch))),
    column("compile_ms", Float, |r| float(r.phases.ms(PhaseName::Compile))),
    column("first_run_ms", Float, |r| float(r.phases.ms(PhaseName::FirstRun))),
    column("tokenize_ms", Float, |r| float(r.phases.ms(PhaseName::Tokenize))),
    column("run_ms", Float, |r| float(r.phases.ms(PhaseName::Run))),
    column("pool_ms", Float, |r| float(r.phases.ms(PhaseName::Pool))),
    column("batch_size", U64, |r| Cell::Unsigned(r.batch_size)),
    column("tokens", U64, |r| r.tokens.map_or(Cell::Null, Cell::Unsigned)),
    column("throughput_items_per_sec", Float, |r| float(r.throughput_items_per_sec)),
    column("memory_usage_mb", Float, |r| float(r.memory_usage_mb)),
    column("ipfs_cache_hit", Bool, |r| Cell::Bool(r.ipfs_cache_hit)),
    column("ipfs_source", Text, |r| text(r.ipfs_source.as_str())),
    column("ipfs_load_time", Float, |r| float(r.ipfs_load_time)),
    column("bytes_memory", U64, |r| Cell::Unsigned(r.bytes.memory)),
    column("bytes_disk", U64, |r| Cell::Unsigned(r.bytes.disk)),
    column("bytes_p2p", U64, |r| Cell::Unsigned(r.bytes.p2p)),
    column("bytes_ipfs", U64, |r| Cell::Unsigned(r.bytes.ipfs)),
    column("p2p_optimized", Bool, |r| Cell::Bool(r.p2p_optimized)),
    column("optimizations", Texts, |r| Cell::Texts(r.optimizations.clone())),
    column("parity_cosine", Float, |r| float(r.parity.as_ref().map(|p| p.cosine))),
    column("parity_max_abs_error", Float, |r| float(r.parity.as_ref().map(|p| p.max_abs_error))),
    column("parity_relative_error", Float, |r| float(r.parity.as_ref().map(|p| p.relative_error))),
    column("parity_top1_agreement", Float, |r| float(r.parity.as_ref().and_then(|p| p.top1_agreement))),
    column("parity_nan_count", U64, |r| r.parity.as_ref().map_or(Cell::Null, |p| Cell::Unsigned(p.nan_count))),
    column("parity_verdict", Text, |r| r.parity.as_ref().map_or(Cell::Null, |p| text(p.verdict.as_str()))),
    column("load_average", Float, |r| float(r.load_average)),
    column("requested_precision", Text, |r| text(&r.requested_precision.to_string())),
    column("recipe", Text, |r| r.recipe.as_deref().map_or(Cell::Null, text)),
    column("memory_predicted_mb", Float, |r| float(r.memory_predicted_mb)),
    column("graph", Text, |r| session(r, |s| text(&s.graph))),
    column("modules", Texts, |r| Cell::Texts(r.modules.clone())),
    column("prompt", Text, |r| r.prompt.as_deref().map_or(Cell::Null, text)),
    column("similarity", Text, |r| r.similarity.as_deref().map_or(Cell::Null, text)),
    column("padded_tokens", U64, |r| r.padded_tokens.map_or(Cell::Null, Cell::Unsigned)),
    column("truncated_texts", U64, |r| Cell::Unsigned(r.truncated_texts)),
    column("warnings", Texts, |r| Cell::Texts(r.warnings.clone())),
    column("parity_reference", Text, |r| r.parity.as_ref().map_or(Cell::Null, |p| text(&p.reference))),
    column("browser_memory_mb", Float, |r| float(r.browser_memory_mb)),
    column("task", Text, |r| r.task.map_or(Cell::Null, |task| text(task.as_str()))),
    column("parity_first_different_token", U32, |r| of_text(r, |g| g.first_different_token.map_or(Cell::Null, number))),
    column("parity_mean_kl_divergence", Float, |r| of_text(r, |g| Cell::Float(g.mean_kl_divergence))),
    column("parity_perplexity", Float, |r| of_text(r, |g| Cell::Float(g.perplexity))),
    column("parity_perplexity_difference", Float, |r| of_text(r, |g| Cell::Float(g.perplexity_difference))),
];
