//! What is answered about models: lines for people, rows for a table, JSON for programs.

use bytesize::ByteSize;
use polars::prelude::{Column, DataFrame, NamedFrom, PolarsError, Series};
use serde_json::{Value, json};

use crate::commands::{CommandError, Context, Outcome};
use pelago_content::{Cid, DagStat};
use pelago_models::library::{Described, Model};
use pelago_models::network::{Got, Refreshed};
use pelago_render::{Brief, Shown, Table};

/// An answer, in the three forms in which it is looked at.
#[derive(Clone, Debug, Default)]
pub(in crate::commands) struct Answer {
    /// What it says of the whole.
    pub(super) head: Vec<String>,
    /// What it says of each part, a line each.
    pub(super) rows: Vec<String>,
    /// The parts again, where a table shows them better than lines. Sizes are in bytes.
    pub(super) table: Option<DataFrame>,
    /// One object a line.
    pub(super) json: Vec<Value>,
    /// Whether it says that something is not as it should be.
    pub(super) is_failed: bool,
}

impl Answer {
    /// Gives it: bad where it says that something is not as it should be.
    pub(in crate::commands) async fn give(self, context: &Context<'_>) -> Result<Outcome, CommandError> {
        let outcome = Outcome::good_if(!self.is_failed);
        let Self { head, rows, table, json, .. } = self;
        context.give(|| Ok(shown(head, rows, table)), || Ok(json)).await?;
        Ok(outcome)
    }

    /// One line.
    pub(super) fn line(line: String, json: Value) -> Self {
        Self { head: vec![line], json: vec![json], ..Self::default() }
    }

    /// The models that have a name.
    pub(in crate::commands) fn listed(models: &[Model]) -> Result<Self, PolarsError> {
        let empty = "no models yet: `model add FOLDER` adds one".to_owned();
        let head = if models.is_empty() { vec![empty] } else { Vec::new() };
        Ok(Self { head, ..Self::models(models)? })
    }

    /// Names and what they stand for.
    fn models(models: &[Model]) -> Result<Self, PolarsError> {
        let rows = models.iter().map(|model| format!("{:32} {:>10}  {}", model.name, size(model.size), model.cid));
        Ok(Self {
            head: Vec::new(),
            rows: rows.collect(),
            table: Some(pelago_session::models_frame(models)?),
            json: models.iter().map(of_model).collect(),
            is_failed: false,
        })
    }

    /// What a name stood for.
    pub(super) fn history(models: &[Model]) -> Result<Self, PolarsError> {
        let rows = models.iter().map(|entry| format!("{}  {}  {}", entry.added_at, entry.cid, entry.source));
        Ok(Self { rows: rows.collect(), ..Self::models(models)? })
    }

    /// One model with its files.
    pub(super) fn described(model: &Described) -> Result<Self, PolarsError> {
        let files = &model.files;
        let columns: Vec<Column> = vec![
            Series::new("path".into(), files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>()).into(),
            Series::new("size".into(), files.iter().map(|file| file.size).collect::<Vec<_>>()).into(),
            Series::new("cid".into(), files.iter().map(|file| file.cid.to_string()).collect::<Vec<_>>()).into(),
        ];
        let listed =
            files.iter().map(|file| json!({ "path": file.path, "size": file.size, "cid": file.cid.to_string() }));
        Ok(Self {
            head: vec![
                format!("name    {}", model.name),
                format!("cid     {}", model.cid),
                format!("family  {} ({})", model.family, model.evidence),
                format!("size    {}", size(model.size())),
            ],
            rows: files.iter().map(|file| format!("  {:>10}  {}  {}", size(file.size), file.cid, file.path)).collect(),
            table: Some(DataFrame::new(files.len(), columns)?),
            json: vec![json!({
                "name": model.name, "cid": model.cid.to_string(), "family": model.family,
                "evidence": model.evidence, "size": model.size(), "files": listed.collect::<Vec<_>>(),
            })],
            is_failed: false,
        })
    }

    /// What a model takes.
    pub(super) fn stat(model: &str, cid: Cid, stat: &DagStat) -> Self {
        let yes = |is| if is { "yes" } else { "no" };
        let head = vec![
            format!("model      {model}"),
            format!("cid        {cid}"),
            format!("blocks     {}", stat.blocks),
            format!("on disk    {}; removing it frees {}", size(stat.bytes), size(stat.unique_bytes)),
            format!("pinned     {}", yes(stat.pinned)),
            format!("in use     {}", yes(stat.leased)),
            format!("last used  {}", stat.last_used.as_deref().unwrap_or("never")),
        ];
        let json = json!({
            "cid": cid.to_string(), "blocks": stat.blocks, "bytes": stat.bytes, "unique_bytes": stat.unique_bytes,
            "pinned": stat.pinned, "leased": stat.leased, "last_used": stat.last_used,
        });
        Self { head, json: vec![json], ..Self::default() }
    }

    /// What a name that follows another led to, and leads to now.
    pub(super) fn refreshed(refreshed: &Refreshed) -> Self {
        let Refreshed { name, ipns, before, now, changed, fetched, resolved } = refreshed;
        let bytes = fetched.as_ref().map_or(0, |fetched| fetched.bytes);
        let line = if *changed {
            format!("{name} is {now} now ({} fetched), as {} says", size(bytes), resolved.source)
        } else {
            format!("{name} is still {now}, as {} says", resolved.source)
        };
        let json = json!({
            "name": name, "ipns": ipns, "before": before.to_string(), "cid": now.to_string(), "changed": changed,
            "fetched_bytes": bytes, "source": resolved.source, "valid_until": resolved.valid_until.map(|at| at.to_rfc3339()),
            "ttl_s": resolved.ttl.as_secs(), "sequence": resolved.sequence,
        });
        Self::line(line, json)
    }

    /// A model that is here now, and how it came.
    pub(super) fn got(got: &Got) -> Self {
        let fetched = got.fetched.as_ref().filter(|fetched| fetched.bytes > 0);
        let gave = || fetched.iter().flat_map(|fetched| &fetched.sources).filter(|source| source.bytes > 0);
        let sources =
            gave().map(|source| json!({ "name": source.name, "kind": source.kind.as_str(), "bytes": source.bytes }));
        let dropped = fetched.iter().flat_map(|fetched| &fetched.dropped).map(ToString::to_string).collect::<Vec<_>>();
        let json = json!({
            "name": got.name, "cid": got.cid.to_string(), "size": got.size, "files": got.files,
            "cache_hit": fetched.is_none(),
            "fetched_bytes": fetched.map_or(0, |fetched| fetched.bytes),
            "time_ms": fetched.map(|fetched| fetched.load_time_ms()),
            "sources": sources.collect::<Vec<_>>(),
            "dropped": dropped,
        });
        let name = got.name.as_deref().map(|name| format!("{name} ")).unwrap_or_default();
        let mut head = vec![format!("{name}{}  {} in {} files", got.cid, size(got.size), got.files)];
        let Some(fetched) = fetched else {
            head.push("all of it was here already".to_owned());
            return Self { head, json: vec![json], ..Self::default() };
        };
        let seconds = fetched.elapsed.as_secs_f64();
        let rate = fetched.bytes as f64 / seconds.max(1e-9);
        head.push(format!("fetched {} in {seconds:.1} s, {}/s", size(fetched.bytes), size(rate as u64)));
        let mut rows: Vec<_> =
            gave().map(|source| format!("  {:>10}  {} {}", size(source.bytes), source.kind, source.name)).collect();
        rows.extend(dropped.iter().map(|dropped| format!("not asked again: {dropped}")));
        Self { head, rows, json: vec![json], ..Self::default() }
    }
}

/// Lines, and a table of the parts where there is one, which text shows as lines.
fn shown(head: Vec<String>, rows: Vec<String>, table: Option<DataFrame>) -> Vec<Shown> {
    let text = |lines: Vec<String>| (!lines.is_empty()).then(|| Shown::Text(lines.join("\n")));
    let Some(frame) = table else { return text([head, rows].concat()).into_iter().collect() };
    let brief = Brief { frame: None, lines: rows };
    // Of no parts there is nothing to see.
    let table = (frame.height() > 0 || head.is_empty()).then(|| Shown::Table(Table::of(&frame).with_brief(brief)));
    text(head).into_iter().chain(table).collect()
}

/// A name and what it stands for.
pub(super) fn of_model(model: &Model) -> Value {
    json!({
        "name": model.name, "cid": model.cid.to_string(), "size": model.size, "files": model.files,
        "source": model.source, "profile": model.profile, "added_at": model.added_at,
    })
}

/// Bytes for people.
pub(super) fn size(bytes: u64) -> String {
    ByteSize(bytes).to_string()
}
