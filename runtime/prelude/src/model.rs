//! A model of this machine, as a cell holds it.

use pelago_protocol::cells::{Call, Content, ModelInfo, Reply};
use pelago_protocol::{Family, Input};
use polars::prelude::{Column, DataFrame, NamedFrom, Series};

use crate::display::text;
use crate::place::from_here;
use crate::{Accelerate, Error, Output, Result, Show, accelerate, client, embed};

/// A model that is here: its bytes verified, ready to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    info: ModelInfo,
}

/// The model of a name, a CID (`bafy…`, `ipfs://bafy…/sub`) or a path. What is not here is fetched from the
/// sources that Pelago was started with, block by block verified, and the cell shows how far it is.
///
/// # Errors
/// [`Error`] where nobody is known to have it; `interrupted` where the user ended it: the next call goes on
/// from there.
pub fn model(model: impl Into<String>) -> Result<Model> {
    match client::ask(Call::Model { model: from_here(model) })? {
        Reply::Model { model } => Ok(Model { info: model }),
        other => Err(Error::unexpected(&other)),
    }
}

impl Model {
    /// Its name; its CID where it has none.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.info.name
    }

    /// CID of its folder.
    #[must_use]
    pub fn cid(&self) -> &str {
        &self.info.cid
    }

    /// What it does.
    #[must_use]
    pub fn family(&self) -> Family {
        self.info.family
    }

    /// Bytes of all its files.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.info.size
    }

    /// Bytes that came over the network for this call; 0 where all of it was here.
    #[must_use]
    pub fn fetched_bytes(&self) -> u64 {
        self.info.fetched_bytes
    }

    /// Its files, one a row: `path`, `size` (bytes), `cid`.
    ///
    /// # Errors
    /// [`Error`] where Polars refuses.
    pub fn files(&self) -> Result<DataFrame> {
        let files = &self.info.files;
        let columns: Vec<Column> = vec![
            Series::new("path".into(), files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>()).into(),
            Series::new("size".into(), files.iter().map(|file| file.size).collect::<Vec<_>>()).into(),
            Series::new("cid".into(), files.iter().map(|file| file.cid.as_str()).collect::<Vec<_>>()).into(),
        ];
        Ok(DataFrame::new(files.len(), columns)?)
    }

    /// Runs it, as [`accelerate`] does.
    pub fn accelerate(&self, input: impl Into<Input>) -> Accelerate {
        accelerate(self, input)
    }

    /// Embeds texts with it, as [`embed`] does.
    ///
    /// # Errors
    /// [`Error`], as [`Accelerate::run`].
    pub fn embed(&self, input: impl Into<Input>) -> Result<Output> {
        embed(self, input)
    }
}

/// The very content, whatever its name stands for by then.
impl From<&Model> for String {
    fn from(model: &Model) -> Self {
        model.info.cid.clone()
    }
}

impl Show for Model {
    fn content(&self) -> Content {
        let ModelInfo { name, cid, family, size, files, fetched_bytes, fetched_seconds, sources } = &self.info;
        let mut lines = vec![
            format!("name    {name}"),
            format!("cid     {cid}"),
            format!("family  {family}"),
            format!("size    {size} bytes in {} files", files.len()),
        ];
        if *fetched_bytes > 0 {
            lines.push(format!("fetched {fetched_bytes} bytes in {fetched_seconds:.2} s"));
            lines.extend(sources.iter().map(|(source, bytes)| format!("  {bytes:>12}  {source}")));
        }
        text(lines.join("\n"))
    }
}
