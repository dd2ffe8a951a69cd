//! What a model's folder says of texts, read from the store and kept while its model is used.

use std::sync::Arc;

use pelago_text::{FILE_MAX, Files, TextModel};

use super::{PrepareError, Prepared, Preparer, may_lack};
use pelago_content::Cid;

const MODULES: &str = "modules.json";
/// Models whose tokenizers are kept. One of 250,000 words takes 100 MB.
const KEPT: usize = 4;

/// The tokenizers that were used last, the latest at the end.
#[derive(Debug, Default)]
pub(super) struct Texts(Vec<(Cid, Arc<TextModel>)>);

impl Texts {
    fn find(&mut self, cid: Cid) -> Option<Arc<TextModel>> {
        let at = self.0.iter().position(|(known, _)| *known == cid)?;
        let found = self.0.remove(at);
        self.0.push(found.clone());
        Some(found.1)
    }

    fn keep(&mut self, cid: Cid, model: &Arc<TextModel>) {
        if self.0.len() == KEPT {
            self.0.remove(0);
        }
        self.0.push((cid, Arc::clone(model)));
    }
}

impl Preparer {
    /// The tokenizer and the modules of a model that takes texts. Waits for its files where they still come.
    pub async fn text(&self, model: &Prepared) -> Result<Arc<TextModel>, PrepareError> {
        if let Some(known) = self.texts().find(model.root) {
            return Ok(known);
        }
        let made = match self.read_text(model).await {
            Err(error) if model.arrival.is_some() && may_lack(&error) => {
                model.wait_complete().await?;
                self.read_text(model).await?
            }
            made => made?,
        };
        let made = Arc::new(made);
        self.texts().keep(model.root, &made);
        Ok(made)
    }

    async fn read_text(&self, model: &Prepared) -> Result<TextModel, PrepareError> {
        let wrong = |source| PrepareError::Text { model: model.source.name.clone(), source };
        let paths = &model.source.files;
        let modules = if paths.iter().any(|path| path == MODULES) {
            Some(self.store.read_all(model.root, MODULES, FILE_MAX).await?)
        } else {
            None
        };
        let needed = pelago_text::needed(paths.iter().map(String::as_str), modules.as_deref()).map_err(wrong)?;
        let mut read = Vec::with_capacity(needed.len());
        for path in needed {
            let bytes = self.store.read_all(model.root, &path, FILE_MAX).await?;
            read.push((path, bytes.to_vec()));
        }
        let files = Files::from_iter(read).beside(paths.iter().map(String::as_str));
        let made = tokio::task::spawn_blocking(move || TextModel::read(&files)).await;
        made.map_err(|source| PrepareError::Task { what: "reading a tokenizer", source })?.map_err(wrong)
    }

    fn texts(&self) -> std::sync::MutexGuard<'_, Texts> {
        // A list that a panic left is whole.
        self.texts.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
