//! Models from where they are published: brought, checked, then added like any folder.

use std::path::PathBuf;

use pelago_protocol::Family;
use sha2::{Digest, Sha256};

use super::{Network, NetworkError};
use crate::library::AddedModel;
use pelago_content::origin::{Address, FetchProgress, Origin, Selection, Staged};
use pelago_content::{AddOptions, AddProgress, of_gateway};
use pelago_protocol::{Observer, Step};

/// A published model that is in the store now.
#[derive(Debug)]
pub struct PublishedModel {
    /// As with a folder.
    pub added: AddedModel,
    /// What was brought, and from which commit.
    pub staged: Staged,
}

impl Network {
    /// Whether a user's word is the address of a hub or a web server.
    #[must_use]
    pub fn is_published(text: &str) -> bool {
        let has_scheme = ["hf://", "https://", "http://"].iter().any(|scheme| text.starts_with(scheme));
        has_scheme && of_gateway(text).is_none()
    }

    /// Brings `hf://owner/name[@revision][/sub]` or a single file, checks it and adds it. What came before a
    /// break or a kill is kept, and the next call goes on from there.
    ///
    /// # Errors
    ///
    /// `Origin` for the server and what came from it; `Model` where it is no model; `Store`; `Io`.
    pub async fn publish(
        &self,
        address: &str,
        selection: &Selection,
        name: Option<&str>,
        family: Option<Family>,
        options: AddOptions,
        observer: Option<&Observer>,
    ) -> Result<PublishedModel, NetworkError> {
        let parsed = Address::parse(address)?;
        let staging = self.staging(address, &parsed);
        let origin = Origin::new(self.options.origin.clone())?;
        let told = observer.cloned();
        let progress = move |progress: FetchProgress| {
            if let Some(observer) = &told {
                observer(Step::Fetching {
                    model: progress.file,
                    loaded: progress.done,
                    total: progress.total,
                    sources: 1,
                });
            }
        };
        let staged = origin.fetch(&parsed, &staging, selection, progress).await?;
        let told = observer.cloned();
        let adding = move |step: AddProgress| {
            if let Some(observer) = &told {
                let file = step.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                observer(Step::Adding { file, loaded: step.done, total: step.total });
            }
        };
        let name = name.map_or_else(|| default_name(&parsed), |name| Some(name.to_owned()));
        let added =
            self.models.add_from(&staged.folder, &staged.source, name.as_deref(), family, options, adding).await?;
        // It is content now. What cannot be removed is only room that is lost.
        if let Err(error) = tokio::fs::remove_dir_all(&staging).await {
            tracing::warn!(folder = %staging.display(), %error, "a download's folder stays");
        }
        Ok(PublishedModel { added, staged })
    }

    /// One folder an address, so that the same address finds what it brought before.
    fn staging(&self, address: &str, parsed: &Address) -> PathBuf {
        let digest = Sha256::digest(address.as_bytes());
        let hex: String = digest[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        let readable = default_name(parsed).unwrap_or_default().replace('/', "-");
        self.options.staging.join(format!("{readable}-{hex}"))
    }
}

/// What a model is called where it is published.
fn default_name(address: &Address) -> Option<String> {
    match address {
        Address::Hub(hub) => Some(hub.repository.clone()),
        Address::File(_) => None,
    }
}
