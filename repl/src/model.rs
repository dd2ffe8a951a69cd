//! `pelago model`: add, list, show and remove models.

use std::process::ExitCode;

use pelago_runtime::models::{AddOptions, Model as Known};
use pelago_runtime::session::{Session, SessionError, SessionOptions, Step};
use serde_json::{Value, json};

use crate::args::Model;
use crate::failure::Failure;
use crate::output;
use crate::output::progress::Bars;

pub(crate) async fn run(options: SessionOptions, command: Model) -> Result<ExitCode, Failure> {
    let models = Session::open_models(&options).await?;
    match command {
        Model::Add { folder, name, family, json } => {
            let bars = Bars::new();
            let observer = bars.observer();
            let add = AddOptions {
                name,
                family,
                progress: Some(std::sync::Arc::new(move |file: &str, loaded, total| {
                    observer(Step::Adding { file: file.to_owned(), loaded, total });
                })),
            };
            let added = models.add(&folder, add).await.map_err(SessionError::from)?;
            bars.clear();
            show(&added, json)?;
        }
        Model::List { json } => {
            let all = models.list().await.map_err(SessionError::from)?;
            if all.is_empty() && !json {
                output::say("no models yet: `pelago model add FOLDER` adds one");
            }
            for model in &all {
                if json {
                    output::json::print(&as_json(model))?;
                } else {
                    output::print(&format!(
                        "{:32} {:16} {:>10}  {}",
                        model.name,
                        model.family,
                        size(model.size()),
                        model.cid
                    ))?;
                }
            }
        }
        Model::Show { model, json } => show(&models.resolve(&model).await.map_err(SessionError::from)?, json)?,
        Model::Remove { model, json } => {
            let removed = models.remove(&model).await.map_err(SessionError::from)?;
            if json {
                output::json::print(
                    &json!({ "removed": removed.name, "cid": removed.cid.to_string(), "freed_bytes": removed.freed_bytes }),
                )?;
            } else {
                output::print(&format!("removed {}, {} freed", removed.name, size(removed.freed_bytes)))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show(model: &Known, json: bool) -> std::io::Result<()> {
    if json {
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

fn as_json(model: &Known) -> Value {
    let files =
        model.files.iter().map(|file| json!({ "path": file.path, "size": file.size, "cid": file.cid.to_string() }));
    json!({
        "name": model.name, "cid": model.cid.to_string(), "family": model.family, "evidence": model.evidence.to_string(),
        "size": model.size(), "files": files.collect::<Vec<_>>(),
    })
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}
