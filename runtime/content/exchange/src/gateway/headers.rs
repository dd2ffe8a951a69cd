//! Headers of answers, as the path and the trustless gateway specifications have them.

use hyper::HeaderMap;
use hyper::header::{HeaderValue, IF_NONE_MATCH};
use pelago_dag::Scope;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::accept::Format;
use super::request::Wanted;

/// The validator of an answer: of the CID and whatever else decides on its bytes.
pub(super) fn etag(wanted: &Wanted) -> String {
    let Wanted { cid, path, scope, .. } = wanted;
    let dups = match wanted.format {
        Format::Raw => return format!("\"{cid}.raw\""),
        Format::Car { dups: true } => "y",
        Format::Car { dups: false } => "n",
    };
    let scope = match scope {
        Scope::Block => "block".to_owned(),
        Scope::Entity(None) => "entity".to_owned(),
        Scope::Entity(Some(bytes)) => {
            format!("entity.{}-{}", bytes.from, bytes.to.map_or("end".to_owned(), |to| to.to_string()))
        }
        Scope::All => "all".to_owned(),
    };
    let path = if path.is_empty() {
        String::new()
    } else {
        let hash = Sha256::digest(path.as_bytes());
        format!(".{}", hash[..12].iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    };
    // Weak: another version may send the same blocks in other bytes.
    format!("W/\"{scope}.{cid}{path}.car.dfs.{dups}\"")
}

/// Whether the client has the answer already.
pub(super) fn has_already(headers: &HeaderMap, etag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        // Our own tags have no commas, so splitting at them loses none.
        value.split(',').any(|tag| tag.trim() == "*" || bare(tag) == bare(etag))
    })
}

/// What `filename*` may have as it is (RFC 8187, `attr-char`).
const ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// A download, never shown in a page.
pub(super) fn disposition(wanted: &Wanted) -> String {
    let Some(name) = &wanted.filename else {
        let end = if wanted.format == Format::Raw { "bin" } else { "car" };
        return format!("attachment; filename=\"{}.{end}\"", wanted.cid);
    };
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\') || c == ' ' { c } else { '_' })
        .collect();
    if plain == *name {
        return format!("attachment; filename=\"{plain}\"");
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(name, ATTR_CHAR))
}

/// A header's value from text of ours; what cannot stand in one is left out.
pub(super) fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// The bytes that a Range header asks of a block: `None` for all, as for what is not understood and
/// for several ranges (RFC 9110, 14.2).
///
/// # Errors
///
/// The header's own words, where the block has none of the bytes.
pub(super) fn range(header: &str, length: u64) -> Result<Option<std::ops::Range<u64>>, String> {
    let Some((first, last)) = header.strip_prefix("bytes=").and_then(|set| set.trim().split_once('-')) else {
        return Ok(None);
    };
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    let range = match (first, last) {
        ("", last) => match number(last) {
            Some(count) => length.saturating_sub(count)..length,
            None => return Ok(None),
        },
        (first, "") => match number(first) {
            Some(first) => first..length,
            None => return Ok(None),
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
            _ => return Ok(None),
        },
    };
    if range.start >= range.end { Err(header.to_owned()) } else { Ok(Some(range)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (header, expected) in [
            ("bytes=0-3", Ok(Some(0..4))),
            ("bytes=7-", Ok(Some(7..10))),
            ("bytes=-4", Ok(Some(6..10))),
            ("bytes=-99", Ok(Some(0..10))),
            ("bytes=5-99", Ok(Some(5..10))),
            ("bytes=9-9", Ok(Some(9..10))),
            ("bytes=10-", Err(())),
            ("bytes=10-20", Err(())),
            ("bytes=-0", Err(())),
            ("bytes=4-3", Ok(None)),
            ("bytes=0-1,3-4", Ok(None)),
            ("bytes=", Ok(None)),
            ("bytes=-", Ok(None)),
            ("bytes=a-b", Ok(None)),
            ("bytes=+1-2", Ok(None)),
            ("items=0-1", Ok(None)),
            ("bytes=0-99999999999999999999999", Ok(None)),
        ] {
            assert_eq!(range(header, 10).map_err(|_| ()), expected, "{header}");
        }
        assert!(range("bytes=0-0", 0).is_err());
    }
}
