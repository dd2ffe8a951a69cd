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
