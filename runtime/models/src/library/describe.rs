//! All that is to be known of one model before it runs: its files and its family.

use pelago_content::Cid;
use pelago_protocol::{Family, Task};
use rusqlite::{OptionalExtension, params};

use super::suffix::is_gguf;
use super::{Detected, ModelError, Models, Resolved};
use pelago_content::{Entry, Kind};

/// What a name or a CID leads to now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) name: String,
    pub(crate) cid: Cid,
}

/// A model with its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The name it was asked for by; its CID where it has none.
    pub name: String,
    /// CID of its folder.
    pub cid: Cid,
    /// What it does.
    pub family: Family,
    /// What is done with it; `None` where nothing can be done yet.
    pub task: Option<Task>,
    /// What the checkpoint's head is for; `None` where it has none that is known.
    pub head: Option<Task>,
    /// How that is known.
    pub evidence: String,
    /// Every file, by path.
    pub files: Vec<Entry>,
}

impl Described {
    /// The model's one GGUF file; `None` where it has none, or several.
    #[must_use]
    pub fn gguf(&self) -> Option<&Entry> {
        let mut found = self.files.iter().filter(|file| is_gguf(&file.path));
        found.next().filter(|_| found.next().is_none())
    }

    /// Bytes of all files.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// The file at a path.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&Entry> {
        self.files.iter().find(|file| file.path == path)
    }
}

impl Models {
    /// A model by its name or its CID (`bafy…`, `ipfs://…`, `/ipfs/…`).
    ///
    /// # Errors
    ///
    /// `UnknownName` with the nearest names; `NotAdded` for a folder; `UnknownFamily`; `Store`.
    pub async fn describe(&self, text: &str) -> Result<Described, ModelError> {
        let located = self.locate(text).await?;
        self.describe_located(located).await
    }

    /// CID of what a name or a CID leads to.
    ///
    /// # Errors
    ///
    /// As `describe`, without `UnknownFamily`.
    pub async fn root(&self, text: &str) -> Result<Cid, ModelError> {
        Ok(self.locate(text).await?.cid)
    }

    /// What a user's word leads to, by one look at the index.
    pub(crate) async fn locate(&self, text: &str) -> Result<Located, ModelError> {
        match self.resolve(text).await? {
            Resolved::Named(model) => Ok(Located { name: model.name, cid: model.cid }),
            Resolved::Content { cid, path } => {
                let cid = self.store().stat(cid, &path).await?.cid;
                let named = self.list().await?.into_iter().find(|model| model.cid == cid);
                Ok(Located { name: named.map_or_else(|| cid.to_string(), |model| model.name), cid })
            }
            Resolved::Folder(path) => Err(ModelError::NotAdded { path }),
        }
    }

    pub(crate) async fn describe_located(&self, Located { name, cid }: Located) -> Result<Described, ModelError> {
        let mut files = self.files(cid).await?;
        files.retain(|file| file.kind == Kind::File);
        let Detected { family, task, head, evidence } = match self.given_family(cid).await? {
            Some(family) => Detected {
                evidence: "given when it was added".to_owned(),
                ..self.family(cid, &name, Some(family)).await?
            },
            None => self.family(cid, &name, None).await?,
        };
        Ok(Described { name, cid, family, task, head, evidence, files })
    }

    /// Remembers the family that a user gave, which detection does not overrule.
    pub(super) async fn put_family(&self, cid: Cid, family: Family) -> Result<(), ModelError> {
        self.write(move |tx| {
            let row = params![cid.to_bytes(), family.as_str()];
            tx.execute("INSERT OR REPLACE INTO families (cid, family) VALUES (?, ?)", row)
        })
        .await?;
        Ok(())
    }

    async fn given_family(&self, cid: Cid) -> Result<Option<Family>, ModelError> {
        let sql = "SELECT family FROM families WHERE cid = ?";
        let word: Option<String> =
            self.read(move |c| c.query_row(sql, [cid.to_bytes()], |row| row.get(0)).optional()).await?;
        Ok(word.and_then(|word| word.parse().ok()))
    }
}
