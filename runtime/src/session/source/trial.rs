//! A precision that is made to be looked at once, and thrown away.

use std::sync::Arc;

use super::super::content::Counters;
use super::{Chosen, Prepared, SessionError, Sources, Wanted};
use crate::content::Cid;
use crate::onnx::precision::{self, Layer};

/// A model in a precision, and the content that goes with it.
#[derive(Debug)]
pub(in crate::session) struct Trial {
    pub(in crate::session) prepared: Prepared,
    /// What nobody had before.
    new: Option<Cid>,
}

impl Sources {
    /// Makes a precision of a model that is all here.
    pub(in crate::session) async fn trial(&self, fp32: &Prepared, wanted: Wanted) -> Result<Trial, SessionError> {
        let Some(recipe) = wanted.recipe() else {
            return Ok(Trial { prepared: fp32.clone().of(wanted, None), new: None });
        };
        let kept = self.made(fp32.root, &wanted).await?;
        let root = match kept {
            Some(root) => root,
            None => {
                let _turn = self.converting.lock().await;
                self.convert(&fp32.source.name, fp32.root, &fp32.chosen, recipe.clone()).await?
            }
        };
        let chosen =
            self.of_folder(root, Some(recipe), fp32.chosen.origin.clone(), fp32.chosen.graph.index_type).await?;
        let chosen: Chosen = chosen.ok_or(SessionError::Gone { what: "a precision", root: root.to_string() })?;
        let mut prepared = fp32.clone().of(wanted, None);
        prepared.source.graph = chosen.graph.clone();
        prepared.chosen = chosen;
        prepared.served = Counters(vec![self.served.of(&root.to_string())]);
        prepared.given = Arc::default();
        Ok(Trial { prepared, new: kept.is_none().then_some(root) })
    }

    /// Throws away what was made for a trial. A page that still reads it keeps it; eviction takes it later.
    pub(in crate::session) async fn discard(&self, trial: Trial) {
        let Some(root) = trial.new else { return };
        if let Err(error) = self.store.remove(root).await {
            tracing::debug!(%error, "a precision that was tried stays until there is need of its room");
        }
    }

    /// The layers of a model that may be kept in fewer bits.
    pub(in crate::session) async fn layers(&self, fp32: &Prepared) -> Result<Vec<Layer>, SessionError> {
        self.read(fp32, |files, path| precision::layers(files, path)).await
    }
}
