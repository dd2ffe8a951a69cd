//! The hub's own URL scheme: a revision becomes a commit, a commit a listing,
//! a listing addresses of files
//! (<https://huggingface.co/docs/hub/api>, <https://huggingface.co/docs/huggingface_hub/main/en/package_reference/file_download>).

use std::collections::HashSet;

use hex::FromHex as _;
use reqwest::header::{HeaderMap, LINK};
use serde::Deserialize;
use url::Url;

use super::address::HubAddress;
use super::digest::Digest;
use super::error::shown;
use super::http::{Http, header};
use super::select::{Listed, nearest};
use super::{OriginError, OriginOptions};

/// Entries of a repository, folders included, that are read; the hub itself advises fewer files.
const ENTRIES_MAX: usize = 200_000;

/// What an answer about a revision holds.
#[derive(Deserialize)]
struct Revision {
    sha: String,
}

/// An entry of a listing.
#[derive(Deserialize)]
struct Entry {
    r#type: String,
    path: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    oid: String,
    lfs: Option<Lfs>,
}

/// What the large-file storage knows of a file. Its `oid` is the SHA-256, and the entry's own is that of a pointer.
#[derive(Deserialize)]
struct Lfs {
    oid: String,
    size: u64,
}

#[derive(Deserialize)]
struct Refs {
    #[serde(default)]
    branches: Vec<Ref>,
    #[serde(default)]
    tags: Vec<Ref>,
}

#[derive(Deserialize)]
struct Ref {
    name: String,
}

/// The commit that a revision is now.
pub(super) async fn resolve(http: &Http, address: &HubAddress) -> Result<String, OriginError> {
    let url = api(http.options(), &address.repository, &["revision", &address.revision]);
    let revision: Revision = match http.json(&url).await {
        Ok((revision, _)) => revision,
        Err(OriginError::NotFound { .. }) => return Err(not_found(http, address).await),
        Err(error) => return Err(error),
    };
    let commit = revision.sha.to_ascii_lowercase();
    if !is_commit(&commit) {
        let reason = format!("the commit is {:?}, 40 hex digits were expected", revision.sha);
        return Err(OriginError::Unexpected { url: shown(&url), reason });
    }
    // Somebody who names a commit gets that one.
    if is_commit(&address.revision) && !address.revision.eq_ignore_ascii_case(&commit) {
        let file = format!("hf://{}", address.repository);
        return Err(OriginError::Changed { file, what: "commit", expected: address.revision.clone(), actual: commit });
    }
    Ok(commit)
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Tells a revision that is not there from a repository that is not there.
async fn not_found(http: &Http, address: &HubAddress) -> OriginError {
    let repository = format!("repository {} on {}", address.repository, shown(&http.options().endpoint));
    match http.json::<Refs>(&api(http.options(), &address.repository, &["refs"])).await {
        Ok((refs, _)) => {
            let names = refs.branches.iter().chain(&refs.tags).map(|r| r.name.as_str());
            let advice = match nearest(&address.revision, names) {
                Some(near) => format!("the nearest is {near:?}"),
                None => "it has no branch or tag".to_owned(),
            };
            OriginError::NotFound { what: format!("revision {:?} of the {repository}", address.revision), advice }
        }
        // Whatever keeps the branches from being listed, there is nothing to be had.
        Err(_) => OriginError::NotFound {
            what: repository,
            advice: "check owner and name; a private or gated one needs a token that may read it".to_owned(),
        },
    }
}

/// All files of a commit.
pub(super) async fn list(http: &Http, repository: &str, commit: &str) -> Result<Vec<Listed>, OriginError> {
    let mut url = api(http.options(), repository, &["tree", commit]);
    url.set_query(Some("recursive=true"));
    let mut seen = HashSet::from([url.clone()]);
    let (mut files, mut entries) = (Vec::new(), 0);
    loop {
        let (page, headers) = http.json::<Vec<Entry>>(&url).await?;
        entries += page.len();
        if entries > ENTRIES_MAX {
            let (limit, actual) = (ENTRIES_MAX as u64, entries as u64);
            return Err(OriginError::TooMuch { from: format!("hf://{repository}"), unit: "entries", limit, actual });
        }
        for entry in page {
            if entry.r#type == "file" {
                files.push(listed(&url, entry)?);
            }
        }
        let Some(next) = next_page(&url, &headers)? else { return Ok(files) };
        // Each page brings entries, which are counted; an empty one that leads to others could go on for ever.
        if !seen.insert(next.clone()) || seen.len() > ENTRIES_MAX / 100 {
            return Err(OriginError::Unexpected { url: shown(&url), reason: "its pages lead in a circle".to_owned() });
        }
        url = next;
    }
}

fn listed(url: &Url, entry: Entry) -> Result<Listed, OriginError> {
    let (size, hash, digest) = match entry.lfs {
        Some(lfs) => {
            // Some answers write the algorithm before the digits.
            let digits = lfs.oid.strip_prefix("sha256:").unwrap_or(&lfs.oid);
            (lfs.size, digits.to_owned(), <[u8; 32]>::from_hex(digits).ok().map(Digest::Sha256))
        }
        None => (entry.size, entry.oid.clone(), <[u8; 20]>::from_hex(&entry.oid).ok().map(Digest::GitBlob)),
    };
    match digest {
        Some(digest) => Ok(Listed { path: entry.path, size, digest }),
        None => {
            let reason = format!("the hash of {:?} is {hash:?}, hex digits were expected", entry.path);
            Err(OriginError::Unexpected { url: shown(url), reason })
        }
    }
}

/// The address behind `rel="next"` of the Link header (RFC 8288).
fn next_page(url: &Url, headers: &HeaderMap) -> Result<Option<Url>, OriginError> {
    for value in headers.get_all(LINK) {
        let text = value.to_str().unwrap_or_default();
        // Commas also stand within addresses, so the text is cut at the brackets.
        for link in text.split('<').skip(1) {
            let Some((target, parameters)) = link.split_once('>') else { continue };
            let is_next = parameters.split([';', ',']).any(|p| matches!(p.trim(), "rel=\"next\"" | "rel=next"));
            if is_next {
                let unexpected = |e: url::ParseError| OriginError::Unexpected {
                    url: shown(url),
                    reason: format!("its next page cannot be read: {e}"),
                };
                return Ok(Some(url.join(target).map_err(unexpected)?));
            }
        }
    }
    Ok(None)
}

/// Where a file of a commit is.
pub(super) fn file(options: &OriginOptions, repository: &str, commit: &str, path: &str) -> Url {
    let parts = repository.split('/').chain(["resolve", commit]).chain(path.split('/'));
    below(&options.endpoint, parts)
}

fn api(options: &OriginOptions, repository: &str, rest: &[&str]) -> Url {
    let parts = ["api", "models"].into_iter().chain(repository.split('/')).chain(rest.iter().copied());
    below(&options.endpoint, parts)
}

/// Each part is escaped, a slash in a revision too.
fn below<'a>(endpoint: &Url, parts: impl Iterator<Item = &'a str>) -> Url {
    let mut url = endpoint.clone();
    // Only addresses without a host have no segments, and the options refuse those.
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(parts);
    }
    url
}

/// Refuses what the hub says of a file, where it is not what it listed.
pub(super) fn check_headers(headers: &HeaderMap, file: &Listed, commit: &str) -> Result<(), OriginError> {
    let etag = header(headers, "x-linked-etag");
    let etag = etag.trim_start_matches("W/").trim_matches('"');
    let said = [
        ("commit", commit.to_owned(), header(headers, "x-repo-commit")),
        ("length", file.size.to_string(), header(headers, "x-linked-size")),
        ("hash", file.digest.hex(), etag.to_owned()),
    ];
    for (what, expected, actual) in said {
        if !actual.is_empty() && !actual.eq_ignore_ascii_case(&expected) {
            return Err(OriginError::Changed { file: file.path.clone(), what, expected, actual });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_escaped() {
        let options = OriginOptions::new("https://mirror.example/hub/").unwrap();
        let url = file(&options, "org/name", "abc", "a b/c#d?e%2f.json");
        assert_eq!(url.as_str(), "https://mirror.example/hub/org/name/resolve/abc/a%20b/c%23d%3Fe%252f.json");
        let url = api(&options, "org/name", &["revision", "refs/pr/1"]);
        assert_eq!(url.as_str(), "https://mirror.example/hub/api/models/org/name/revision/refs%2Fpr%2F1");
    }

    #[test]
    fn the_next_page() {
        let check = |link: &str| {
            let url = Url::parse("https://hub/api/models/o/n/tree/c?recursive=true").unwrap();
            let mut headers = HeaderMap::new();
            headers.insert(LINK, link.parse().unwrap());
            next_page(&url, &headers).unwrap().map(|u| u.to_string())
        };
        assert_eq!(check(r#"<https://hub/x?cursor=a,b>; rel="next""#).as_deref(), Some("https://hub/x?cursor=a,b"));
        assert_eq!(check(r#"<https://hub/y>; rel="prev", </x?c=1>; rel="next""#).as_deref(), Some("https://hub/x?c=1"));
        assert_eq!(check(r#"<https://hub/y>; rel="last""#), None);
        assert_eq!(check("nonsense"), None);
    }
}
