//! Names of models and what was derived from them, in the store's database.
//!
//! A name's newest row is what it stands for; older rows are its history, and
//! their content is kept as long as the name is.

use std::path::{Path, PathBuf};

use pelago_content::Cid;
use pelago_protocol::Family;
use rusqlite::{OptionalExtension, Transaction, params};

use super::name::check_name;
use super::rows::{COLUMNS, Model, current, forget, model, now};
use super::suffix::is_gguf;
use super::{Checked, Clues, Detected, ModelError, check_folder, detect, staged};
use pelago_content::{AddOptions, AddProgress, Added, Entry, Store, StoreError, of_gateway, parse_address};

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS names (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, cid BLOB NOT NULL,
    source TEXT NOT NULL, profile TEXT NOT NULL, added_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS names_by_name ON names(name, id);
CREATE TABLE IF NOT EXISTS derived (
    parent BLOB NOT NULL, recipe TEXT NOT NULL, version TEXT NOT NULL, child BLOB NOT NULL, added_at TEXT NOT NULL,
    PRIMARY KEY (parent, recipe, version));
CREATE TABLE IF NOT EXISTS families (cid BLOB PRIMARY KEY, family TEXT NOT NULL) WITHOUT ROWID;
";
/// `config.json` and `modules.json` are read up to this size.
const JSON_MAX: u64 = 64 << 20;

/// A model that was just added.
#[derive(Clone, Debug)]
pub struct AddedModel {
    /// The name it has now.
    pub name: String,
    /// What the store did.
    pub added: Added,
    /// What the check found.
    pub checked: Checked,
}

/// What a user's word for a model means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// A name of the index.
    Named(Model),
    /// A CID, with a path under it or none.
    Content {
        /// The CID.
        cid: Cid,
        /// The path under it, without slashes at its ends.
        path: String,
    },
    /// A folder on the disk, to be added first with [`Models::add`].
    Folder(PathBuf),
}

/// The models of a store.
#[derive(Clone, Debug)]
pub struct Models {
    store: Store,
}

impl Models {
    /// The models in a store. Blocks the thread, briefly.
    ///
    /// # Errors
    ///
    /// `Store`.
    pub fn open(store: Store) -> Result<Self, ModelError> {
        let made = store.make_tables(SCHEMA).and_then(|()| {
            // What has a name, or was made of what has one, is not evicted to make room.
            [("names", "cid"), ("derived", "child")].into_iter().try_for_each(|(t, column)| store.keep_named(t, column))
        });
        match made {
            // A store that is only read has the tables already, or no names.
            Ok(()) | Err(StoreError::ReadOnly { .. }) => Ok(Self { store }),
            Err(error) => Err(error.into()),
        }
    }

    /// The store they are in.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Checks a folder, adds it and names it: `name`, or what it calls itself.
    ///
    /// # Errors
    ///
    /// What [`check_folder`] finds; `BadName`; `Store`.
    pub async fn add(
        &self,
        folder: impl Into<PathBuf>,
        name: Option<&str>,
        family: Option<Family>,
        progress: impl Fn(AddProgress) + Send + Sync + 'static,
    ) -> Result<AddedModel, ModelError> {
        self.add_as(folder, name, family, AddOptions::default(), progress).await
    }

    /// The same, with options of the store.
    ///
    /// # Errors
    ///
    /// As [`Models::add`].
    pub async fn add_as(
        &self,
        folder: impl Into<PathBuf>,
        name: Option<&str>,
        family: Option<Family>,
        options: AddOptions,
        progress: impl Fn(AddProgress) + Send + Sync + 'static,
    ) -> Result<AddedModel, ModelError> {
        let folder = folder.into();
        let source = folder.display().to_string();
        self.add_from(folder, &source, name, family, options, progress).await
    }

    /// The same, of a folder that holds what came from elsewhere: `source` says from where.
    pub(crate) async fn add_from(
        &self,
        folder: impl Into<PathBuf>,
        source: &str,
        name: Option<&str>,
        family: Option<Family>,
        options: AddOptions,
        progress: impl Fn(AddProgress) + Send + Sync + 'static,
    ) -> Result<AddedModel, ModelError> {
        let folder = folder.into();
        name.map_or(Ok(()), check_name)?;
        let checking = folder.clone();
        let checked = tokio::task::spawn_blocking(move || {
            if !staged::is_file(&checking) {
                return Ok::<_, ModelError>((None, check_folder(&checking, family)?));
            }
            let (staged, inner) = staged::folder_of(&checking)?;
            Ok((Some(staged), check_folder(&inner, family)?))
        });
        // What was unpacked stays until it was added.
        let (_staged, checked) = checked.await.map_err(|source| ModelError::Worker { folder, source })??;
        check_name(name.unwrap_or(&checked.name))?;
        let added = self.store.add_folder_as(&checked.folder, options, progress).await?;
        let name = match name {
            Some(name) => name.to_owned(),
            None => self.free_name(&checked, added.root, source).await?,
        };
        self.put_name(&name, added.root, source).await?;
        if let Some(family) = family {
            self.put_family(added.root, family).await?;
        }
        Ok(AddedModel { name, added, checked })
    }

    /// The name of a model that nobody named. Many call themselves by the checkpoint that they were trained from,
    /// so a name that stands for something else is left to it.
    async fn free_name(&self, checked: &Checked, cid: Cid, source: &str) -> Result<String, ModelError> {
        let folder = checked.folder.file_name().and_then(|name| name.to_str()).filter(|name| check_name(name).is_ok());
        let numbered = (2..).map(|number| format!("{}-{number}", checked.name));
        for name in [&*checked.name].into_iter().chain(folder).map(str::to_owned).chain(numbered) {
            match self.show(&name).await {
                Ok(model) if model.cid != cid && model.source != source => {}
                Ok(_) | Err(ModelError::UnknownName { .. }) => return Ok(name),
                Err(error) => return Err(error),
            }
        }
        unreachable!("some number is free")
    }

    /// Names content that the store keeps; `source` says where it came from.
    ///
    /// # Errors
    ///
    /// `BadName`; `Removed` where the store does not keep it; `Store`.
    pub async fn put_name(&self, name: &str, cid: Cid, source: &str) -> Result<(), ModelError> {
        check_name(name)?;
        let (name, source) = (name.to_owned(), source.to_owned());
        let named = self
            .write(move |tx| {
                let root = "SELECT profile FROM content WHERE cid = ?";
                let profile: Option<String> = tx.query_row(root, [cid.to_bytes()], |r| r.get(0)).optional()?;
                let Some(profile) = profile else { return Ok(false) };
                if current(tx, &name)?.is_none_or(|model| model.cid != cid) {
                    tx.execute(
                        "INSERT INTO names (name, cid, source, profile, added_at) VALUES (?, ?, ?, ?, ?)",
                        params![name, cid.to_bytes(), source, profile, now()],
                    )?;
                }
                Ok(true)
            })
            .await?;
        if named { Ok(()) } else { Err(ModelError::Removed { cid: Box::new(cid) }) }
    }

    /// All names, sorted, each with what it stands for now.
    ///
    /// # Errors
    ///
    /// `Store`.
    pub async fn list(&self) -> Result<Vec<Model>, ModelError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM names n WHERE id = (SELECT max(id) FROM names m WHERE m.name = n.name) ORDER BY name"
        );
        self.read(move |c| c.prepare(&sql)?.query_map([], model)?.collect()).await
    }

    /// What a name stands for.
    ///
    /// # Errors
    ///
    /// `UnknownName` with the nearest names; `Store`.
    pub async fn show(&self, name: &str) -> Result<Model, ModelError> {
        let wanted = name.to_owned();
        match self.read(move |c| current(c, &wanted)).await? {
            Some(model) => Ok(model),
            None => Err(self.unknown(name).await?),
        }
    }

    /// What a name stood for, the newest first.
    ///
    /// # Errors
    ///
    /// As `show`.
    pub async fn history(&self, name: &str) -> Result<Vec<Model>, ModelError> {
        let wanted = name.to_owned();
        let sql = format!("SELECT {COLUMNS} FROM names n WHERE name = ? ORDER BY id DESC");
        let rows: Vec<Model> = self.read(move |c| c.prepare(&sql)?.query_map([wanted], model)?.collect()).await?;
        if rows.is_empty() { Err(self.unknown(name).await?) } else { Ok(rows) }
    }

    /// Gives a name back what it stood for before, or `steps` times before. That is a new entry of its
    /// history, so that it can be taken back likewise.
    ///
    /// # Errors
    ///
    /// `UnknownName`; `NoHistory` where it did not stand for so many things; `Removed`; `Store`.
    pub async fn roll_back(&self, name: &str, steps: usize) -> Result<Model, ModelError> {
        let history = self.history(name).await?;
        let known = history.len();
        let before = history.into_iter().nth(steps);
        let before = before.ok_or_else(|| ModelError::NoHistory { name: name.to_owned(), steps, known })?;
        self.put_name(name, before.cid, &before.source).await?;
        self.show(name).await
    }

    /// Forgets a name, and removes the content of its history and what was derived from it, as far
    /// as no other name stands or stood for it.
    ///
    /// # Errors
    ///
    /// `UnknownName`; `Store`, `InUse` where it is pinned: the name stays then.
    pub async fn remove(&self, name: &str) -> Result<(), ModelError> {
        // Before the name goes: it must not be lost where its content stays.
        for entry in self.history(name).await? {
            match self.store.stat_dag(entry.cid).await {
                Ok(stat) if stat.pinned => {
                    return Err(StoreError::InUse { cid: Box::new(entry.cid), by: "pinned" }.into());
                }
                Ok(_) | Err(StoreError::UnknownRoot { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let wanted = name.to_owned();
        let unneeded = self.write(move |tx| forget(tx, &wanted)).await?;
        let Some(unneeded) = unneeded else { return Err(self.unknown(name).await?) };
        for cid in unneeded {
            match self.store.remove(cid).await {
                // Another process may have been first.
                Ok(()) | Err(StoreError::UnknownRoot { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads a user's word for a model: a name, a CID (`bafy…`, `ipfs://…`, `/ipfs/…`) or a folder.
    /// Names come first; what begins with a dot, a slash or a tilde is no name.
    ///
    /// # Errors
    ///
    /// `UnknownName` with the nearest names; `Store` for a CID that cannot be accepted.
    pub async fn resolve(&self, text: &str) -> Result<Resolved, ModelError> {
        let explicit = text.starts_with("ipfs://") || text.starts_with("/ipfs/") || of_gateway(text).is_some();
        if !explicit && !text.starts_with(['.', '/', '~']) {
            let wanted = text.to_owned();
            if let Some(model) = self.read(move |c| current(c, &wanted)).await? {
                return Ok(Resolved::Named(model));
            }
        }
        match parse_address(text) {
            Ok((cid, path)) => return Ok(Resolved::Content { cid, path }),
            // Text that is no CID may still be a folder.
            Err(StoreError::Address { .. }) if !explicit => {}
            Err(error) => return Err(error.into()),
        }
        if Path::new(text).is_dir() || staged::is_file(Path::new(text)) {
            return Ok(Resolved::Folder(PathBuf::from(text)));
        }
        Err(self.unknown(text).await?)
    }

    /// The family of a model in the store, from its own files; `family` overrides.
    ///
    /// # Errors
    ///
    /// `UnknownFamily` with the clues that did not help; `Json`; `Store`.
    pub async fn family(&self, root: Cid, name: &str, family: Option<Family>) -> Result<Detected, ModelError> {
        let modules = self.json(root, "modules.json").await?;
        let mut config = self.json(root, "config.json").await?;
        if let (None, Some(modules)) = (&config, &modules) {
            // Older layouts have it in the transformer's folder.
            let folders = pelago_text::folders(modules.to_string().as_bytes()).unwrap_or_default();
            if let Some((folder, _)) = folders.iter().find(|(_, kind)| kind == "Transformer") {
                config = self.json(root, &format!("{folder}/config.json")).await?;
            }
        }
        let is_gguf = config.is_none() && self.files(root).await?.iter().any(|file| is_gguf(&file.path));
        let clues = Clues { config: config.as_ref(), modules: modules.as_ref(), is_gguf, name, family };
        detect(&clues).ok_or_else(|| ModelError::UnknownFamily {
            name: name.to_owned(),
            found: config.map_or("no config.json".to_owned(), |c| {
                format!("model_type {}, architectures {}", c["model_type"], c["architectures"])
            }),
        })
    }

    /// The files of a model in the store.
    ///
    /// # Errors
    ///
    /// `Store`.
    pub async fn files(&self, root: Cid) -> Result<Vec<Entry>, ModelError> {
        Ok(self.store.list(root).await?)
    }

    async fn json(&self, root: Cid, path: &str) -> Result<Option<serde_json::Value>, ModelError> {
        let bytes = match self.store.read_all(root, path, JSON_MAX).await {
            Ok(bytes) => bytes,
            Err(StoreError::NoEntry { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let json = pelago_text::python_json(&bytes);
        json.map(Some).map_err(|e| ModelError::Json { file: path.into(), expected: "JSON", actual: e.to_string() })
    }

    pub(super) async fn unknown(&self, name: &str) -> Result<ModelError, ModelError> {
        let wanted = name.to_lowercase();
        let mut near: Vec<(usize, String)> = Vec::new();
        for model in self.list().await? {
            let lower = model.name.to_lowercase();
            let last = lower.rsplit('/').next().unwrap_or_default();
            let distance = strsim::damerau_levenshtein(&wanted, &lower).min(strsim::damerau_levenshtein(&wanted, last));
            if distance <= wanted.chars().count() / 2 || (!wanted.is_empty() && lower.contains(&wanted)) {
                near.push((distance, model.name));
            }
        }
        near.sort();
        let nearest = near.into_iter().take(3).map(|(_, name)| name).collect();
        Ok(ModelError::UnknownName { name: name.to_owned(), nearest })
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, ModelError> {
        Ok(self.store.read_tables(work).await?)
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, ModelError> {
        Ok(self.store.write_tables(work).await?)
    }
}
