//! The columns of how a run made text.

use pelago_protocol::{GenerationReport, Report, RunId};

use super::{
    Cell, Column,
    Kind::{Bool, Float, Text, Texts, U32, U64},
    Row, Table, cells, column, float, number, text,
};

/// How a run made text.
pub(super) struct Generation {
    run_id: RunId,
    of: GenerationReport,
}

/// The row of a run that made text.
pub(crate) fn row(report: &Report) -> Option<Row> {
    let generation = Generation { run_id: report.run_id.clone(), of: report.generation.clone()? };
    Some(Row { table: Table::RunGenerations, cells: cells(COLUMNS, &generation) })
}

pub(super) const COLUMNS: &[Column<Generation>] = &[
    column("run_id", Text, |g| text(&g.run_id)),
    column("prompt_tokens", U64, |g| Cell::Unsigned(g.of.prompt_tokens)),
    column("new_tokens", U64, |g| Cell::Unsigned(g.of.new_tokens)),
    column("time_to_first_token_ms", Float, |g| float(g.of.time_to_first_token_ms)),
    column("prefill_tokens_per_sec", Float, |g| float(g.of.prefill_tokens_per_sec)),
    column("decode_tokens_per_sec", Float, |g| float(g.of.decode_tokens_per_sec)),
    column("nodes_per_token", U32, |g| number(g.of.nodes_per_token)),
    column("kv_cache_mb", Float, |g| Cell::Float(g.of.kv_cache_mb)),
    column("kv_cache_tokens", U32, |g| number(g.of.kv_cache_tokens)),
    column("captured", Bool, |g| Cell::Bool(g.of.captured)),
    column("not_captured", Text, |g| g.of.not_captured.as_ref().map_or(Cell::Null, |why| text(why))),
    column("stop", Texts, |g| Cell::Texts(g.of.stop.iter().map(|stop| stop.as_str().to_owned()).collect())),
    column("temperature", Float, |g| Cell::Float(g.of.sampling.temperature)),
    column("top_k", U32, |g| g.of.sampling.top_k.map_or(Cell::Null, number)),
    column("top_p", Float, |g| float(g.of.sampling.top_p)),
    column("min_p", Float, |g| float(g.of.sampling.min_p)),
    column("repetition_penalty", Float, |g| Cell::Float(g.of.sampling.repetition_penalty)),
    column("frequency_penalty", Float, |g| Cell::Float(g.of.sampling.frequency_penalty)),
    column("presence_penalty", Float, |g| Cell::Float(g.of.sampling.presence_penalty)),
    column("seed", U32, |g| number(g.of.sampling.seed)),
    column("beams", U32, |g| g.of.beams.as_ref().map_or(Cell::Null, |beams| number(beams.count))),
    column("has_schema", Bool, |g| Cell::Bool(g.of.has_schema)),
];
