//! Models: names that lead to content, and what the content is.
//!
//! How a model runs, and on what, is not known here.

mod check;
mod error;
mod family;
mod names;

use std::path::{Path, PathBuf};

use cid::Cid;
use pelago_protocol::Family;
use tokio::task::spawn_blocking;

pub use error::ModelError;
pub use family::{Detected, detect};

use crate::content::{ContentError, Kind, Observer, Store};

/// Folders deeper than this are no model's.
const MAX_DEPTH: usize = 8;

/// How to add a model.
#[derive(Clone, Default)]
pub struct AddOptions {
    /// The name to know it by; by default that of the config, or the folder's.
    pub name: Option<String>,
    /// The family, where detection is wrong.
    pub family: Option<Family>,
    /// Is told how far each file is.
    pub progress: Option<Observer>,
}

/// A file of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Relative to the model's folder.
    pub path: String,
    /// CID of the file.
    pub cid: Cid,
    /// Bytes.
    pub size: u64,
}

/// A model in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// The name it is known by; its CID where it has none.
    pub name: String,
    /// CID of its folder.
    pub cid: Cid,
    /// What it does.
    pub family: Family,
    /// How that is known.
    pub evidence: String,
    /// Every file, by path.
    pub files: Vec<File>,
}

impl Model {
    /// Bytes of all files.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// The file at a path.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

/// What a name or a CID leads to.
#[derive(Clone, Debug)]
pub(crate) struct Located {
    pub(crate) name: String,
    pub(crate) cid: Cid,
    detected: Option<Detected>,
}

/// What removing a model freed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovedModel {
    /// The name that was taken away.
    pub name: String,
    /// CID of its folder.
    pub cid: Cid,
    /// Bytes that no other model uses.
    pub freed_bytes: u64,
}

/// The models of a store. Clones share it.
#[derive(Clone, Debug)]
pub struct Models {
    store: Store,
}

impl Models {
    /// The models of this store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Checks a folder and adds it under a name. A name that is there already
    /// leads to the new content from now on.
    ///
    /// # Errors
    /// [`ModelError`]: what the folder lacks or what is wrong with a file of it;
    /// nothing is added then.
    pub async fn add(&self, folder: &Path, options: AddOptions) -> Result<Model, ModelError> {
        let path = folder.to_owned();
        let checked = spawn_blocking(move || check::folder(&path)).await.map_err(ContentError::from)??;
        let name = name_of(folder, options.name, &checked.config)?;
        let detected = match options.family {
            Some(family) => Detected { family, evidence: "given when it was added".to_owned() },
            None => detect(&name, &checked.config, checked.is_sentence_transformer).ok_or_else(|| {
                let model_type = checked.config["model_type"].as_str().unwrap_or_default().to_owned();
                ModelError::UnknownFamily { name: name.clone(), model_type }
            })?,
        };
        if detected.family == Family::TextEmbedding && !checked.has_tokenizer {
            return Err(ModelError::MissingFile { path: folder.to_owned(), expected: "tokenizer.json".to_owned() });
        }
        let added = self.store.add_folder(folder, options.progress).await?;
        let row = names::Row {
            name: name.clone(),
            cid: added.cid.to_string(),
            source: folder.display().to_string(),
            family: Some(detected.family),
            evidence: detected.evidence,
        };
        self.with_index(move |index| names::put(index, &row)).await?;
        self.model(name, added.cid, None).await
    }

    /// Every model that has a name, by name.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn list(&self) -> Result<Vec<Model>, ModelError> {
        let rows = self.with_index(names::all).await?;
        let mut models = Vec::with_capacity(rows.len());
        for row in rows {
            if let Ok(cid) = Cid::try_from(row.cid.as_str()) {
                models.push(self.describe(row.locate(cid)).await?);
            }
        }
        Ok(models)
    }

    /// The model of a name or a CID (`bafy…`, `ipfs://bafy…`, `/ipfs/bafy…`).
    ///
    /// # Errors
    /// [`ModelError::UnknownName`], [`ModelError::NotAdded`] for a folder's path, and those of the store.
    pub async fn resolve(&self, text: &str) -> Result<Model, ModelError> {
        let found = self.locate(text).await?;
        self.describe(found).await
    }

    /// What a name or a CID leads to now, by one look at the index.
    pub(crate) async fn locate(&self, text: &str) -> Result<Located, ModelError> {
        let bare = text.strip_prefix("ipfs://").or_else(|| text.strip_prefix("/ipfs/")).unwrap_or(text);
        if let Ok(cid) = Cid::try_from(bare.trim_end_matches('/')) {
            let row = self.with_index(move |index| names::of_cid(index, &cid.to_string())).await?;
            return Ok(row.map_or(Located { name: cid.to_string(), cid, detected: None }, |row| row.locate(cid)));
        }
        let wanted = text.to_owned();
        if let Some(row) = self.with_index(move |index| names::current(index, &wanted)).await? {
            let cid = Cid::try_from(row.cid.as_str())
                .map_err(|error| ContentError::InvalidPath { path: row.cid.clone(), reason: error.to_string() })?;
            return Ok(row.locate(cid));
        }
        if Path::new(text).is_dir() {
            return Err(ModelError::NotAdded { path: PathBuf::from(text) });
        }
        let known = self.with_index(names::all).await?.into_iter().map(|row| row.name).collect();
        Err(ModelError::UnknownName { name: text.to_owned(), known: nearest(text, known) })
    }

    /// The files and the family of what was located.
    pub(crate) async fn describe(&self, found: Located) -> Result<Model, ModelError> {
        self.model(found.name, found.cid, found.detected).await
    }

    /// Takes a model's names away, and frees what no other model uses, the
    /// content derived from it too.
    ///
    /// # Errors
    /// As [`Models::resolve`].
    pub async fn remove(&self, text: &str) -> Result<RemovedModel, ModelError> {
        let model = self.resolve(text).await?;
        let (name, cid) = (model.name.clone(), model.cid.to_string());
        // Another name of the same content keeps it.
        let derived = self.with_index(move |index| names::remove(index, &name, &cid)).await?;
        let mut freed_bytes = 0;
        if let Some(derived) = derived {
            freed_bytes += self.store.remove(&model.cid).await?.freed_bytes;
            for cid in derived.iter().filter_map(|cid| Cid::try_from(cid.as_str()).ok()) {
                if self.store.has_root(&cid).await? {
                    freed_bytes += self.store.remove(&cid).await?.freed_bytes;
                }
            }
        }
        Ok(RemovedModel { name: model.name, cid: model.cid, freed_bytes })
    }

    /// The content that a recipe made of a model before, if it is still there.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn derived(&self, parent: &Cid, recipe: &'static str) -> Result<Option<Cid>, ModelError> {
        let parent = parent.to_string();
        let found = self.with_index(move |index| names::derived(index, &parent, recipe)).await?;
        let Some(cid) = found.and_then(|cid| Cid::try_from(cid.as_str()).ok()) else { return Ok(None) };
        Ok(self.store.has_root(&cid).await?.then_some(cid))
    }

    /// Remembers what a recipe made of a model.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn put_derived(&self, parent: &Cid, recipe: &'static str, cid: &Cid) -> Result<(), ModelError> {
        let (parent, cid) = (parent.to_string(), cid.to_string());
        Ok(self.with_index(move |index| names::put_derived(index, &parent, recipe, &cid)).await?)
    }

    async fn with_index<T: Send + 'static>(
        &self,
        work: impl FnOnce(&crate::content::Index) -> Result<T, ContentError> + Send + 'static,
    ) -> Result<T, ContentError> {
        let index = self.store.index().clone();
        spawn_blocking(move || work(&index)).await?
    }

    async fn model(&self, name: String, cid: Cid, known: Option<Detected>) -> Result<Model, ModelError> {
        let mut files = Vec::new();
        let mut folders = vec![(String::new(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            for (entry_name, entry) in self.store.list(&format!("{cid}/{folder}")).await? {
                let path = format!("{folder}{entry_name}");
                match entry.kind {
                    Kind::File => files.push(File { path, cid: entry.cid, size: entry.size }),
                    Kind::Folder if depth < MAX_DEPTH => folders.push((format!("{path}/"), depth + 1)),
                    Kind::Folder => {}
                }
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let detected = match known {
            Some(detected) => detected,
            None => self.detected(&name, &cid, &files).await?,
        };
        Ok(Model { name, cid, family: detected.family, evidence: detected.evidence, files })
    }

    async fn detected(&self, name: &str, cid: &Cid, files: &[File]) -> Result<Detected, ModelError> {
        let config = files.iter().find(|file| file.path == "config.json");
        let config: serde_json::Value = match config {
            Some(file) => {
                let bytes = self.store.read_all(&format!("{cid}/config.json"), 0..file.size).await?;
                serde_json::from_slice(&bytes)
                    .map_err(|source| ModelError::Json { path: PathBuf::from("config.json"), source })?
            }
            None => serde_json::Value::Null,
        };
        let modules = files.iter().any(|file| file.path == "modules.json");
        detect(name, &config, modules).ok_or_else(|| ModelError::UnknownFamily {
            name: name.to_owned(),
            model_type: config["model_type"].as_str().unwrap_or_default().to_owned(),
        })
    }
}

fn name_of(folder: &Path, given: Option<String>, config: &serde_json::Value) -> Result<String, ModelError> {
    let named = given.or_else(|| {
        // A hub's name has one slash; a path on somebody's disk has more, or begins with one.
        let from_config =
            config["_name_or_path"].as_str().filter(|name| !name.is_empty() && !name.starts_with(['/', '.']));
        from_config.filter(|name| name.matches('/').count() <= 1).map(ToOwned::to_owned)
    });
    let name = match named {
        Some(name) => name,
        None => {
            let whole =
                std::path::absolute(folder).map_err(|source| ModelError::Read { path: folder.to_owned(), source })?;
            whole.file_name().unwrap_or_default().to_string_lossy().into_owned()
        }
    };
    let reason = if name.trim().is_empty() {
        "it is empty; give one with --name"
    } else if name.chars().any(char::is_control) {
        "it holds control characters; give another with --name"
    } else if Cid::try_from(name.as_str()).is_ok() {
        "it is a CID, which is a name already; give another with --name"
    } else {
        return Ok(name);
    };
    Err(ModelError::InvalidName { name, reason })
}

/// Names, those that are most like the wanted one first.
fn nearest(wanted: &str, mut known: Vec<String>) -> Vec<String> {
    known.sort_by_cached_key(|name| strsim::levenshtein(&wanted.to_lowercase(), &name.to_lowercase()));
    known.truncate(5);
    known
}

#[cfg(test)]
mod tests;
