//! Links from content to what was made of it: a graph built from a checkpoint,
//! a precision. What was made is content with a CID of its own; here is only
//! which recipe made it of what, so that it is made once.

use pelago_content::Cid;
use rusqlite::{OptionalExtension, params};

use super::rows::{cid, now};
use super::{ModelError, Models};

/// How something was derived. Another version of the builder gives other bytes, so it is part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipe<'a> {
    /// What was done, e.g. `onnx-graph/fp32`.
    pub name: &'a str,
    /// The version of what did it.
    pub version: &'a str,
}

impl Models {
    /// What was derived from a parent by a recipe, if the store still keeps it.
    ///
    /// # Errors
    ///
    /// `Store`.
    pub async fn derived(&self, parent: Cid, recipe: Recipe<'_>) -> Result<Option<Cid>, ModelError> {
        let (name, version) = (recipe.name.to_owned(), recipe.version.to_owned());
        self.read(move |c| {
            c.query_row(
                "SELECT child FROM derived WHERE parent = ? AND recipe = ? AND version = ?
                 AND EXISTS (SELECT 1 FROM content WHERE cid = child)",
                params![parent.to_bytes(), name, version],
                |r| cid(r, 0),
            )
            .optional()
        })
        .await
    }

    /// Remembers what was derived. An earlier result of the same recipe is replaced.
    ///
    /// # Errors
    ///
    /// `Removed` where the store does not keep the child; `Store`.
    pub async fn put_derived(&self, parent: Cid, recipe: Recipe<'_>, child: Cid) -> Result<(), ModelError> {
        let (name, version) = (recipe.name.to_owned(), recipe.version.to_owned());
        let rows = self
            .write(move |tx| {
                tx.execute(
                    "INSERT OR REPLACE INTO derived (parent, recipe, version, child, added_at)
                     SELECT ?1, ?2, ?3, ?4, ?5 WHERE EXISTS (SELECT 1 FROM content WHERE cid = ?4)",
                    params![parent.to_bytes(), name, version, child.to_bytes(), now()],
                )
            })
            .await?;
        if rows == 0 { Err(ModelError::Removed { cid: Box::new(child) }) } else { Ok(()) }
    }
}
