//! What a model's folder says of texts, read from the store and kept while its model is used.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pelago_text::{FILE_MAX, Files, Generator, HeadText, TextModel};

use super::{PrepareError, Prepared, Preparer, may_lack};
use pelago_content::Cid;

const MODULES: &str = "modules.json";
/// Models whose tokenizers are kept. One of 250,000 words takes 100 MB.
const KEPT: usize = 4;

/// What was read of the models that were used last, the latest at the end.
#[derive(Debug)]
pub(super) struct Texts<T>(Vec<(Cid, Arc<T>)>);

impl<T> Default for Texts<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Texts<T> {
    fn find(&mut self, cid: Cid) -> Option<Arc<T>> {
        let at = self.0.iter().position(|(known, _)| *known == cid)?;
        let found = self.0.remove(at);
        self.0.push(found.clone());
        Some(found.1)
    }

    fn keep(&mut self, cid: Cid, model: &Arc<T>) {
        if self.0.len() == KEPT {
            self.0.remove(0);
        }
        self.0.push((cid, Arc::clone(model)));
    }
}

impl Preparer {
    /// The tokenizer and the modules of a model that takes texts. Waits for its files where they still come.
    pub async fn text(&self, model: &Prepared) -> Result<Arc<TextModel>, PrepareError> {
        kept(&self.texts, model, || self.read_text(model)).await
    }

    /// The tokenizer and the chat template of a model that makes text. Waits for its files where they still come.
    pub async fn generator(&self, model: &Prepared) -> Result<Arc<Generator>, PrepareError> {
        kept(&self.generators, model, || self.read_generator(model)).await
    }

    /// The tokenizer and the labels of a model with a head. Waits for its files where they still come.
    pub async fn head_text(&self, model: &Prepared) -> Result<Arc<HeadText>, PrepareError> {
        kept(&self.heads, model, || self.read_head_text(model)).await
    }

    async fn read_head_text(&self, model: &Prepared) -> Result<HeadText, PrepareError> {
        let paths = &model.source.files;
        let files = self.small_files(model, HeadText::needed(paths.iter().map(String::as_str))).await?;
        let made = tokio::task::spawn_blocking(move || HeadText::read(&files)).await;
        let made = made.map_err(|source| PrepareError::Task { what: "reading a tokenizer", source })?;
        made.map_err(|source| PrepareError::Text { model: model.source.name.clone(), source })
    }

    /// Files of a model, with the names of the others.
    async fn small_files(&self, model: &Prepared, needed: Vec<String>) -> Result<Files, PrepareError> {
        let mut read = Vec::with_capacity(needed.len());
        for path in needed {
            let bytes = self.store.read_all(model.root, &path, FILE_MAX).await?;
            read.push((path, bytes.to_vec()));
        }
        Ok(Files::from_iter(read).beside(model.source.files.iter().map(String::as_str)))
    }

    async fn read_generator(&self, model: &Prepared) -> Result<Generator, PrepareError> {
        let wrong = |source| PrepareError::Text { model: model.source.name.clone(), source };
        let paths = &model.source.files;
        let files = match self.gguf_text(model).await? {
            Some(files) => files,
            None => self.small_files(model, Generator::needed(paths.iter().map(String::as_str))).await?,
        };
        let made = tokio::task::spawn_blocking(move || Generator::read(&files)).await;
        made.map_err(|source| PrepareError::Task { what: "reading a tokenizer", source })?.map_err(wrong)
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
        let files = self.small_files(model, needed).await?;
        let made = tokio::task::spawn_blocking(move || TextModel::read(&files)).await;
        made.map_err(|source| PrepareError::Task { what: "reading a tokenizer", source })?.map_err(wrong)
    }
}

/// What was read of a model before, or is read now; once more where its files still came.
async fn kept<T, F: Future<Output = Result<T, PrepareError>>>(
    texts: &Mutex<Texts<T>>,
    model: &Prepared,
    read: impl Fn() -> F,
) -> Result<Arc<T>, PrepareError> {
    if let Some(known) = lock(texts).find(model.root) {
        return Ok(known);
    }
    let made = match read().await {
        Err(error) if model.arrival.is_some() && may_lack(&error) => {
            model.wait_complete().await?;
            read().await?
        }
        made => made?,
    };
    let made = Arc::new(made);
    lock(texts).keep(model.root, &made);
    Ok(made)
}

fn lock<T>(texts: &Mutex<Texts<T>>) -> MutexGuard<'_, Texts<T>> {
    // A list that a panic left is whole.
    texts.lock().unwrap_or_else(PoisonError::into_inner)
}
