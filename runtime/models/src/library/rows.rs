//! Rows of names, as they are read and deleted.

use pelago_content::Cid;
use rusqlite::{OptionalExtension, Row, Transaction};

/// A name and what it stands for, or stood for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// The name.
    pub name: String,
    /// CID of its folder.
    pub cid: Cid,
    /// Where it came from: a folder's path, `ipfs://<cid>`, `hf://<repository>@<commit>` or an address.
    pub source: String,
    /// The profile it was imported under.
    pub profile: String,
    /// When, RFC 3339.
    pub added_at: String,
    /// Bytes.
    pub size: u64,
    /// Files.
    pub files: u64,
}

/// What [`model`] reads, of the table `names` as `n`.
pub(super) const COLUMNS: &str = "n.name, n.cid, n.source, n.profile, n.added_at,
    coalesce((SELECT size FROM content c WHERE c.cid = n.cid), 0),
    coalesce((SELECT files FROM content c WHERE c.cid = n.cid), 0)";

/// The time, RFC 3339 in UTC.
pub(super) fn now() -> String {
    chrono::Utc::now().to_rfc3339()
}

/// A CID in a column of bytes.
pub(super) fn cid(row: &Row<'_>, column: usize) -> Result<Cid, rusqlite::Error> {
    let bytes: Vec<u8> = row.get(column)?;
    Cid::try_from(&bytes[..])
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Blob, Box::new(e)))
}

/// A row of [`COLUMNS`].
pub(super) fn model(row: &Row<'_>) -> Result<Model, rusqlite::Error> {
    Ok(Model {
        name: row.get(0)?,
        cid: cid(row, 1)?,
        source: row.get(2)?,
        profile: row.get(3)?,
        added_at: row.get(4)?,
        size: row.get::<_, i64>(5)? as u64,
        files: row.get::<_, i64>(6)? as u64,
    })
}

/// What a name stands for.
pub(super) fn current(connection: &rusqlite::Connection, name: &str) -> Result<Option<Model>, rusqlite::Error> {
    let sql = format!("SELECT {COLUMNS} FROM names n WHERE name = ? ORDER BY id DESC LIMIT 1");
    connection.prepare_cached(&sql)?.query_row([name], model).optional()
}

/// Deletes a name's rows; gives the roots that nothing else needs, or `None` if there is no such name.
pub(super) fn forget(tx: &Transaction<'_>, name: &str) -> Result<Option<Vec<Cid>>, rusqlite::Error> {
    let mut had: Vec<Cid> = tx
        .prepare("SELECT DISTINCT cid FROM names WHERE name = ?")?
        .query_map([name], |r| cid(r, 0))?
        .collect::<Result<_, _>>()?;
    if tx.execute("DELETE FROM names WHERE name = ?", [name])? == 0 {
        return Ok(None);
    }
    let mut unneeded = Vec::new();
    while let Some(root) = had.pop() {
        let bytes = root.to_bytes();
        let needed = "SELECT 1 FROM names WHERE cid = ?1 UNION SELECT 1 FROM derived WHERE child = ?1";
        if unneeded.contains(&root) || tx.prepare_cached(needed)?.exists([&bytes])? {
            continue;
        }
        let children = tx
            .prepare_cached("DELETE FROM derived WHERE parent = ? RETURNING child")?
            .query_map([&bytes], |r| cid(r, 0))?
            .collect::<Result<Vec<_>, _>>()?;
        had.extend(children);
        unneeded.push(root);
    }
    Ok(Some(unneeded))
}
