//! What can go wrong while a model is brought from where it was published, in
//! words that say what to do next. Addresses appear without their queries,
//! which can hold signatures; tokens never appear.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pelago_http::causes;
use url::Url;

/// An error of an origin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OriginError {
    /// Text that is no address of an origin.
    #[error(
        "{text:?} is not an origin ({reason}): use hf://owner/name, hf://owner/name@revision/folder or https://host/file"
    )]
    Address {
        /// What was given, without a password.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting that cannot be.
    #[error("the setting {option} cannot be {value:?}: {reason}")]
    Option {
        /// Its name.
        option: &'static str,
        /// Its value; empty where it is secret.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// TLS could not be set up.
    #[error("no HTTP client could be made: {source}")]
    Client {
        /// What went wrong.
        source: reqwest::Error,
    },
    /// A host in a private network that the configuration does not name.
    #[error(
        "{host} is at {address}, a private address, and was not asked: name the host in the configuration to allow it"
    )]
    Blocked {
        /// The host as it stands in the address.
        host: String,
        /// Where it leads.
        address: IpAddr,
    },
    /// A redirect that is not followed.
    #[error("{url} redirects in a way that is not followed: {reason}")]
    Redirect {
        /// The address that redirected.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The connection failed or broke.
    #[error(
        "{url} could not be read: {}; check the network and run it again, it goes on where it stopped",
        causes(source)
    )]
    Connection {
        /// The address.
        url: String,
        /// What went wrong.
        source: reqwest::Error,
    },
    /// No answer in time.
    #[error("{url} did not answer within {} s: run it again, it goes on where it stopped", waited.as_secs_f32())]
    Silent {
        /// The address.
        url: String,
        /// How long it was waited.
        waited: Duration,
    },
    /// Less came than is worth waiting for.
    #[error(
        "{url} sent {actual} bytes in {} s, fewer than {expected}: run it again later, it goes on where it stopped",
        waited.as_secs_f32()
    )]
    Slow {
        /// The address.
        url: String,
        /// The fewest bytes in that time.
        expected: u64,
        /// The bytes that came.
        actual: u64,
        /// The time.
        waited: Duration,
    },
    /// The server is busy or broken for now (408, 429, 5xx).
    #[error("{url} answers {status}{}: run it again later, it goes on where it stopped", wished(wait))]
    Unavailable {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The wait that it asks for.
        wait: Option<Duration>,
    },
    /// Access is refused (401, 403).
    #[error("{url} refuses access ({status}{}): {advice}", said(message))]
    Denied {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What the server said.
        message: String,
        /// What to do.
        advice: String,
    },
    /// There is no such repository, revision or file.
    #[error("there is no {what}: {advice}")]
    NotFound {
        /// What was asked for.
        what: String,
        /// The nearest that there is, or what else to do.
        advice: String,
    },
    /// An answer that the protocol does not know.
    #[error("{url} gave an answer that is not understood: {reason}")]
    Unexpected {
        /// The address.
        url: String,
        /// Expected and found.
        reason: String,
    },
    /// A file name that is no plain path.
    #[error(
        "the origin has a file named {name:?}, which is refused ({reason}): leave it out by a pattern, or tell its owner"
    )]
    Name {
        /// The name.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// Two names that are one where upper and lower case are not told apart, or a file that is also a folder.
    #[error("{first:?} and {second:?} cannot lie in one folder on every system: leave one out by a pattern")]
    Collision {
        /// The one.
        first: String,
        /// The other.
        second: String,
    },
    /// The patterns leave nothing.
    #[error("no file of {from} is wanted by the patterns; it has {}", some(there))]
    Nothing {
        /// The origin.
        from: String,
        /// Files that it has.
        there: Vec<String>,
    },
    /// A pattern that cannot be read.
    #[error("the pattern {pattern:?} cannot be read: {source}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        source: globset::Error,
    },
    /// More than the limits allow.
    #[error("{from} has {actual} {unit}, more than the limit of {limit}: take less by patterns, or raise the limit")]
    TooMuch {
        /// The origin.
        from: String,
        /// `files` or `bytes`.
        unit: &'static str,
        /// The limit.
        limit: u64,
        /// What was found, or how far it was counted.
        actual: u64,
    },
    /// What the server says of a file is not what was listed. Nothing of it was kept.
    #[error("{file} is not what was listed: {what} {actual:?}, expected {expected:?}; run it again to list it anew")]
    Changed {
        /// The file.
        file: String,
        /// `length`, `commit` or `hash`.
        what: &'static str,
        /// What was listed.
        expected: String,
        /// What the server says.
        actual: String,
    },
    /// A file ended early or did not end. What came is kept where it ended early.
    #[error("{file} has {expected} bytes, {actual} came: run it again")]
    Length {
        /// The file.
        file: String,
        /// Bytes expected.
        expected: u64,
        /// Bytes received.
        actual: u64,
    },
    /// A file's bytes are not those that were published. They were deleted.
    #[error(
        "{file} is damaged: its {algorithm} is {actual}, expected {expected}; it was deleted, run it again or tell its owner"
    )]
    Hash {
        /// The file.
        file: String,
        /// `SHA-256` or `git blob SHA-1`.
        algorithm: &'static str,
        /// The published hash, hex.
        expected: String,
        /// The hash of what came, hex.
        actual: String,
    },
    /// Neither a hash nor a length would show that the file is whole.
    #[error("{url} cannot be checked ({reason}): give its SHA-256")]
    Unverifiable {
        /// The address.
        url: String,
        /// Why.
        reason: &'static str,
    },
    /// The staging folder holds other things.
    #[error("{} holds {found:?}, so it is no folder for downloads: name an empty or new one", folder.display())]
    Staging {
        /// The folder.
        folder: PathBuf,
        /// What should not be there.
        found: String,
    },
    /// Another fetch uses the staging folder.
    #[error("another download uses {}: wait for it, or name another folder", folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// The disk or the quota is full. What came is kept.
    #[error("the disk is full while writing {}: free some space and run it again, it goes on where it stopped", path.display())]
    NoSpace {
        /// The file.
        path: PathBuf,
    },
    /// A file operation failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, e.g. `read`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The task that wrote to the disk ended early.
    #[error("the task that wrote {file} ended early: run it again")]
    Worker {
        /// The file.
        file: String,
    },
}

impl OriginError {
    pub(super) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        use std::io::ErrorKind;
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::NoSpace { path: path.to_owned() },
            _ => Self::Io { action, path: path.to_owned(), source },
        }
    }

    /// Whether the same request may succeed a little later.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Connection { .. } | Self::Silent { .. } | Self::Slow { .. } | Self::Unavailable { .. } => true,
            Self::Length { expected, actual, .. } => actual < expected,
            _ => false,
        }
    }
}

/// An address as it may be shown: without query, fragment and user.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Both fail only for addresses that cannot have a user.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

fn wished(wait: &Option<Duration>) -> String {
    wait.map(|wait| format!(" and asks to wait {} s", wait.as_secs())).unwrap_or_default()
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(", {message:?}") }
}

fn some(names: &[String]) -> String {
    const SHOWN: usize = 8;
    match names.len() {
        0 => "none".to_owned(),
        n if n <= SHOWN => names.join(", "),
        n => format!("{} and {} more", names[..SHOWN].join(", "), n - SHOWN),
    }
}
