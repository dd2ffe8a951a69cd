//! `pelago model`: add, list, show and remove models.

use std::process::ExitCode;

use pelago_runtime::content::AddProgress;
use pelago_runtime::models::{Described, Model as Named};
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
            let tell = move |step: AddProgress| {
                let file = step.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                observer(Step::Adding { file, loaded: step.done, total: step.total });
            };
            let added = models.add(&folder, name.as_deref(), family, tell).await.map_err(SessionError::from)?;
            let added = models.describe(&added.name).await.map_err(SessionError::from)?;
            bars.clear();
            show(&added, json)?;
        }
        Model::List { json } => {
            let all = models.list().await.map_err(SessionError::from)?;
            if all.is_empty() && !json {
                output::say("no models yet: `pelago model add FOLDER` adds one");
            }
            all.iter().try_for_each(|model| list(model, json))?;
        }
        Model::Show { model, json } => show(&models.describe(&model).await.map_err(SessionError::from)?, json)?,
        Model::Remove { model, json } => {
            let known = models.show(&model).await.map_err(SessionError::from)?;
            models.remove(&model).await.map_err(SessionError::from)?;
            if json {
                output::json::print(&json!({ "removed": known.name, "cid": known.cid.to_string() }))?;
            } else {
                output::print(&format!("removed {}", known.name))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(model: &Named, json: bool) -> std::io::Result<()> {
    if json {
        return output::json::print(&json!({
            "name": model.name, "cid": model.cid.to_string(), "size": model.size, "files": model.files,
            "source": model.source, "profile": model.profile, "added_at": model.added_at,
        }));
    }
    output::print(&format!("{:32} {:>10}  {}", model.name, size(model.size), model.cid))
}

fn show(model: &Described, json: bool) -> std::io::Result<()> {
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

fn as_json(model: &Described) -> Value {
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
