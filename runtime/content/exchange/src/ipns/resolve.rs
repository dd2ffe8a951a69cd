//! From an address under `/ipns/` to content: all sources at once, the newest record, name by name.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use pelago_dag::{Cid, parse_address};
use tokio::time::Instant;

use super::source::Answer;
use super::{Address, NameSource, NameSourceKind, Owner, Record, ResolveError, Unanswered, Value};

/// Names that a name may lead through.
const DEPTH_MAX: usize = 8;
/// How long the word of a daemon counts, which does not say it: the default of the specification.
const TTL_DEFAULT: Duration = Duration::from_secs(300);

/// How long is waited.
#[derive(Clone, Copy, Debug)]
pub struct ResolveOptions {
    /// For the first valid record, over all names on the way.
    pub deadline: Duration,
    /// For a newer one, after it.
    pub settle: Duration,
    /// Whether sources are to look anew rather than say what they remember.
    pub fresh: bool,
}

impl Default for ResolveOptions {
    /// 20 s, then 1 s; what sources remember is good enough.
    fn default() -> Self {
        Self { deadline: Duration::from_secs(20), settle: Duration::from_secs(1), fresh: false }
    }
}

/// What a name stands for.
#[derive(Debug)]
pub struct Resolved {
    /// The root.
    pub cid: Cid,
    /// A path under it, without slashes at its ends.
    pub path: String,
    /// How long it may be remembered: the least of all names on the way, and never past `valid_until`.
    pub ttl: Duration,
    /// When the first record on the way ends; `None` where a daemon's word was taken.
    pub valid_until: Option<DateTime<Utc>>,
    /// The sequence of the asked name's own record; `None` where a daemon's word was taken.
    pub sequence: Option<u64>,
    /// The address of the source whose record counted, for the asked name itself.
    pub source: String,
    /// What that source is.
    pub kind: NameSourceKind,
    /// Sources that gave no valid record. A wrong signature among them is worth telling.
    pub unanswered: Vec<Unanswered>,
}

/// The answer that counts, for one name.
struct Found {
    value: String,
    record: Option<Record>,
    source: String,
    kind: NameSourceKind,
    unanswered: Vec<Unanswered>,
}

/// Finds what an address stands for. All sources are asked at once; of what they give within the deadline
/// the newest record counts, by sequence, then by validity. Where no record came that could be verified, the
/// word of a Kubo daemon is taken.
///
/// # Errors
///
/// `NoSources`, `DnsLink`, `NotFound`, `Silent`; `Value`, `Content`, `TooDeep` for what the name leads to.
pub async fn resolve(
    address: &Address,
    sources: &[NameSource],
    options: ResolveOptions,
) -> Result<Resolved, ResolveError> {
    let name = address.to_string();
    let until = Instant::now() + options.deadline;
    let (mut owner, mut path) = (address.owner.clone(), address.path.clone());
    let mut resolved: Option<Resolved> = None;
    for _ in 0..=DEPTH_MAX {
        let found = ask(&owner, sources, options, until).await?;
        let record = found.record.as_ref();
        let valid_until = record.map(|record| record.valid_until);
        let left = valid_until.map_or(TTL_DEFAULT, |end| (end - Utc::now()).to_std().unwrap_or_default());
        let ttl = record.map_or(TTL_DEFAULT, |record| record.ttl).min(left);
        let value = target(&name, &found.value)?;
        let mut so_far = match resolved.take() {
            Some(mut first) => {
                first.ttl = first.ttl.min(ttl);
                first.valid_until = [first.valid_until, valid_until].into_iter().flatten().min();
                first.unanswered.extend(found.unanswered);
                first
            }
            None => Resolved {
                cid: Cid::default(),
                path: String::new(),
                ttl,
                valid_until,
                sequence: record.map(|record| record.sequence),
                source: found.source,
                kind: found.kind,
                unanswered: found.unanswered,
            },
        };
        match value {
            Value::Content { cid, path: under } => {
                (so_far.cid, so_far.path) = (cid, join(under, &path));
                return Ok(so_far);
            }
            Value::Name(next) => {
                path = join(next.path, &path);
                owner = next.owner;
                resolved = Some(so_far);
            }
        }
    }
    Err(ResolveError::TooDeep { name, limit: DEPTH_MAX })
}

/// What a value leads to, in words for the asked name.
fn target(name: &str, value: &str) -> Result<Value, ResolveError> {
    let unusable = |reason: String| ResolveError::Value { name: name.to_owned(), value: value.to_owned(), reason };
    if value.starts_with("/ipns/") {
        return value.parse().map(Value::Name).map_err(|error: super::NameError| unusable(error.to_string()));
    }
    if !value.starts_with("/ipfs/") {
        return Err(unusable("it is neither under /ipfs/ nor under /ipns/".to_owned()));
    }
    match parse_address(value) {
        Ok((cid, path)) => Ok(Value::Content { cid, path }),
        Err(source @ pelago_dag::BlockError::Unsupported { .. }) => {
            Err(ResolveError::Content { name: name.to_owned(), source })
        }
        Err(error) => Err(unusable(error.to_string())),
    }
}

fn join(head: String, tail: &str) -> String {
    match (head.is_empty(), tail.is_empty()) {
        (_, true) => head,
        (true, false) => tail.to_owned(),
        (false, false) => format!("{head}/{tail}"),
    }
}

async fn ask(
    owner: &Owner,
    sources: &[NameSource],
    options: ResolveOptions,
    until: Instant,
) -> Result<Found, ResolveError> {
    let able: Vec<&NameSource> = sources.iter().filter(|source| source.knows(owner)).collect();
    if able.is_empty() {
        return Err(match owner {
            Owner::Domain(domain) => ResolveError::DnsLink { domain: domain.clone() },
            Owner::Key(name) => ResolveError::NoSources { name: name.to_string() },
        });
    }
    let mut asked: FuturesUnordered<_> =
        able.into_iter().map(|source| async move { (source, source.ask(owner, options.fresh).await) }).collect();
    let mut unanswered = Vec::new();
    let mut best: Option<(&NameSource, Answer)> = None;
    let mut wait = until;
    while let Ok(Some((source, answer))) = tokio::time::timeout_at(wait, asked.next()).await {
        let answer = match answer {
            Ok(Some(answer)) => answer,
            refused => {
                let (source_name, kind) = (source.address().to_owned(), source.kind());
                unanswered.push(Unanswered { source_name, kind, reason: refused.err() });
                continue;
            }
        };
        if best.as_ref().is_none_or(|(_, best)| counts_before(&answer, best)) {
            best = Some((source, answer));
        }
        wait = wait.min(Instant::now() + options.settle);
    }
    let Some((source, answer)) = best else {
        let name = owner.to_string();
        return Err(match unanswered.is_empty() {
            true => ResolveError::Silent { name, waited: options.deadline },
            false => ResolveError::NotFound { name, asked: unanswered },
        });
    };
    let (value, record) = match answer {
        Answer::Record(record) => (record.value.clone(), Some(record)),
        Answer::Path(path) => (path, None),
    };
    Ok(Found { value, record, source: source.address().to_owned(), kind: source.kind(), unanswered })
}

/// A record that was verified before a daemon's word; of two records the newer one.
fn counts_before(next: &Answer, best: &Answer) -> bool {
    match (next, best) {
        (Answer::Record(next), Answer::Record(best)) => next.is_newer_than(best),
        (Answer::Record(_), Answer::Path(_)) => true,
        (Answer::Path(_), _) => false,
    }
}
