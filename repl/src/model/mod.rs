//! `pelago model`: models come, go, are kept, checked and served.

mod args;
mod serve;
mod show;

use std::process::ExitCode;

use pelago_runtime::content::AddProgress;
use pelago_runtime::content::Cid;
use pelago_runtime::content::origin::Selection;
use pelago_runtime::network::{Got, Network, NetworkError};
use pelago_runtime::session::{Session, SessionError, SessionOptions, Step};
use serde_json::json;

pub(crate) use self::args::Model;
use self::args::{Add, Print};
use self::show::{list, model_json, say, show, size};
use crate::failure::Failure;
use crate::output;
use crate::output::progress::Bars;

pub(crate) async fn run(options: SessionOptions, command: Model) -> Result<ExitCode, Failure> {
    let network = Session::open_network(&options).await?;
    let models = network.models();
    let store = models.store();
    match command {
        Model::Add(add) => self::add(&network, add).await?,
        Model::Get { model, name, print } => {
            let bars = Bars::new();
            let got = network.get(&model, name.as_deref(), Some(&bars.observer())).await.map_err(network_error)?;
            bars.clear();
            got_model(&got, print)?;
        }
        Model::Serve(arguments) => serve::run(&network, arguments).await?,
        Model::List { print } => {
            let all = models.list().await.map_err(SessionError::from)?;
            if all.is_empty() && !print.json {
                output::say("no models yet: `pelago model add FOLDER` adds one");
            }
            all.iter().try_for_each(|model| list(model, print))?;
        }
        Model::Show { model, print } => {
            show(&models.describe(&model).await.map_err(SessionError::from)?, print)?;
        }
        Model::Stat { model, print } => {
            let cid = root(&network, &model).await?;
            show::stat(&model, cid, &store.stat_dag(cid).await.map_err(SessionError::from)?, print)?;
        }
        Model::History { model, print } => {
            let all = models.history(&model).await.map_err(SessionError::from)?;
            all.iter().try_for_each(|entry| show::past(entry, print))?;
        }
        Model::Rollback { model, steps, print } => {
            let now = models.roll_back(&model, steps as usize).await.map_err(SessionError::from)?;
            let line = format!("{} is {} again, from {}", now.name, now.cid, now.source);
            say(print, || model_json(&now), &line)?;
        }
        Model::Pin { model, print } => {
            let cid = root(&network, &model).await?;
            store.pin(cid).await.map_err(SessionError::from)?;
            say(print, || json!({ "pinned": cid.to_string() }), &format!("pinned {cid}"))?;
        }
        Model::Unpin { model, print } => {
            let cid = root(&network, &model).await?;
            store.unpin(cid).await.map_err(SessionError::from)?;
            say(print, || json!({ "unpinned": cid.to_string() }), &format!("{cid} is not pinned any more"))?;
        }
        Model::Verify { model, print } => {
            let cid = root(&network, &model).await?;
            let verified = store.verify(cid).await.map_err(SessionError::from)?;
            let line = format!("{cid} is whole: {} blocks, {}", verified.blocks, size(verified.bytes));
            let json = || json!({ "cid": cid.to_string(), "blocks": verified.blocks, "bytes": verified.bytes });
            say(print, json, &line)?;
        }
        Model::Gc { print } => {
            let gone = store.gc().await.map_err(SessionError::from)?;
            let line =
                format!("removed {} broken-off fetches and {} blocks, {}", gone.roots, gone.blocks, size(gone.bytes));
            let json = || json!({ "fetches": gone.roots, "blocks": gone.blocks, "bytes": gone.bytes });
            say(print, json, &line)?;
        }
        Model::Export { model, file, print } => {
            let cid = root(&network, &model).await?;
            let written = network.export(cid, &file).await.map_err(network_error)?;
            let line = format!("{}: {cid}, {} blocks, {}", file.display(), written.blocks, size(written.bytes));
            let json = || json!({ "cid": cid.to_string(), "blocks": written.blocks, "bytes": written.bytes });
            say(print, json, &line)?;
        }
        Model::Import { file, name, print } => {
            let (cid, read) = network.import(&file).await.map_err(network_error)?;
            if let Some(name) = &name {
                models.put_name(name, cid, &file.display().to_string()).await.map_err(SessionError::from)?;
            }
            let line = format!("{} {} blocks, {}", name.as_deref().unwrap_or_default(), read.blocks, size(read.bytes));
            let json = || json!({ "name": name, "cid": cid.to_string(), "blocks": read.blocks, "bytes": read.bytes });
            say(print, json, format!("{cid} {line}").trim_end())?;
        }
        Model::Remove { model, print } => {
            let known = models.show(&model).await.map_err(SessionError::from)?;
            models.remove(&model).await.map_err(SessionError::from)?;
            let json = || json!({ "removed": known.name, "cid": known.cid.to_string() });
            say(print, json, &format!("removed {}", known.name))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn add(network: &Network, arguments: Add) -> Result<(), Failure> {
    let Add { from, name, family, include, exclude, print } = arguments;
    let bars = Bars::new();
    let observer = bars.observer();
    let added = if Network::is_published(&from) {
        let selection = Selection { include, exclude };
        let brought = network.publish(&from, &selection, name.as_deref(), family, Some(&observer)).await;
        brought.map_err(network_error)?.added
    } else {
        if !include.is_empty() || !exclude.is_empty() {
            return Err(SessionError::Unsupported {
                what: "choosing files of a folder".to_owned(),
                help: "--include and --exclude are for repositories; of a folder all files are added".to_owned(),
            }
            .into());
        }
        let tell = move |step: AddProgress| {
            let file = step.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            observer(Step::Adding { file, loaded: step.done, total: step.total });
        };
        network.models().add(&from, name.as_deref(), family, tell).await.map_err(SessionError::from)?
    };
    let described = network.models().describe(&added.name).await.map_err(SessionError::from)?;
    bars.clear();
    Ok(show(&described, print)?)
}

fn got_model(got: &Got, print: Print) -> std::io::Result<()> {
    let fetched = got.fetched.as_ref().filter(|fetched| fetched.bytes > 0);
    if print.json {
        let sources = fetched.map(|fetched| {
            let sources = fetched.sources.iter().filter(|source| source.bytes > 0);
            sources.map(|source| json!({ "name": source.name, "kind": source.kind.as_str(), "bytes": source.bytes }))
        });
        return output::json::print(&json!({
            "name": got.name, "cid": got.cid.to_string(), "size": got.size, "files": got.files,
            "cache_hit": fetched.is_none(),
            "fetched_bytes": fetched.map_or(0, |fetched| fetched.bytes),
            "time_ms": fetched.map(|fetched| fetched.load_time_ms()),
            "sources": sources.map(Iterator::collect::<Vec<_>>).unwrap_or_default(),
        }));
    }
    let name = got.name.as_deref().map(|name| format!("{name} ")).unwrap_or_default();
    output::print(&format!("{name}{}  {} in {} files", got.cid, size(got.size), got.files))?;
    let Some(fetched) = fetched else { return output::print("all of it was here already") };
    let rate = fetched.bytes as f64 / fetched.elapsed.as_secs_f64().max(1e-9);
    let all =
        format!("fetched {} in {:.1} s, {}/s", size(fetched.bytes), fetched.elapsed.as_secs_f64(), size(rate as u64));
    output::print(&all)?;
    for source in fetched.sources.iter().filter(|source| source.bytes > 0) {
        output::print(&format!("  {:>10}  {} {}", size(source.bytes), source.kind, source.name))?;
    }
    for dropped in &fetched.dropped {
        output::say(&format!("not asked again: {dropped}"));
    }
    Ok(())
}

/// What a word leads to, for what needs a root of the store.
async fn root(network: &Network, model: &str) -> Result<Cid, Failure> {
    let described = network.models().root(model).await;
    Ok(described.map_err(SessionError::from)?)
}

fn network_error(error: NetworkError) -> Failure {
    Failure::Session(error.into())
}
