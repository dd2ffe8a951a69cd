//! Questions to the database and their answers as DataFrames. It does not know
//! how rows came there.

use chrono::{DateTime, Utc};
use duckdb::{Connection, params_from_iter, types::Value};
use pelago_protocol::{BrowserKind, Platform};
use polars::frame::DataFrame;
use polars::prelude::{JsonFormat, JsonWriter, SerWriter};

use super::{ResultsError, arrow, columns::Table, database::Database};

/// Which runs are asked for: those that fit every field that is set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// At most so many, the newest ones.
    pub limit: Option<u64>,
    /// The model's name or CID.
    pub model: Option<String>,
    /// The browser that ran it.
    pub browser: Option<BrowserKind>,
    /// The platform that ran it.
    pub platform: Option<Platform>,
    /// Not before this.
    pub since: Option<DateTime<Utc>>,
}

/// The runs that fit `filter`, newest first, every column.
pub(super) fn history(database: &Database, filter: &Filter) -> Result<DataFrame, ResultsError> {
    let names: Vec<&str> = Table::Runs.columns().iter().map(|column| column.name).collect();
    let mut sql = format!("SELECT {} FROM runs WHERE true", names.join(", "));
    let mut values = Vec::new();
    let mut and = |condition: &str, given: Vec<String>| {
        sql += " AND ";
        sql += condition;
        values.extend(given.into_iter().map(Value::Text));
    };
    if let Some(model) = &filter.model {
        and("(model_name = ? OR model_cid = ?)", vec![model.clone(), model.clone()]);
    }
    if let Some(browser) = filter.browser {
        and("browser = ?", vec![browser.to_string()]);
    }
    if let Some(platform) = filter.platform {
        and("platform = ?", vec![platform.to_string()]);
    }
    if let Some(since) = filter.since {
        and("started >= ?::TIMESTAMPTZ", vec![since.to_rfc3339()]);
    }
    sql += " ORDER BY started DESC, run_id DESC";
    if let Some(limit) = filter.limit {
        sql += &format!(" LIMIT {}", limit.min(i64::MAX as u64));
    }
    let failed = |source| ResultsError::database("read", &database.path, source);
    let mut statement = database.connection.prepare(&sql).map_err(failed)?;
    let answer = statement.query_arrow(params_from_iter(values)).map_err(failed)?;
    arrow::frame(&answer.get_schema(), answer)
}

/// The answer to a question of Pelago's own, one JSON object a row.
pub(super) fn rows(database: &Database, question: &str) -> Result<Vec<serde_json::Value>, ResultsError> {
    let failed = |source| ResultsError::database("read", &database.path, source);
    let mut statement = database.connection.prepare(question).map_err(failed)?;
    let answer = statement.query_arrow([]).map_err(failed)?;
    let mut frame = arrow::frame(&answer.get_schema(), answer)?;
    let mut json = Vec::new();
    JsonWriter::new(&mut json).with_json_format(JsonFormat::JsonLines).finish(&mut frame)?;
    let lines = json.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| Ok(serde_json::from_slice(line)?)).collect()
}

/// The answer to a query of the user's. DuckDB's own `query()` takes one
/// `SELECT` and nothing else.
pub(super) fn sql(reader: &Connection, query: &str) -> Result<DataFrame, ResultsError> {
    let failed = |error: duckdb::Error| ResultsError::Query { message: error.to_string() };
    let sql = format!("SELECT * FROM query('{}')", query.replace('\'', "''"));
    let plan: String =
        reader.query_row(&format!("EXPLAIN (FORMAT json) {sql}"), [], |row| row.get(1)).map_err(failed)?;
    let plan = serde_json::from_str(&plan).map_err(|error| ResultsError::Query { message: error.to_string() })?;
    if let Some(function) = switch(&plan) {
        return Err(ResultsError::Query { message: format!("{function} changes DuckDB's own settings") });
    }
    let mut statement = reader.prepare(&sql).map_err(failed)?;
    let answer = statement.query_arrow([]).map_err(failed)?;
    arrow::frame(&answer.get_schema(), answer)
}

/// A table function in a plan that a `SELECT` may call and that still changes
/// DuckDB: such as `enable_logging`, which heeds no locked setting and, where it
/// may not write its file, ends the process.
fn switch(plan: &serde_json::Value) -> Option<&str> {
    const SWITCHES: &[&str] = &["ENABLE_", "DISABLE_", "TRUNCATE_", "CHECKPOINT", "FORCE_CHECKPOINT"];
    match plan {
        serde_json::Value::Array(nodes) => nodes.iter().find_map(switch),
        serde_json::Value::Object(node) => {
            let name = node.get("name").and_then(|name| name.as_str()).map(str::trim);
            name.filter(|name| SWITCHES.iter().any(|switch| name.starts_with(switch)))
                .or_else(|| node.get("children").and_then(switch))
        }
        _ => None,
    }
}
