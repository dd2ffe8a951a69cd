//! The columns of what a run is made of: a row a graph that ran, and a row a phase.

use pelago_protocol::{Adapter, Phase, Report, RunId, SessionReport};

use super::{
    Cell, Column,
    Kind::{Bool, Float, Text, Texts, U32},
    Row, Table, cells, column, number, text,
};

/// A part of a run, with its place among the others.
pub(super) struct Part<T> {
    run_id: RunId,
    number: u32,
    of: T,
}

/// The rows of a run's sessions, then those of its phases.
pub(crate) fn rows(report: &Report) -> Vec<Row> {
    fn each<T: Clone>(report: &Report, parts: &[T]) -> impl Iterator<Item = Part<T>> {
        (0..).zip(parts).map(|(number, of)| Part { run_id: report.run_id.clone(), number, of: of.clone() })
    }
    let sessions = each(report, &report.sessions);
    let sessions = sessions.map(|part| Row { table: Table::RunSessions, cells: cells(SESSIONS, &part) });
    let phases = each(report, &report.phases.0);
    sessions.chain(phases.map(|part| Row { table: Table::RunPhases, cells: cells(PHASES, &part) })).collect()
}

fn adapter(part: &Part<SessionReport>, field: fn(&Adapter) -> &String) -> Cell {
    part.of.adapter.as_ref().map_or(Cell::Null, |adapter| text(field(adapter)))
}

pub(super) const SESSIONS: &[Column<Part<SessionReport>>] = &[
    column("run_id", Text, |p| text(&p.run_id)),
    column("number", U32, |p| number(p.number)),
    column("role", Text, |p| text(p.of.role.as_str())),
    column("graph_cid", Text, |p| text(&p.of.graph_cid)),
    column("graph", Text, |p| text(&p.of.graph)),
    column("platform", Text, |p| text(p.of.platform.as_str())),
    column("execution_provider", Text, |p| text(&p.of.execution_provider)),
    column("nodes_total", U32, |p| number(p.of.placement.nodes_total)),
    column("nodes_on_provider", U32, |p| number(p.of.placement.nodes_on_provider)),
    column("nodes_shape_arithmetic", U32, |p| number(p.of.placement.nodes_shape_arithmetic)),
    column("fallback_operators", Texts, |p| Cell::Texts(p.of.placement.fallback_operators.clone())),
    column("shape_operators", Texts, |p| Cell::Texts(p.of.placement.shape_operators.clone())),
    column("threads", U32, |p| number(p.of.threads)),
    column("adapter_vendor", Text, |p| adapter(p, |a| &a.vendor)),
    column("adapter_architecture", Text, |p| adapter(p, |a| &a.architecture)),
    column("adapter_device", Text, |p| adapter(p, |a| &a.device)),
    column("adapter_description", Text, |p| adapter(p, |a| &a.description)),
    column("adapter_is_fallback", Bool, |p| {
        p.of.adapter.as_ref().and_then(|a| a.is_fallback_adapter).map_or(Cell::Null, Cell::Bool)
    }),
    column("is_real_hardware", Bool, |p| Cell::Bool(p.of.is_real_hardware)),
    column("hardware_reason", Text, |p| text(&p.of.hardware_reason)),
    column("warm", Bool, |p| Cell::Bool(p.of.warm)),
];

pub(super) const PHASES: &[Column<Part<Phase>>] = &[
    column("run_id", Text, |p| text(&p.run_id)),
    column("number", U32, |p| number(p.number)),
    column("phase", Text, |p| text(p.of.phase.as_str())),
    column("role", Text, |p| p.of.role.map_or(Cell::Null, |role| text(role.as_str()))),
    column("ms", Float, |p| Cell::Float(p.of.ms)),
];
