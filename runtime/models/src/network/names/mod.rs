//! Names that follow an IPNS name: what they stand for is asked for again when
//! the publisher's record says that it is time.
//!
//! A use of such a name gives what is here at once, and asks in the background
//! if the record's time is over (stale while revalidate, RFC 5861). A record
//! older than one that was seen is refused: whoever answers with it is behind,
//! or wants others to be. A name that was given other content since, by a
//! rollback or by hand, follows no more until `refresh` is asked for; that
//! shows in its row, whose CID is then not the name's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::Utc;
use pelago_content::Cid;
use rusqlite::{OptionalExtension, Row, params};
use tokio::time::Instant;

use super::{Got, Network, NetworkError};
use pelago_content::ipns::{self, Address, ResolveOptions, Resolved};
use pelago_content::retrieve::Fetched;
use pelago_content::{Store, StoreError};
use pelago_protocol::Observer;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS followed (
    name TEXT PRIMARY KEY, ipns TEXT NOT NULL, cid BLOB NOT NULL, checked_at INTEGER NOT NULL,
    ttl_s INTEGER NOT NULL, sequence INTEGER) WITHOUT ROWID;
";
/// The least time between two looks in the background, whatever the record says, and after one that failed.
const LEAST: Duration = Duration::from_secs(60);
/// Names that are looked after in the background at a time.
const AT_ONCE: usize = 2;
/// The longest time for one of them, with its fetch.
const BACKGROUND_MAX: Duration = Duration::from_secs(6 * 3600);

/// A name and the IPNS name that it follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// The name.
    pub name: String,
    /// What it follows, `ipns://…`.
    pub ipns: String,
    /// What that stood for.
    pub cid: Cid,
    /// When it was asked last, ms since the Unix epoch.
    pub checked_at: u64,
    /// How long the answer was good, s.
    pub ttl_s: u64,
    /// The number of the record; `None` where a daemon's word was taken.
    pub sequence: Option<u64>,
}

/// What a refresh found.
#[derive(Debug)]
pub struct Refreshed {
    /// The name.
    pub name: String,
    /// What it follows.
    pub ipns: String,
    /// What it stood for.
    pub before: Cid,
    /// What it stands for.
    pub now: Cid,
    /// Whether these differ.
    pub changed: bool,
    /// How the new content came; `None` where it was here already.
    pub fetched: Option<Fetched>,
    /// The answer that counted.
    pub resolved: Resolved,
}

/// Looks in the background, by name. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Background(Arc<Mutex<HashMap<String, Look>>>);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Look {
    Running,
    /// Not before this.
    Done(Instant),
}

impl Background {
    /// Takes a name's turn, if it is free and not too many run.
    fn take(&self, name: &str) -> Option<Turn> {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        looks.retain(|_, look| *look == Look::Running || matches!(look, Look::Done(until) if *until > now));
        let running = looks.values().filter(|look| **look == Look::Running).count();
        if looks.contains_key(name) || running >= AT_ONCE {
            return None;
        }
        looks.insert(name.to_owned(), Look::Running);
        Some(Turn { background: self.clone(), name: name.to_owned() })
    }
}

/// A name's turn, given back however the look ends.
struct Turn {
    background: Background,
    name: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut looks = self.background.0.lock().unwrap_or_else(PoisonError::into_inner);
        looks.insert(std::mem::take(&mut self.name), Look::Done(Instant::now() + LEAST));
    }
}

/// Makes the table. A store that is only read has it already, or follows nothing.
pub(super) fn make_tables(store: &Store) -> Result<(), StoreError> {
    match store.make_tables(SCHEMA) {
        Err(StoreError::ReadOnly { .. }) => Ok(()),
        made => made,
    }
}

impl Network {
    /// Whether a user's word is an IPNS name: `ipns://…`, `/ipns/…`, `k51…` or `12D3Koo…`.
    #[must_use]
    pub fn is_ipns(text: &str) -> bool {
        Address::is_one(text)
    }

    /// Asks what an IPNS name stands for now. Nothing is fetched, nothing remembered.
    ///
    /// # Errors
    ///
    /// `IpnsName` where the text is none; `Resolve` where no source says it.
    pub async fn resolve_name(&self, ipns: &str) -> Result<Resolved, NetworkError> {
        self.ask(&ipns.parse()?, false).await
    }

    async fn ask(&self, address: &Address, fresh: bool) -> Result<Resolved, NetworkError> {
        let resolved =
            ipns::resolve(address, &self.name_sources, ResolveOptions { fresh, ..Default::default() }).await?;
        for unanswered in &resolved.unanswered {
            tracing::warn!(%address, %unanswered, "a source gave no valid record");
        }
        Ok(resolved)
    }

    /// Gets what an IPNS name stands for; a model's name then follows it.
    pub(super) async fn get_followed(
        &self,
        ipns: &str,
        name: Option<&str>,
        observer: Option<&Observer>,
    ) -> Result<Got, NetworkError> {
        let address: Address = ipns.parse()?;
        let resolved = self.ask(&address, false).await?;
        self.check_newer(&address, &resolved).await?;
        let cid = self.follow(resolved.cid, &resolved.path).await?;
        let fetched = self.ensure(cid, ipns, observer).await?;
        if let Some(name) = name {
            self.models.put_name(name, cid, &address.to_string()).await?;
            self.note(name, &address, cid, &resolved).await?;
        }
        self.got(cid, name.map(str::to_owned), fetched).await
    }

    /// Asks now what a name's IPNS name stands for, and gets it. A name that was rolled back follows again
    /// from here on.
    ///
    /// # Errors
    ///
    /// `NotFollowed` where the name follows none; `Older` where the answer is older than what was seen;
    /// `Resolve`; as `get` for the content. What the name stands for stays then.
    pub async fn refresh(&self, name: &str, observer: Option<&Observer>) -> Result<Refreshed, NetworkError> {
        let before = self.models.show(name).await?.cid;
        let followed = self.followed(name).await?;
        let followed = followed.ok_or_else(|| NetworkError::NotFollowed { name: name.to_owned() })?;
        let address: Address = followed.ipns.parse()?;
        let resolved = self.ask(&address, true).await?;
        self.check_newer(&address, &resolved).await?;
        let now = self.follow(resolved.cid, &resolved.path).await?;
        let fetched = self.ensure(now, name, observer).await?;
        if now != before {
            self.models.put_name(name, now, &followed.ipns).await?;
        }
        self.note(name, &address, now, &resolved).await?;
        let (name, ipns) = (name.to_owned(), followed.ipns);
        Ok(Refreshed { name, ipns, before, now, changed: now != before, fetched, resolved })
    }

    /// What a name follows, if it does.
    ///
    /// # Errors
    ///
    /// `Store`.
    pub async fn followed(&self, name: &str) -> Result<Option<Followed>, NetworkError> {
        let name = name.to_owned();
        let sql = "SELECT name, ipns, cid, checked_at, ttl_s, sequence FROM followed WHERE name = ?";
        let find = move |c: &rusqlite::Connection| match is_made(c)? {
            true => c.prepare_cached(sql)?.query_row([name], followed).optional(),
            false => Ok(None),
        };
        Ok(self.models.store().read_tables(find).await?)
    }

    /// A model's name that follows an IPNS name.
    ///
    /// # Errors
    ///
    /// `IpnsName` where the text is none; `Store`.
    pub async fn follower(&self, ipns: &str) -> Result<Option<String>, NetworkError> {
        let ipns = ipns.parse::<Address>()?.to_string();
        let sql =
            "SELECT f.name FROM followed f JOIN names n ON n.name = f.name WHERE f.ipns = ? ORDER BY n.id LIMIT 1";
        let find = move |c: &rusqlite::Connection| match is_made(c)? {
            true => c.prepare_cached(sql)?.query_row([ipns], |row| row.get(0)).optional(),
            false => Ok(None),
        };
        Ok(self.models.store().read_tables(find).await?)
    }

    /// Called when a model is used by a name: if it follows an IPNS name whose record's time is over, that
    /// is asked for in the background, one look at a time a name. What is here is used meanwhile. Nothing
    /// happens where no source can be asked, where the options forbid it, or where the name was rolled back.
    pub(crate) async fn used(&self, name: &str) {
        if !self.options.refresh_names || self.name_sources.is_empty() {
            return;
        }
        let due = async {
            let Some(followed) = self.followed(name).await? else { return Ok(false) };
            let time = Duration::from_secs(followed.ttl_s).max(LEAST).as_millis() as u64;
            let is_stale = followed.checked_at.saturating_add(time) <= now_ms();
            // A rollback shows here.
            Ok::<_, NetworkError>(is_stale && self.models.show(name).await?.cid == followed.cid)
        };
        match due.await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return tracing::debug!(name, %error, "whether a name is stale is not known"),
        }
        let Some(turn) = self.background.take(name) else { return };
        let (network, name) = (self.clone(), name.to_owned());
        tokio::spawn(async move {
            let _turn = turn;
            match tokio::time::timeout(BACKGROUND_MAX, network.refresh(&name, None)).await {
                Ok(Ok(found)) if found.changed => tracing::info!(name, now = %found.now, "a name has new content"),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::warn!(name, %error, "a name could not be refreshed: what is here stays"),
                Err(_) => tracing::warn!(name, "a name's refresh took too long"),
            }
        });
    }

    /// Refuses a record that is older than one of the same IPNS name that was seen before.
    async fn check_newer(&self, address: &Address, found: &Resolved) -> Result<(), NetworkError> {
        let Some(sequence) = found.sequence else { return Ok(()) };
        let owner = format!("ipns://{}", address.owner);
        let sql = "SELECT max(sequence) FROM followed WHERE ipns = ?1 OR substr(ipns, 1, length(?1) + 1) = ?1 || '/'";
        let find = move |c: &rusqlite::Connection| match is_made(c)? {
            true => c.query_row(sql, [owner], |row| row.get::<_, Option<i64>>(0)),
            false => Ok(None),
        };
        let known = self.models.store().read_tables(find).await?.map(|known| known as u64);
        match known {
            Some(known) if sequence < known => Err(NetworkError::Older {
                ipns: address.to_string(),
                found: sequence,
                known,
                from: found.source.clone(),
            }),
            _ => Ok(()),
        }
    }

    async fn note(&self, name: &str, address: &Address, cid: Cid, found: &Resolved) -> Result<(), NetworkError> {
        let row = (name.to_owned(), address.to_string(), cid.to_bytes());
        let ttl = found.ttl.as_secs().min(i64::MAX as u64) as i64;
        // SQLite has no larger numbers; one that large is the last that there will be.
        let sequence = found.sequence.map(|sequence| sequence.min(i64::MAX as u64) as i64);
        self.models
            .store()
            .write_tables(move |tx| {
                tx.execute("DELETE FROM followed WHERE name NOT IN (SELECT name FROM names)", [])?;
                let sql = "INSERT OR REPLACE INTO followed (name, ipns, cid, checked_at, ttl_s, sequence)
                           VALUES (?1, ?2, ?3, ?4, ?5, coalesce(?6,
                               (SELECT sequence FROM followed WHERE name = ?1 AND ipns = ?2)))";
                // A daemon's word has no sequence; the last one that was seen still counts.
                tx.execute(sql, params![row.0, row.1, row.2, now_ms() as i64, ttl, sequence])
            })
            .await?;
        Ok(())
    }

    /// What is here of a root, as `get` tells it.
    pub(super) async fn got(
        &self,
        cid: Cid,
        name: Option<String>,
        fetched: Option<Fetched>,
    ) -> Result<Got, NetworkError> {
        let kept = self.models.store().roots().await?.into_iter().find(|kept| kept.cid == cid);
        let (size, files) = kept.map_or((0, 0), |kept| (kept.size, kept.files));
        Ok(Got { cid, name, size, files, fetched })
    }
}

fn now_ms() -> u64 {
    Utc::now().timestamp_millis().try_into().unwrap_or_default()
}

/// A store that was never written by this version has no table.
fn is_made(c: &rusqlite::Connection) -> Result<bool, rusqlite::Error> {
    c.prepare_cached("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'followed'")?.exists([])
}

fn followed(row: &Row<'_>) -> Result<Followed, rusqlite::Error> {
    let bytes: Vec<u8> = row.get(2)?;
    let cid = Cid::try_from(&bytes[..])
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Blob, Box::new(e)))?;
    Ok(Followed {
        name: row.get(0)?,
        ipns: row.get(1)?,
        cid,
        checked_at: row.get::<_, i64>(3)? as u64,
        ttl_s: row.get::<_, i64>(4)? as u64,
        sequence: row.get::<_, Option<i64>>(5)?.map(|sequence| sequence as u64),
    })
}

#[cfg(test)]
mod tests;
