//! Parts of `pelago-dag` that callers of the store use, with the store's error.

use std::sync::Arc;

use pelago_dag::{Blocks, Cid, WalkOptions};
use pelago_store::StoreError;

/// Reads an address of content into the CID and the path; see [`pelago_dag::parse_address`].
///
/// # Errors
///
/// `Address` if the text is none; `Block` if the CID cannot be verified here.
pub fn parse_address(text: &str) -> Result<(Cid, String), StoreError> {
    Ok(pelago_dag::parse_address(text)?)
}

/// A walk whose path was followed; see [`pelago_dag::Walk`].
#[derive(Debug)]
pub struct Walk(pelago_dag::Walk);

impl Walk {
    /// Follows a path (names with slashes between them) and sees that its end is here.
    ///
    /// # Errors
    ///
    /// `NoEntry` where the path leads nowhere; those of [`pelago_dag::Blocks::get`] for a block on it.
    pub async fn open(
        blocks: Arc<dyn Blocks>,
        root: Cid,
        path: &str,
        options: WalkOptions,
    ) -> Result<Self, StoreError> {
        Ok(Self(pelago_dag::Walk::open(blocks, root, path, options).await?))
    }

    /// What each name of the path leads to: the root first, the path's end last.
    #[must_use]
    pub fn roots(&self) -> &[Cid] {
        self.0.roots()
    }
}
