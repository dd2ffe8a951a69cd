//! Each order about models, done.

use std::path::Path;

use serde_json::json;

use super::answer::{Answer, of_model, size};
use super::arguments::{Add, ModelCommand};
use pelago_content::origin::Selection;
use pelago_content::{AddOptions, AddProgress};
use pelago_models::network::Network;
use pelago_protocol::{Advice, Observer, Step};
use pelago_session::{RunError, SessionError};

impl ModelCommand {
    /// Does it. Paths are relative to `folder`; the observer hears of what takes long.
    pub(super) async fn perform(
        self,
        network: &Network,
        folder: &Path,
        observer: &Observer,
    ) -> Result<Answer, SessionError> {
        let models = network.models();
        let store = models.store();
        Ok(match self {
            Self::Add(add) => self::add(add, network, folder, observer).await?,
            Self::Get { model, name } => Answer::got(&network.get(&model, name.as_deref(), Some(observer)).await?),
            Self::Refresh { model } => Answer::refreshed(&network.refresh(&model, Some(observer)).await?),
            Self::List => Answer::listed(&models.list().await?)?,
            Self::Show { model } => Answer::described(&models.describe(&model).await?)?,
            Self::Stat { model } => {
                let cid = models.root(&model).await?;
                Answer::stat(&model, cid, &store.stat_dag(cid).await?)
            }
            Self::History { model } => Answer::history(&models.history(&model).await?)?,
            Self::Rollback { model, steps } => {
                let now = models.roll_back(&model, steps as usize).await?;
                Answer::line(format!("{} is {} again, from {}", now.name, now.cid, now.source), of_model(&now))
            }
            // It needs browsers, which the caller has.
            Self::Check(check) => {
                return Err(RunError::Unsupported {
                    what: format!("comparing {} without a session", check.model),
                    advice: Advice::from("use ").command("model check"),
                }
                .into());
            }
            Self::Pin { model } => {
                let cid = models.root(&model).await?;
                store.pin(cid).await?;
                Answer::line(format!("pinned {cid}"), json!({ "pinned": cid.to_string() }))
            }
            Self::Unpin { model } => {
                let cid = models.root(&model).await?;
                store.unpin(cid).await?;
                Answer::line(format!("{cid} is not pinned any more"), json!({ "unpinned": cid.to_string() }))
            }
            Self::Verify { model } => {
                let cid = models.root(&model).await?;
                let verified = store.verify(cid).await?;
                let line = format!("{cid} is whole: {} blocks, {}", verified.blocks, size(verified.bytes));
                Answer::line(
                    line,
                    json!({ "cid": cid.to_string(), "blocks": verified.blocks, "bytes": verified.bytes }),
                )
            }
            Self::Gc => {
                let gone = store.gc().await?;
                let bytes = size(gone.bytes);
                let line = format!("removed {} broken-off fetches and {} blocks, {bytes}", gone.roots, gone.blocks);
                Answer::line(line, json!({ "fetches": gone.roots, "blocks": gone.blocks, "bytes": gone.bytes }))
            }
            Self::Export { model, file } => {
                let cid = models.root(&model).await?;
                let file = folder.join(file);
                let written = network.export(cid, &file).await?;
                let line = format!("{}: {cid}, {} blocks, {}", file.display(), written.blocks, size(written.bytes));
                Answer::line(line, json!({ "cid": cid.to_string(), "blocks": written.blocks, "bytes": written.bytes }))
            }
            Self::Import { file, name } => {
                let file = folder.join(file);
                let (cid, read) = network.import(&file).await?;
                if let Some(name) = &name {
                    models.put_name(name, cid, &file.display().to_string()).await?;
                }
                let named = name.as_ref().map(|name| format!("{name} ")).unwrap_or_default();
                let line = format!("{cid} {named}{} blocks, {}", read.blocks, size(read.bytes));
                let json = json!({ "name": name, "cid": cid.to_string(), "blocks": read.blocks, "bytes": read.bytes });
                Answer::line(line, json)
            }
            Self::Remove { model } => {
                let known = models.show(&model).await?;
                models.remove(&model).await?;
                let json = json!({ "removed": known.name, "cid": known.cid.to_string() });
                Answer::line(format!("removed {}", known.name), json)
            }
        })
    }
}

async fn add(add: Add, network: &Network, folder: &Path, observer: &Observer) -> Result<Answer, SessionError> {
    let Add { from, name, family, profile, include, exclude } = add;
    let options = AddOptions { profile, ..AddOptions::default() };
    let added = if Network::is_published(&from) {
        let selection = Selection { include, exclude };
        network.publish(&from, &selection, name.as_deref(), family, options, Some(observer)).await?.added
    } else {
        if !include.is_empty() || !exclude.is_empty() {
            return Err(RunError::Unsupported {
                what: "choosing files of a folder".to_owned(),
                advice: "--include and --exclude are for repositories; of a folder all files are added".into(),
            }
            .into());
        }
        let observer = observer.clone();
        let tell = move |step: AddProgress| {
            let file = step.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            observer(Step::Adding { file, loaded: step.done, total: step.total });
        };
        network.models().add_as(folder.join(from), name.as_deref(), family, options, tell).await?
    };
    Ok(Answer::described(&network.models().describe(&added.name).await?)?)
}
