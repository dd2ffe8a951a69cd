//! The columns of a sweep's combinations.

use chrono::{DateTime, Utc};
use pelago_protocol::{GenerationParity, GenerationSpeed, Parity, PhaseName, SweepRow};

use super::{
    Cell, Column,
    Kind::{Bool, Float, Text, Time, U8, U32, U64},
    Row, Table, cells, column, float, moment, number, text, unsigned,
};

/// A combination, as it is recorded.
pub(crate) struct Swept {
    pub(crate) recorded: DateTime<Utc>,
    /// Of the machine, at that time.
    pub(crate) load_average: Option<f64>,
}

impl Swept {
    pub(crate) fn row(&self, row: &SweepRow) -> Row {
        let mut values = cells(COLUMNS, row);
        values.extend(cells(OF_RECORD, self));
        values.extend(cells(OF_TEXT, row));
        Row { table: Table::Sweeps, cells: values }
    }
}

fn parity(row: &SweepRow, field: fn(&Parity) -> Cell) -> Cell {
    row.parity.as_ref().map_or(Cell::Null, field)
}

/// Of a model that makes text.
fn of_text(row: &SweepRow, field: fn(&GenerationParity) -> Cell) -> Cell {
    row.parity.as_ref().and_then(|parity| parity.generation.as_ref()).map_or(Cell::Null, field)
}

fn speed(row: &SweepRow, field: fn(&GenerationSpeed) -> Option<f64>) -> Cell {
    float(row.generation.as_ref().and_then(field))
}

/// Every field of a combination, in its own order, nested ones with the name of their owner in front.
pub(crate) const COLUMNS: &[Column<SweepRow>] = &[
    column("sweep_id", Text, |r| text(&r.sweep_id)),
    column("model_name", Text, |r| text(&r.model_name)),
    column("model_cid", Text, |r| text(&r.model_cid)),
    column("browser", Text, |r| text(r.browser.as_str())),
    column("browser_product", Text, |r| text(&r.browser_product)),
    column("browser_version", Text, |r| text(&r.browser_version)),
    column("platform", Text, |r| text(r.platform.as_str())),
    column("precision", U8, |r| Cell::Unsigned(r.precision.bits().into())),
    column("mixed_precision", Bool, |r| Cell::Bool(r.mixed_precision)),
    column("outcome", Text, |r| text(r.outcome.as_str())),
    column("problem", Text, |r| r.problem.as_deref().map_or(Cell::Null, text)),
    column("is_real_hardware", Bool, |r| r.is_real_hardware.map_or(Cell::Null, Cell::Bool)),
    column("runs", U32, |r| number(r.runs)),
    column("outliers", U32, |r| number(r.outliers)),
    column("min_ms", Float, |r| float(r.min_ms)),
    column("p50_ms", Float, |r| float(r.p50_ms)),
    column("p90_ms", Float, |r| float(r.p90_ms)),
    column("p99_ms", Float, |r| float(r.p99_ms)),
    column("throughput_items_per_sec", Float, |r| float(r.throughput_items_per_sec)),
    column("speedup", Float, |r| float(r.speedup)),
    column("speedup_low", Float, |r| float(r.speedup_low)),
    column("speedup_high", Float, |r| float(r.speedup_high)),
    column("open_ms", Float, |r| float(r.phases.ms(PhaseName::Open))),
    column("fetch_ms", Float, |r| float(r.phases.ms(PhaseName::Fetch))),
    column("compile_ms", Float, |r| float(r.phases.ms(PhaseName::Compile))),
    column("first_run_ms", Float, |r| float(r.phases.ms(PhaseName::FirstRun))),
    column("tokenize_ms", Float, |r| float(r.phases.ms(PhaseName::Tokenize))),
    column("run_ms", Float, |r| float(r.phases.ms(PhaseName::Run))),
    column("pool_ms", Float, |r| float(r.phases.ms(PhaseName::Pool))),
    column("memory_usage_mb", Float, |r| float(r.memory_usage_mb)),
    column("model_bytes", U64, |r| unsigned(r.model_bytes)),
    column("parity_cosine", Float, |r| parity(r, |p| Cell::Float(p.cosine))),
    column("parity_max_abs_error", Float, |r| parity(r, |p| Cell::Float(p.max_abs_error))),
    column("parity_relative_error", Float, |r| parity(r, |p| Cell::Float(p.relative_error))),
    column("parity_top1_agreement", Float, |r| parity(r, |p| float(p.top1_agreement))),
    column("parity_nan_count", U64, |r| parity(r, |p| Cell::Unsigned(p.nan_count))),
    column("parity_verdict", Text, |r| parity(r, |p| text(p.verdict.as_str()))),
];

/// What is known when a combination is recorded.
pub(super) const OF_RECORD: &[Column<Swept>] =
    &[column("recorded", Time, |r| moment(r.recorded)), column("load_average", Float, |r| float(r.load_average))];

/// What was added later, after those of the record.
pub(crate) const OF_TEXT: &[Column<SweepRow>] = &[
    column("parity_first_different_token", U32, |r| of_text(r, |g| g.first_different_token.map_or(Cell::Null, number))),
    column("parity_mean_kl_divergence", Float, |r| of_text(r, |g| Cell::Float(g.mean_kl_divergence))),
    column("parity_perplexity", Float, |r| of_text(r, |g| Cell::Float(g.perplexity))),
    column("parity_perplexity_difference", Float, |r| of_text(r, |g| Cell::Float(g.perplexity_difference))),
    column("new_tokens", U64, |r| unsigned(r.generation.as_ref().map(|g| g.new_tokens))),
    column("time_to_first_token_ms", Float, |r| speed(r, |g| g.time_to_first_token_ms)),
    column("prefill_tokens_per_sec", Float, |r| speed(r, |g| g.prefill_tokens_per_sec)),
    column("decode_tokens_per_sec", Float, |r| speed(r, |g| g.decode_tokens_per_sec)),
    column("kv_cache_mb", Float, |r| speed(r, |g| Some(g.kv_cache_mb))),
    column("captured", Bool, |r| r.generation.as_ref().map_or(Cell::Null, |g| Cell::Bool(g.captured))),
];
