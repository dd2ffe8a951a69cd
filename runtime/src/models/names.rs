//! The rows behind names: name → CID, with history, and what was derived from what.

use cid::Cid;
use pelago_protocol::Family;
use rusqlite::{Connection, OptionalExtension, Row as SqlRow};

use super::{Detected, Located};
use crate::content::{ContentError, Index, PROFILE};

/// One name and what it leads to.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) cid: String,
    pub(super) source: String,
    pub(super) family: Option<Family>,
    pub(super) evidence: String,
}

impl Row {
    pub(super) fn locate(self, cid: Cid) -> Located {
        let detected = self.family.map(|family| Detected { family, evidence: self.evidence });
        Located { name: self.name, cid, detected }
    }
}

const COLUMNS: &str = "name, cid, source, family, evidence";

fn row(found: &SqlRow<'_>) -> rusqlite::Result<Row> {
    let family: Option<String> = found.get(3)?;
    Ok(Row {
        name: found.get(0)?,
        cid: found.get(1)?,
        source: found.get(2)?,
        family: family.and_then(|word| word.parse().ok()),
        evidence: found.get(4)?,
    })
}

/// Lets a name lead to new content. What it led to before stays in its history.
pub(super) fn put(index: &Index, row: &Row) -> Result<(), ContentError> {
    let now = chrono::Utc::now().to_rfc3339();
    index.write(|transaction| {
        transaction.execute("UPDATE names SET removed = ?2 WHERE name = ?1 AND removed IS NULL", (&row.name, &now))?;
        transaction.execute(
            "INSERT INTO names (name, cid, source, profile, family, evidence, added) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (&row.name, &row.cid, &row.source, PROFILE, row.family.map(Family::as_str), &row.evidence, &now),
        )?;
        Ok(())
    })
}

/// Every name, in order.
pub(super) fn all(index: &Index) -> Result<Vec<Row>, ContentError> {
    index.read(|connection| {
        let mut query =
            connection.prepare(&format!("SELECT {COLUMNS} FROM names WHERE removed IS NULL ORDER BY name"))?;
        query.query_map([], row)?.collect()
    })
}

/// What a name leads to.
pub(super) fn current(index: &Index, name: &str) -> Result<Option<Row>, ContentError> {
    index.read(|connection| one(connection, "name = ?1", name))
}

/// The latest name of a CID.
pub(super) fn of_cid(index: &Index, cid: &str) -> Result<Option<Row>, ContentError> {
    index.read(|connection| one(connection, "cid = ?1", cid))
}

fn one(connection: &Connection, condition: &str, value: &str) -> rusqlite::Result<Option<Row>> {
    let sql = format!("SELECT {COLUMNS} FROM names WHERE removed IS NULL AND {condition} ORDER BY added DESC LIMIT 1");
    connection.query_row(&sql, [value], row).optional()
}

/// Takes a name away. Where its content has no other name, gives what was
/// derived from it, to be removed with it.
pub(super) fn remove(index: &Index, name: &str, cid: &str) -> Result<Option<Vec<String>>, ContentError> {
    let now = chrono::Utc::now().to_rfc3339();
    index.write(|transaction| {
        transaction.execute("UPDATE names SET removed = ?2 WHERE name = ?1 AND removed IS NULL", (name, &now))?;
        if one(transaction, "cid = ?1", cid)?.is_some() {
            return Ok(None);
        }
        let mut query = transaction.prepare("DELETE FROM derived WHERE parent = ?1 RETURNING cid")?;
        query.query_map([cid], |found| found.get(0))?.collect::<rusqlite::Result<Vec<String>>>().map(Some)
    })
}

/// What a recipe made of a parent.
pub(super) fn derived(index: &Index, parent: &str, recipe: &str) -> Result<Option<String>, ContentError> {
    index.read(|connection| {
        let sql = "SELECT cid FROM derived WHERE parent = ?1 AND recipe = ?2";
        connection.query_row(sql, (parent, recipe), |found| found.get(0)).optional()
    })
}

/// Remembers what a recipe made of a parent.
pub(super) fn put_derived(index: &Index, parent: &str, recipe: &str, cid: &str) -> Result<(), ContentError> {
    let now = chrono::Utc::now().to_rfc3339();
    index.write(|transaction| {
        transaction.execute(
            "INSERT OR REPLACE INTO derived (parent, recipe, cid, added) VALUES (?1, ?2, ?3, ?4)",
            (parent, recipe, cid, &now),
        )?;
        Ok(())
    })
}
