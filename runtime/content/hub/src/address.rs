//! Addresses of origins, as a user writes them.

use hex::FromHex as _;
use percent_encoding::percent_decode_str;
use url::Url;

use super::OriginError;
use super::error::shown;
use super::select::check_path;

/// The longest name of an owner or a repository on the hub.
const PART_MAX: usize = 96;

/// Where a model is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `hf://owner/name[@revision][/sub]`: a repository of models on a Hugging Face hub.
    Hub(HubAddress),
    /// `https://…`: one file. A folder cannot be had this way, as HTTP has no listing; an archive
    /// is kept as the file that it is.
    File(FileAddress),
}

/// A repository of models, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubAddress {
    /// `owner/name`.
    pub repository: String,
    /// A branch, a tag, a commit or `refs/pr/<n>`. `main` where none is given.
    pub revision: String,
    /// A folder or file in it; empty for all of it.
    pub sub: String,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileAddress {
    /// Its address, without a user.
    pub url: Url,
    /// Its name, the last part of the address.
    pub name: String,
    /// The SHA-256 that it must have, if the user knows it.
    pub sha256: Option<[u8; 32]>,
}

impl Address {
    /// Reads an address.
    ///
    /// A revision may hold slashes as `%2F`; `refs/pr/<n>` and `refs/convert/<name>` may be written plainly.
    ///
    /// # Errors
    ///
    /// `Address`, and `Name` where a path in it is not plain.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        if let Some(rest) = text.strip_prefix("hf://") {
            return hub(text, rest).map(Self::Hub);
        }
        file(text).map(Self::File)
    }

    /// The same file, which must have this SHA-256 (64 hex digits).
    ///
    /// # Errors
    ///
    /// `Address` where the digits are not such, or where the address is a repository's, which has hashes of its own.
    pub fn with_sha256(self, hex: &str) -> Result<Self, OriginError> {
        match self {
            Self::File(file) => {
                let sha256 = <[u8; 32]>::from_hex(hex).map_err(|_| refused(hex, "a SHA-256 has 64 hex digits"))?;
                Ok(Self::File(FileAddress { sha256: Some(sha256), ..file }))
            }
            Self::Hub(hub) => Err(refused(&hub.repository, "a SHA-256 is of one file, and the hub gives its own")),
        }
    }
}

fn refused(text: &str, reason: impl Into<String>) -> OriginError {
    OriginError::Address { text: text.to_owned(), reason: reason.into() }
}

fn hub(text: &str, rest: &str) -> Result<HubAddress, OriginError> {
    if rest.contains(['?', '#']) {
        return Err(refused(text, "it has a query or fragment"));
    }
    let mut parts = rest.splitn(3, '/');
    let (owner, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let mut sub = parts.next().unwrap_or_default();
    if matches!(owner, "datasets" | "spaces") && !sub.is_empty() {
        return Err(refused(text, format!("{owner} are not models")));
    }
    let (name, revision) = match name.split_once('@') {
        None => (name, "main".to_owned()),
        Some((name, "refs")) => {
            // `refs/pr/1` and `refs/convert/onnx` are the hub's own names for revisions.
            let mut rest = sub.splitn(3, '/');
            let (kind, which) = (rest.next().unwrap_or_default(), rest.next().unwrap_or_default());
            if !matches!(kind, "pr" | "convert") || which.is_empty() {
                return Err(refused(text, "a revision under refs is refs/pr/<number> or refs/convert/<name>"));
            }
            sub = rest.next().unwrap_or_default();
            (name, format!("refs/{kind}/{which}"))
        }
        Some((name, revision)) => (name, decoded(text, revision)?),
    };
    for (part, what) in [(owner, "owner"), (name, "name")] {
        if !is_hub_name(part) {
            return Err(refused(text, format!("its {what} is {part:?}, letters, digits and . _ - were expected")));
        }
    }
    let plain = revision.bytes().all(|b| b.is_ascii_graphic() && !b"\\^:~?*[".contains(&b));
    if revision.is_empty() || revision.len() > 255 || !plain || revision.split('/').any(|p| p.is_empty() || p == "..") {
        return Err(refused(text, format!("{revision:?} is no revision")));
    }
    let sub = decoded(text, sub.trim_end_matches('/'))?;
    if !sub.is_empty() {
        check_path(&sub)?;
    }
    Ok(HubAddress { repository: format!("{owner}/{name}"), revision, sub })
}

/// The hub's own rule for names.
fn is_hub_name(part: &str) -> bool {
    let plain = part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    let ends = part.starts_with(['.', '-']) || part.ends_with(['.', '-']);
    !part.is_empty() && part.len() <= PART_MAX && plain && !ends && !part.contains("..") && !part.contains("--")
}

fn file(text: &str) -> Result<FileAddress, OriginError> {
    let without_secrets = || match (text.find("//"), text.rfind('@')) {
        (Some(start), Some(end)) if start + 2 < end => format!("{}…{}", &text[..start + 2], &text[end..]),
        _ => text.split('?').next().unwrap_or_default().to_owned(),
    };
    let mut url = Url::parse(text).map_err(|e| refused(&without_secrets(), e.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused(&without_secrets(), format!("its scheme is {:?}", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused(&without_secrets(), "it has a user name or password"));
    }
    url.set_fragment(None);
    let last = url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
    let name = decoded(&shown(&url), last)?;
    if name.is_empty() {
        return Err(refused(&shown(&url), "it names a folder, and only one file can be had from a web server"));
    }
    if name.contains('/') || name.starts_with('.') {
        return Err(OriginError::Name { name, reason: "it is not a plain file name" });
    }
    check_path(&name)?;
    Ok(FileAddress { url, name, sha256: None })
}

fn decoded(text: &str, part: &str) -> Result<String, OriginError> {
    let decoded = percent_decode_str(part).decode_utf8().map_err(|_| refused(text, "it is not UTF-8"))?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: &Expect) {
        let said = match Address::parse(text) {
            Ok(Address::Hub(hub)) => format!("{} @ {} / {}", hub.repository, hub.revision, hub.sub),
            Ok(Address::File(file)) => format!("{} as {}", file.url, file.name),
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&said);
    }

    #[test]
    fn repositories() {
        check("hf://org/name", &expect!["org/name @ main / "]);
        check("hf://org/name/", &expect!["org/name @ main / "]);
        check("hf://org/na.me_2@v1.0/onnx", &expect!["org/na.me_2 @ v1.0 / onnx"]);
        check("hf://org/name@feature%2Fx/a/b%20c.json", &expect!["org/name @ feature/x / a/b c.json"]);
        check("hf://org/name@refs/pr/3/onnx", &expect!["org/name @ refs/pr/3 / onnx"]);
        check("hf://org/name@refs/convert/parquet", &expect!["org/name @ refs/convert/parquet / "]);
    }

    #[test]
    fn what_is_no_repository_says_why() {
        check(
            "hf://gpt2",
            &expect![[
                r#""hf://gpt2" is not an origin (its name is "", letters, digits and . _ - were expected): use hf://owner/name, hf://owner/name@revision/folder or https://host/file"#
            ]],
        );
        check(
            "hf://datasets/org/name",
            &expect![[
                r#""hf://datasets/org/name" is not an origin (datasets are not models): use hf://owner/name, hf://owner/name@revision/folder or https://host/file"#
            ]],
        );
        check(
            "hf://org/name@",
            &expect![[
                r#""hf://org/name@" is not an origin ("" is no revision): use hf://owner/name, hf://owner/name@revision/folder or https://host/file"#
            ]],
        );
        check(
            "hf://org/name/../other",
            &expect![[
                r#"the origin has a file named "../other", which is refused (it has a part that is `.` or `..`): leave it out by a pattern, or tell its owner"#
            ]],
        );
        check(
            "hf://org/name/%2e%2e/other",
            &expect![[
                r#"the origin has a file named "../other", which is refused (it has a part that is `.` or `..`): leave it out by a pattern, or tell its owner"#
            ]],
        );
        for text in [
            "hf://../name",
            "hf://org/..",
            "hf://o rg/name",
            "hf://org/na--me",
            "hf://org/name@a..b/../x",
            "hf://org/name?x=1",
            "hf://org/name@refs/heads/x",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn files() {
        check("https://host/a/model.onnx?sig=1#x", &expect!["https://host/a/model.onnx?sig=1 as model.onnx"]);
        check(
            "https://host/a/",
            &expect![[
                r#""https://host/a/" is not an origin (it names a folder, and only one file can be had from a web server): use hf://owner/name, hf://owner/name@revision/folder or https://host/file"#
            ]],
        );
        check(
            "https://user:secret@host/a",
            &expect![[
                r#""https://…@host/a" is not an origin (it has a user name or password): use hf://owner/name, hf://owner/name@revision/folder or https://host/file"#
            ]],
        );
        check(
            "https://host/..%2f..%2fetc",
            &expect![[
                r#"the origin has a file named "../../etc", which is refused (it is not a plain file name): leave it out by a pattern, or tell its owner"#
            ]],
        );
        for text in [
            "ftp://host/a",
            "model.onnx",
            "",
            "https://host",
            "file:///etc/passwd",
            "https://host/a%5cb",
            "https://host/%00",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_sha256_is_of_a_file() {
        let file = Address::parse("https://host/a").unwrap();
        let Address::File(with) = file.clone().with_sha256(&"0f".repeat(32)).unwrap() else { panic!() };
        assert_eq!(with.sha256, Some([15; 32]));
        assert!(file.clone().with_sha256("0f").is_err());
        assert!(file.with_sha256(&"zz".repeat(32)).is_err());
        assert!(Address::parse("hf://org/name").unwrap().with_sha256(&"0f".repeat(32)).is_err());
    }
}
