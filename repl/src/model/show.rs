//! What is printed about models.

use std::io;

use pelago_runtime::content::Cid;
use pelago_runtime::content::DagStat;
use pelago_runtime::models::{Described, Model as Named};
use serde_json::{Value, json};

use super::args::Print;
use crate::output;

/// Prints one or the other.
pub(super) fn say(print: Print, json: impl FnOnce() -> Value, line: &str) -> io::Result<()> {
    if print.json { output::json::print(&json()) } else { output::print(line) }
}

/// A line of the list.
pub(super) fn list(model: &Named, print: Print) -> io::Result<()> {
    let line = format!("{:32} {:>10}  {}", model.name, size(model.size), model.cid);
    say(print, || model_json(model), &line)
}

/// A line of a name's history.
pub(super) fn past(model: &Named, print: Print) -> io::Result<()> {
    say(print, || model_json(model), &format!("{}  {}  {}", model.added_at, model.cid, model.source))
}

/// A name and what it stands for.
pub(super) fn model_json(model: &Named) -> Value {
    json!({
        "name": model.name, "cid": model.cid.to_string(), "size": model.size, "files": model.files,
        "source": model.source, "profile": model.profile, "added_at": model.added_at,
    })
}

/// What a model takes.
pub(super) fn stat(model: &str, cid: Cid, stat: &DagStat, print: Print) -> io::Result<()> {
    if print.json {
        return output::json::print(&json!({
            "cid": cid.to_string(), "blocks": stat.blocks, "bytes": stat.bytes, "unique_bytes": stat.unique_bytes,
            "pinned": stat.pinned, "leased": stat.leased, "last_used": stat.last_used,
        }));
    }
    let yes = |is| if is { "yes" } else { "no" };
    output::print(&format!("model      {model}"))?;
    output::print(&format!("cid        {cid}"))?;
    output::print(&format!("blocks     {}", stat.blocks))?;
    output::print(&format!("on disk    {}; removing it frees {}", size(stat.bytes), size(stat.unique_bytes)))?;
    output::print(&format!("pinned     {}", yes(stat.pinned)))?;
    output::print(&format!("in use     {}", yes(stat.leased)))?;
    output::print(&format!("last used  {}", stat.last_used.as_deref().unwrap_or("never")))
}

/// One model with its files.
pub(super) fn show(model: &Described, print: Print) -> io::Result<()> {
    if print.json {
        return output::json::print(&as_json(model));
    }
    output::print(&format!("name    {}", model.name))?;
    output::print(&format!("cid     {}", model.cid))?;
    output::print(&format!("family  {} ({})", model.family, model.evidence))?;
    output::print(&format!("size    {}", size(model.size())))?;
    for file in &model.files {
        output::print(&format!("  {:>10}  {}  {}", size(file.size), file.cid, file.path))?;
    }
    Ok(())
}

fn as_json(model: &Described) -> Value {
    let files =
        model.files.iter().map(|file| json!({ "path": file.path, "size": file.size, "cid": file.cid.to_string() }));
    json!({
        "name": model.name, "cid": model.cid.to_string(), "family": model.family, "evidence": model.evidence.to_string(),
        "size": model.size(), "files": files.collect::<Vec<_>>(),
    })
}

/// Bytes for people.
pub(super) fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}
