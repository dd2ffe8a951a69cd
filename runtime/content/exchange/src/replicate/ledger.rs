//! What replication remembers between runs, in the store's database: how much
//! each root is asked for, what was ordered, and how peers answered challenges.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use pelago_dag::Cid;
use pelago_store::{Store, StoreError, column_cid};
use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Demand, Order, Outcome, Score, Trust};

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS replica_demand (root BLOB PRIMARY KEY, demand TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS replica_scores (peer TEXT PRIMARY KEY, score TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS replica_orders (
    root BLOB NOT NULL, place TEXT NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL,
    low INTEGER NOT NULL, high INTEGER NOT NULL, on_demand INTEGER NOT NULL, PRIMARY KEY (root, place)) WITHOUT ROWID;
";
/// The time in which a challenge comes to count half.
const SCORE_HALF_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

/// An order that stands until it is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What is to be held.
    pub order: Order,
    /// Whether the number follows demand, between the order's `min` and `max`; else it is `max`.
    pub on_demand: bool,
}

/// What is remembered. Clones share it.
#[derive(Clone, Debug)]
pub struct Ledger {
    store: Store,
    /// The scores as this process knows them: placement asks for many at once and must not wait.
    scores: Arc<RwLock<HashMap<String, Score>>>,
}

impl Ledger {
    /// The ledger in a store. Blocks the thread, briefly. Scores of other processes are seen when it is opened.
    ///
    /// # Errors
    ///
    /// `ReadOnly`, `Index`.
    pub async fn open(store: Store) -> Result<Self, StoreError> {
        store.make_tables(SCHEMA)?;
        let scores = store
            .read_tables(|c| {
                let mut statement = c.prepare("SELECT peer, score FROM replica_scores")?;
                let rows = statement.query_map([], |row| Ok((row.get(0)?, json(row, 1)?)))?;
                rows.collect::<Result<HashMap<String, Score>, _>>()
            })
            .await?;
        Ok(Self { store, scores: Arc::new(RwLock::new(scores)) })
    }

    /// Counts a request for a root that the store keeps. What is asked for no more and is gone is forgotten.
    ///
    /// # Errors
    ///
    /// `ReadOnly`, `NoSpace`, `Index`.
    pub async fn requested(&self, root: Cid, now_ms: u64, half_life: Duration) -> Result<(), StoreError> {
        self.store
            .write_tables(move |tx| {
                let known = tx.query_row("SELECT demand FROM replica_demand WHERE root = ?", [root.to_bytes()], demand);
                let mut demand = known.optional()?.unwrap_or_default();
                demand.record(now_ms, half_life);
                tx.execute("DELETE FROM replica_demand WHERE root NOT IN (SELECT cid FROM content)", [])?;
                tx.execute(
                    "INSERT OR REPLACE INTO replica_demand (root, demand)
                     SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM content WHERE cid = ?1)",
                    params![root.to_bytes(), text(&demand)?],
                )
            })
            .await
            .map(drop)
    }

    /// How much a root is asked for.
    ///
    /// # Errors
    ///
    /// `Index`.
    pub async fn demand(&self, root: Cid) -> Result<Demand, StoreError> {
        self.store
            .read_tables(move |c| {
                let sql = "SELECT demand FROM replica_demand WHERE root = ?";
                Ok(c.query_row(sql, [root.to_bytes()], demand).optional()?.unwrap_or_default())
            })
            .await
    }

    /// Lets an order stand at a place, such as `peer=http://…`. One of the same root there is replaced.
    ///
    /// # Errors
    ///
    /// `ReadOnly`, `NoSpace`, `Index`.
    pub async fn put(&self, place: &str, standing: Standing) -> Result<(), StoreError> {
        let place = place.to_owned();
        self.store
            .write_tables(move |tx| {
                let Standing { order, on_demand } = standing;
                tx.execute(
                    "INSERT OR REPLACE INTO replica_orders (root, place, name, size, low, high, on_demand)
                     VALUES (?, ?, ?, ?, ?, ?, ?)",
                    params![
                        order.root.to_bytes(),
                        place,
                        order.name,
                        order.size as i64,
                        order.min,
                        order.max,
                        on_demand
                    ],
                )
            })
            .await
            .map(drop)
    }

    /// Takes an order back; whether there was one.
    ///
    /// # Errors
    ///
    /// `ReadOnly`, `Index`.
    pub async fn remove(&self, place: &str, root: Cid) -> Result<bool, StoreError> {
        let place = place.to_owned();
        let sql = "DELETE FROM replica_orders WHERE place = ? AND root = ?";
        Ok(self.store.write_tables(move |tx| tx.execute(sql, params![place, root.to_bytes()])).await? > 0)
    }

    /// The orders that stand, each with its place.
    ///
    /// # Errors
    ///
    /// `Index`.
    pub async fn standing(&self) -> Result<Vec<(String, Standing)>, StoreError> {
        self.store
            .read_tables(|c| {
                let sql =
                    "SELECT place, root, name, size, low, high, on_demand FROM replica_orders ORDER BY place, name";
                c.prepare(sql)?.query_map([], standing)?.collect()
            })
            .await
    }

    /// Notes how a peer answered a challenge.
    ///
    /// # Errors
    ///
    /// `ReadOnly`, `NoSpace`, `Index`.
    pub async fn challenged(&self, peer: &str, outcome: &Outcome, now_ms: u64) -> Result<(), StoreError> {
        let score = {
            let mut scores = self.scores.write().unwrap_or_else(PoisonError::into_inner);
            let score = scores.entry(peer.to_owned()).or_default();
            score.record(outcome, now_ms, SCORE_HALF_LIFE);
            score.clone()
        };
        let peer = peer.to_owned();
        let sql = "INSERT OR REPLACE INTO replica_scores (peer, score) VALUES (?, ?)";
        self.store.write_tables(move |tx| tx.execute(sql, params![peer, text(&score)?])).await.map(drop)
    }

    /// How far a peer is trusted, in 0..=1, as of now.
    #[must_use]
    pub fn score(&self, peer: &str, now_ms: u64) -> f64 {
        let scores = self.scores.read().unwrap_or_else(PoisonError::into_inner);
        scores.get(peer).map_or_else(
            || Score::default().value(now_ms, SCORE_HALF_LIFE),
            |score| score.value(now_ms, SCORE_HALF_LIFE),
        )
    }

    /// The same, as placement asks for it.
    #[must_use]
    pub fn trust(&self) -> Trust {
        let ledger = self.clone();
        Box::new(move |peer| ledger.score(peer, now_ms()))
    }
}

/// Milliseconds since the Unix epoch.
pub(super) fn now_ms() -> u64 {
    chrono::Utc::now().timestamp_millis().try_into().unwrap_or_default()
}

fn standing(row: &Row<'_>) -> Result<(String, Standing), rusqlite::Error> {
    let order = Order {
        root: column_cid(row, 1)?,
        name: row.get(2)?,
        size: row.get::<_, i64>(3)? as u64,
        min: row.get(4)?,
        max: row.get(5)?,
    };
    Ok((row.get(0)?, Standing { order, on_demand: row.get(6)? }))
}

fn demand(row: &Row<'_>) -> Result<Demand, rusqlite::Error> {
    json(row, 0)
}

fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T, rusqlite::Error> {
    let text: String = row.get(column)?;
    let failed = |error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error));
    serde_json::from_str(&text).map_err(failed)
}

fn text(value: &impl Serialize) -> Result<String, rusqlite::Error> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}
