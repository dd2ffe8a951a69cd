//! One file, brought into the staging folder: gone on with after a break,
//! begun anew where it changed, and moved to its place once its hash is right.

use bytes::BytesMut;
use reqwest::header::{
    CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_RANGE, RANGE, TRANSFER_ENCODING,
};
use reqwest::{StatusCode, Version};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::digest::{self, Digest, Hasher};
use super::http::{Answer, Http, Pace, Tries, check, header};
use super::part::{GATHER, Part, Record, blocking};
use super::progress::Meter;
use super::select::Listed;
use super::staging::{Staging, finished};
use super::{OriginError, StagedFile, hub};

/// How often a file is begun anew in one fetch.
const RESTARTS_MAX: u32 = 3;
/// What a try must bring for the tries to be counted anew, bytes.
const PROGRESS: u64 = 64 << 10;

/// A file to bring.
pub(super) struct Target {
    /// Its path in the folder.
    pub(super) name: String,
    pub(super) url: Url,
    /// Bytes, where they are known beforehand.
    pub(super) size: Option<u64>,
    /// The published hash.
    pub(super) digest: Option<Digest>,
    /// What the hub listed, and the commit.
    pub(super) listed: Option<(Listed, String)>,
}

impl Target {
    /// The name of its part: another origin, commit or hash has another.
    pub(super) fn key(&self) -> String {
        let digest = self.digest.as_ref().map(Digest::hex).unwrap_or_default();
        // A signature in the query may be another each time.
        let from = if self.digest.is_some() { super::error::shown(&self.url) } else { self.url.to_string() };
        hex::encode(&Sha256::digest(format!("{}\0{digest}\0{from}", self.name))[..16])
    }
}

/// What the transfers of a fetch share.
pub(super) struct Downloads<'a> {
    pub(super) http: &'a Http,
    pub(super) staging: &'a Staging,
    pub(super) meter: &'a Meter<'a>,
}

/// What a transfer came to.
enum Step {
    /// All bytes are there.
    Whole,
    /// What was there was thrown away: from the start.
    Again,
}

impl Downloads<'_> {
    /// Brings a file, or finds it whole.
    pub(super) async fn bring(&self, target: &Target) -> Result<StagedFile, OriginError> {
        if let (Some(size), Some(digest)) = (target.size, target.digest) {
            let path = self.staging.file(&target.name);
            if blocking(&target.name, move || finished(&path, size, &digest)).await? {
                self.meter.found(&target.name, size);
                return Ok(self.staged(target, size, digest));
            }
        }
        let hasher = Hasher::new(target.digest.as_ref(), target.size.unwrap_or_default());
        let (size, known) = (target.size, target.digest.is_some());
        let keep = move |record: &Record, length| {
            let fits = size.or(record.size).is_none_or(|size| length <= size);
            fits && (known || record.etag.is_some())
        };
        let mut part = Part::open(self.staging, &target.name, &target.key(), hasher, keep).await?;
        self.meter.found(&target.name, part.length());
        let mut tries = Tries::new(self.http.options());
        let (mut restarts, mut resumed) = (0, false);
        loop {
            let before = part.length();
            resumed |= before > 0;
            let why = match self.transfer(target, &mut part).await {
                Ok(Step::Again) => "its ETag or length",
                Ok(Step::Whole) => {
                    let actual = part.digest()?;
                    match digest::check(&target.name, target.digest.as_ref(), &actual) {
                        Ok(()) => {
                            let size = part.length();
                            part.finish().await?;
                            return Ok(self.staged(target, size, actual));
                        }
                        Err(error) => {
                            self.clear(target, &mut part).await?;
                            // What an earlier try left may be what is wrong.
                            if !std::mem::take(&mut resumed) {
                                return Err(error);
                            }
                            "its hash"
                        }
                    }
                }
                Err(error) => {
                    if part.length() >= before + PROGRESS {
                        tries.progressed();
                    }
                    tries.after(error).await?;
                    continue;
                }
            };
            restarts += 1;
            tracing::info!(file = target.name, why, "a file is begun anew");
            if restarts > RESTARTS_MAX {
                let reason = format!("{why} changes with every try");
                return Err(OriginError::Unexpected { url: super::error::shown(&target.url), reason });
            }
        }
    }

    fn staged(&self, target: &Target, size: u64, digest: Digest) -> StagedFile {
        self.meter.finished(&target.name);
        let prefix = match digest {
            Digest::Sha256(_) => "sha256",
            Digest::GitBlob(_) => "git",
        };
        StagedFile {
            path: target.name.clone(),
            size,
            hash: format!("{prefix}:{}", digest.hex()),
            published: target.digest.is_some(),
        }
    }

    async fn clear(&self, target: &Target, part: &mut Part) -> Result<(), OriginError> {
        self.meter.lost(&target.name, part.length());
        part.clear().await
    }

    /// One request for the bytes that are missing.
    async fn transfer(&self, target: &Target, part: &mut Part) -> Result<Step, OriginError> {
        // Without a hash only the ETag tells that the rest is of the same file.
        if part.length() > 0 && target.digest.is_none() && part.record.etag.is_none() {
            self.clear(target, part).await?;
        }
        let start = part.length();
        if target.size == Some(start) {
            return Ok(Step::Whole);
        }
        let answer = self.http.get(&target.url, &range(start, &part.record)).await?;
        if answer.response.status() == StatusCode::RANGE_NOT_SATISFIABLE && start > 0 {
            self.clear(target, part).await?;
            return Ok(Step::Again);
        }
        let answer = check(answer).await?;
        if let Some((listed, commit)) = &target.listed {
            answer.endpoint.iter().try_for_each(|headers| hub::check_headers(headers, listed, commit))?;
        }
        let headers = answer.response.headers();
        let etag = Some(header(headers, ETAG.as_str())).filter(|etag| etag.starts_with('"'));
        let total = match answer.response.status() {
            StatusCode::OK => {
                if start > 0 {
                    self.clear(target, part).await?;
                }
                length(&answer)?
            }
            StatusCode::PARTIAL_CONTENT if start > 0 => {
                let changed = etag.is_some() && part.record.etag.is_some() && etag != part.record.etag;
                match content_range(headers) {
                    Some((from, total)) if from == start && !changed => Some(total),
                    _ => {
                        self.clear(target, part).await?;
                        return Ok(Step::Again);
                    }
                }
            }
            status => {
                let reason = format!("its status is {status}, 200 was expected");
                return Err(OriginError::Unexpected { url: answer.url, reason });
            }
        };
        self.check_size(target, &answer, total)?;
        part.note(Record { etag, size: target.size.or(total) }).await?;
        self.receive(target, part, answer, target.size.or(total)).await?;
        Ok(Step::Whole)
    }

    /// Refuses a length that cannot be right, before anything of it is read.
    fn check_size(&self, target: &Target, answer: &Answer, total: Option<u64>) -> Result<(), OriginError> {
        if let (Some(expected), Some(actual)) = (target.size, total)
            && expected != actual
        {
            return Err(OriginError::Changed {
                file: target.name.clone(),
                what: "length",
                expected: expected.to_string(),
                actual: actual.to_string(),
            });
        }
        if target.size.is_some() {
            return Ok(());
        }
        let limit = self.http.options().bytes_max;
        match total {
            Some(actual) if actual > limit => {
                Err(OriginError::TooMuch { from: answer.url.clone(), unit: "bytes", limit, actual })
            }
            Some(total) => {
                self.meter.total(&target.name, total);
                Ok(())
            }
            None if target.digest.is_some() || tells_its_end(answer) => Ok(()),
            None => Err(OriginError::Unverifiable {
                url: answer.url.clone(),
                reason: "the server says neither how long it is nor where it ends",
            }),
        }
    }

    /// Writes what comes. What came before an error is kept.
    async fn receive(
        &self,
        target: &Target,
        part: &mut Part,
        mut answer: Answer,
        total: Option<u64>,
    ) -> Result<(), OriginError> {
        let limit = total.unwrap_or(self.http.options().bytes_max);
        let mut pace = Pace::new(self.http.options());
        let mut gathered = BytesMut::new();
        let ended = loop {
            match pace.chunk(&mut answer).await {
                Ok(Some(chunk)) => {
                    let length = part.length() + (gathered.len() + chunk.len()) as u64;
                    if length > limit {
                        let file = target.name.clone();
                        break Err(OriginError::Length { file, expected: limit, actual: length });
                    }
                    self.meter.came(&target.name, chunk.len() as u64);
                    gathered.extend_from_slice(&chunk);
                    if gathered.len() >= GATHER {
                        part.append(gathered.split()).await?;
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        if !gathered.is_empty() {
            part.append(gathered).await?;
        }
        ended?;
        match total {
            Some(expected) if part.length() < expected => {
                Err(OriginError::Length { file: target.name.clone(), expected, actual: part.length() })
            }
            _ => Ok(()),
        }
    }
}

/// Asks for the rest, if it is still of the same file.
fn range(start: u64, record: &Record) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if start > 0
        && let Ok(range) = HeaderValue::try_from(format!("bytes={start}-"))
    {
        headers.insert(RANGE, range);
        if let Some(etag) = record.etag.as_deref().and_then(|etag| HeaderValue::from_str(etag).ok()) {
            headers.insert(IF_RANGE, etag);
        }
    }
    headers
}

/// `Content-Length`.
fn length(answer: &Answer) -> Result<Option<u64>, OriginError> {
    let text = header(answer.response.headers(), CONTENT_LENGTH.as_str());
    match text.parse() {
        Ok(length) => Ok(Some(length)),
        Err(_) if text.is_empty() => Ok(None),
        Err(_) => {
            let reason = format!("its Content-Length is {text:?}");
            Err(OriginError::Unexpected { url: answer.url.clone(), reason })
        }
    }
}

/// The first byte and the bytes in all, of `bytes <first>-<last>/<all>`, where it goes to the end.
fn content_range(headers: &HeaderMap) -> Option<(u64, u64)> {
    let text = header(headers, CONTENT_RANGE.as_str());
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, total): (u64, u64, u64) = (first.parse().ok()?, last.parse().ok()?, total.parse().ok()?);
    (last.checked_add(1)? == total).then_some((first, total))
}

/// Whether a cut would be seen: a body without a length that ends with the connection may end anywhere.
fn tells_its_end(answer: &Answer) -> bool {
    let chunked = header(answer.response.headers(), TRANSFER_ENCODING.as_str());
    answer.response.version() >= Version::HTTP_2 || chunked.eq_ignore_ascii_case("chunked")
}
