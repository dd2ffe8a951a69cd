//! A precision that is made to be looked at once, and thrown away.

use std::sync::Arc;

use super::graph::Chosen;
use super::served::Counters;
use super::{PrepareError, Prepared, Preparer, Wanted};
use pelago_content::Cid;
use pelago_onnx::precision::{self, Layer};

/// A model in a precision, and the content that goes with it.
#[derive(Debug)]
pub struct Trial {
    /// The model in that precision.
    pub prepared: Prepared,
    /// What nobody had before.
    new: Option<Cid>,
}

impl Preparer {
    /// Makes a precision of a model that is all here.
    pub async fn trial(&self, fp32: &Prepared, wanted: Wanted) -> Result<Trial, PrepareError> {
        let Some(recipe) = wanted.recipe() else {
            return Ok(Trial { prepared: fp32.clone().of(wanted, None), new: None });
        };
        let kept = self.made(fp32, &wanted).await?;
        let root = match kept {
            Some(root) => root,
            None => {
                let _turn = self.converting.lock().await;
                self.convert(&fp32.source.name, fp32.root, &fp32.chosen.main, recipe.clone()).await?
            }
        };
        let chosen = self.of_folder(root, Some(recipe), fp32.chosen.main.origin.clone()).await?;
        let chosen: Chosen = chosen.ok_or(PrepareError::Gone { what: "a precision", root: root.to_string() })?;
        let mut prepared = fp32.clone().of(wanted, None);
        prepared.chosen.main = chosen;
        prepared.served = Counters(vec![self.served.of(&root.to_string())]);
        prepared.transfers = Arc::default();
        Ok(Trial { prepared, new: kept.is_none().then_some(root) })
    }

    /// Throws away what was made for a trial. A page that still reads it keeps it; eviction takes it later.
    pub async fn discard(&self, trial: Trial) {
        let Some(root) = trial.new else { return };
        if let Err(error) = self.store.remove(root).await {
            tracing::debug!(%error, "a precision that was tried stays until there is need of its room");
        }
    }

    /// The layers of a model that may be kept in fewer bits.
    pub async fn layers(&self, fp32: &Prepared) -> Result<Vec<Layer>, PrepareError> {
        self.read(fp32, |files, path| precision::layers(files, path)).await
    }
}
