//! A request, read: what is wanted, or why it cannot be.

use hyper::HeaderMap;
use hyper::header::{ACCEPT, CACHE_CONTROL};
use pelago_dag::walk::EntityBytes;
use pelago_dag::{Cid, Scope, cid};
use percent_encoding::percent_decode_str;

use super::accept::{Asked, Format, negotiate};
use super::error::Refusal;

/// The longest name that a download is given, bytes, as file systems have it.
const FILENAME_MAX: usize = 255;
/// The longest text that is read as a CID: an identity CID of 128 bytes in base 2 would be longer, and no one sends that.
const CID_MAX: usize = 512;

/// What a client wants.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) cid: Cid,
    /// The names behind the CID, decoded, with slashes between them; empty for none.
    pub(super) path: String,
    pub(super) format: Format,
    /// For a CAR.
    pub(super) scope: Scope,
    /// The name that the client gives to the download.
    pub(super) filename: Option<String>,
    /// The path as it was sent.
    pub(super) sent: String,
    /// Where the same is under an address that names the format, if this one does not.
    pub(super) location: Option<String>,
    pub(super) only_if_cached: bool,
}

impl Wanted {
    /// Reads a request's path, query and headers.
    pub(super) fn read(path: &str, query: Option<&str>, headers: &HeaderMap) -> Result<Self, Refusal> {
        let rest = path.strip_prefix("/ipfs/").ok_or(Refusal::NoSuchPath)?;
        let (text, tail) = rest.split_once('/').unwrap_or((rest, ""));
        let cid = read_cid(text)?;
        let names = read_path(tail)?;
        if headers.get("service-worker").is_some_and(|value| value == "script") {
            return Err(Refusal::Bad("a service worker cannot be had from here".to_owned()));
        }

        let fields = Fields::read(query.unwrap_or_default())?;
        let accept = joined(headers, ACCEPT);
        let format = negotiate(&fields.asked, accept.as_deref())?;
        let raw = format == Format::Raw;
        if raw && !names.is_empty() {
            return Err(Refusal::Bad(format!(
                "a raw block has no path: ask for /ipfs/{cid}, or for the path as a CAR"
            )));
        }
        let location = fields.asked.format.is_none().then(|| location(path, query, format));
        let only_if_cached = joined(headers, CACHE_CONTROL)
            .is_some_and(|v| v.split(',').any(|d| d.trim().eq_ignore_ascii_case("only-if-cached")));
        // Scope and range are a CAR's alone; a block is not changed by them (specification).
        let scope = if raw { Scope::Block } else { fields.scope()? };
        Ok(Self {
            cid,
            path: names,
            format,
            scope,
            filename: fields.filename,
            sent: path.to_owned(),
            location,
            only_if_cached,
        })
    }
}

fn read_cid(text: &str) -> Result<Cid, Refusal> {
    let bad = |reason: String| Refusal::Bad(format!("{text:?} is not a CID ({reason})"));
    if text.len() > CID_MAX {
        return Err(Refusal::Bad(format!("a CID of {} characters, at most {CID_MAX} are read", text.len())));
    }
    let cid = Cid::try_from(text).map_err(|e| bad(e.to_string()))?;
    cid::check_hash(&cid).map_err(|e| Refusal::Bad(e.to_string()))?;
    Ok(cid)
}

/// The names of a path; one slash behind the last is allowed.
fn read_path(tail: &str) -> Result<String, Refusal> {
    let tail = tail.strip_suffix('/').unwrap_or(tail);
    if tail.is_empty() {
        return Ok(String::new());
    }
    let bad = |name: &str| Refusal::Bad(format!("{name:?} is not a name that a path may have"));
    let names: Vec<_> = tail
        .split('/')
        .map(|name| {
            let decoded = percent_decode_str(name).decode_utf8().map_err(|_| bad(name))?;
            match &*decoded {
                "" | "." | ".." => Err(bad(name)),
                decoded if decoded.contains(['/', '\0']) => Err(bad(name)),
                decoded => Ok(decoded.to_owned()),
            }
        })
        .collect::<Result<_, _>>()?;
    Ok(names.join("/"))
}

/// The query's fields that mean something here. Others are let be, as clients use them against caches.
#[derive(Default)]
struct Fields {
    asked: Asked,
    scope: Option<String>,
    bytes: Option<String>,
    filename: Option<String>,
}

impl Fields {
    fn read(query: &str) -> Result<Self, Refusal> {
        let mut fields = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let field = match &*name {
                "format" => &mut fields.asked.format,
                "car-version" => &mut fields.asked.version,
                "car-order" => &mut fields.asked.order,
                "car-dups" => &mut fields.asked.dups,
                "dag-scope" => &mut fields.scope,
                "entity-bytes" => &mut fields.bytes,
                "filename" => &mut fields.filename,
                _ => continue,
            };
            if field.replace(value.into_owned()).is_some() {
                return Err(Refusal::Bad(format!("`{name}` is given twice")));
            }
        }
        match &fields.filename {
            Some(name) if name.len() > FILENAME_MAX => {
                Err(Refusal::Bad(format!("`filename` has {} bytes, at most {FILENAME_MAX} are taken", name.len())))
            }
            _ => Ok(fields),
        }
    }

    fn scope(&self) -> Result<Scope, Refusal> {
        let scope = match self.scope.as_deref() {
            None | Some("all") => Scope::All,
            Some("entity") => Scope::Entity(None),
            Some("block") => Scope::Block,
            Some(other) => {
                return Err(Refusal::Bad(format!("dag-scope={other:?}: block, entity or all was expected")));
            }
        };
        // A range of bytes implies `entity` (specification).
        match &self.bytes {
            Some(text) => {
                let bytes: EntityBytes =
                    text.parse().map_err(|e: pelago_dag::EntityBytesError| Refusal::Bad(e.to_string()))?;
                Ok(Scope::Entity(Some(bytes)))
            }
            None => Ok(scope),
        }
    }
}

/// All values of a header, as if they had come in one.
fn joined(headers: &HeaderMap, name: hyper::header::HeaderName) -> Option<String> {
    let values: Vec<_> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// The address with its format in the query, so that caches keep formats apart.
fn location(path: &str, query: Option<&str>, format: Format) -> String {
    // The query's own `car-*` fields stand where they are; saying the same twice would be refused.
    let of_car = query.is_some_and(|q| url::form_urlencoded::parse(q.as_bytes()).any(|(name, _)| name == "car-dups"));
    let format = match format {
        Format::Raw => "format=raw",
        Format::Car { .. } if of_car => "format=car",
        Format::Car { dups: false } => "format=car&car-dups=n",
        Format::Car { dups: true } => "format=car&car-dups=y",
    };
    match query {
        Some(query) if !query.is_empty() => format!("{path}?{query}&{format}"),
        _ => format!("{path}?{format}"),
    }
}
