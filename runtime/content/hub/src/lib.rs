//! Where models are published: repositories on a Hugging Face hub, and single
//! files on web servers. What they have is brought into a folder, checked
//! against the hashes under which it was published, and can then be added to
//! the store, which gives it a CID.
//!
//! A fetch names the commit before it lists files, so that what it brings is
//! one state of the repository. Files come straight from the hub's storage, a
//! few at a time, each gone on with where an earlier try stopped: after a break
//! of the line, a kill of the process, or a dropped future. The folder that the
//! caller gives belongs to the fetch and holds nothing else; see `staging`.
//!
//! Hosts at private addresses are refused, in redirects too, unless the
//! caller's options name them; which addresses are private, retrieval knows. The
//! token goes to the hub and nowhere else.
//!
//! This crate knows no models, no browsers and no store: it brings files into a
//! folder, whatever they are. It reads no environment variables.

mod address;
mod digest;
mod download;
mod error;
mod http;
mod hub;
mod options;
mod part;
mod progress;
mod select;
mod staging;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

pub use address::{Address, FileAddress, HubAddress};
pub use error::OriginError;
pub use options::{OriginOptions, Token};
pub use progress::FetchProgress;
pub use select::Selection;

use digest::Digest;
use download::{Downloads, Target};
use http::Http;
use part::blocking;
use progress::Meter;
use select::Limits;
use staging::Staging;

/// What was brought.
#[derive(Clone, Debug)]
pub struct Staged {
    /// The folder to add: it has these files and no others.
    pub folder: PathBuf,
    /// Where it is from, to be recorded: `hf://owner/name@<commit>[/sub]`, or the address without its query.
    pub source: String,
    /// The commit, for a repository.
    pub commit: Option<String>,
    /// The files, by path.
    pub files: Vec<StagedFile>,
    /// Bytes of all files.
    pub bytes: u64,
    /// Bytes that came over the network in this fetch; the others were there from earlier ones.
    pub network_bytes: u64,
}

/// A file that was brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagedFile {
    /// Its path in the folder.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// `sha256:<hex>` or `git:<hex>` (the SHA-1 of the git blob), of the bytes that are there.
    pub hash: String,
    /// Whether that hash was published, and so is proof. Where it was not, only the length was checked.
    pub published: bool,
}

/// Brings what is published elsewhere.
pub struct Origin {
    http: Http,
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Origin").field("options", self.http.options()).finish_non_exhaustive()
    }
}

impl Origin {
    /// Makes a client.
    ///
    /// # Errors
    ///
    /// `Client` where TLS cannot be set up.
    pub fn new(options: OriginOptions) -> Result<Self, OriginError> {
        Ok(Self { http: Http::new(options)? })
    }

    /// Brings the files of an address into `staging`, a folder of its own, which is made if need be. Given
    /// the same folder again, it goes on where it stopped. Dropping the future stops it within one write.
    ///
    /// The selection is for repositories; a single file is always wanted.
    ///
    /// # Errors
    ///
    /// `Blocked`, `Redirect`, `Connection`, `Silent`, `Slow`, `Unavailable`, `Denied`, `NotFound` and
    /// `Unexpected` for the server; `Name`, `Collision`, `Nothing`, `Pattern` and `TooMuch` for what it has;
    /// `Changed`, `Length`, `Hash` and `Unverifiable` for what came; `Staging`, `Busy`, `NoSpace` and `Io` for
    /// the folder; `Worker`.
    pub async fn fetch(
        &self,
        address: &Address,
        staging: &Path,
        selection: &Selection,
        progress: impl Fn(FetchProgress) + Send + Sync,
    ) -> Result<Staged, OriginError> {
        let folder = staging.to_owned();
        let staging = blocking("the staging folder", move || Staging::open(&folder)).await?;
        let (source, commit, targets) = match address {
            Address::Hub(hub) => self.hub_targets(hub, selection).await?,
            Address::File(file) => self.file_target(file)?,
        };
        let names: HashSet<String> = targets.iter().map(|t| t.name.clone()).collect();
        let keys: HashSet<String> = targets.iter().map(Target::key).collect();
        let swept = staging.clone();
        blocking("the staging folder", move || swept.keep(&names, &keys)).await?;

        let total = targets.iter().map(|t| t.size).sum();
        let meter = Meter::new(targets.len() as u64, total, &progress);
        let downloads = Downloads { http: &self.http, staging: &staging, meter: &meter };
        let parallel = self.http.options().parallel.max(1);
        // Boxed: a closure over `&Target` would keep the future from being sent to another thread.
        let each: Vec<BoxFuture<'_, _>> = targets.iter().map(|target| downloads.bring(target).boxed()).collect();
        let bringing = stream::iter(each).buffered(parallel).try_collect();
        let files: Vec<StagedFile> = tokio::select! {
            files = bringing => files?,
            never = meter.beat() => match never {},
        };
        Ok(Staged {
            folder: staging.files().to_owned(),
            source,
            commit,
            bytes: files.iter().map(|file| file.size).sum(),
            files,
            network_bytes: meter.network_bytes(),
        })
    }

    async fn hub_targets(
        &self,
        address: &HubAddress,
        selection: &Selection,
    ) -> Result<(String, Option<String>, Vec<Target>), OriginError> {
        let HubAddress { repository, sub, .. } = address;
        let commit = hub::resolve(&self.http, address).await?;
        let listed = hub::list(&self.http, repository, &commit).await?;
        let options = self.http.options();
        let limits = Limits { files: options.files_max, bytes: options.bytes_max };
        let mut source = format!("hf://{repository}@{commit}");
        let chosen = select::choose(&source, listed, sub, selection, limits)?;
        if !sub.is_empty() {
            source = format!("{source}/{sub}");
        }
        let targets = chosen.into_iter().map(|file| Target {
            url: hub::file(options, repository, &commit, &file.listed.path),
            name: file.name,
            size: Some(file.listed.size),
            digest: Some(file.listed.digest),
            listed: Some((file.listed, commit.clone())),
        });
        let targets = targets.collect();
        Ok((source, Some(commit), targets))
    }

    fn file_target(&self, file: &FileAddress) -> Result<(String, Option<String>, Vec<Target>), OriginError> {
        let source = error::shown(&file.url);
        if file.url.scheme() == "http" && file.sha256.is_none() && !self.http.is_named(&file.url) {
            return Err(OriginError::Unverifiable {
                url: source,
                reason: "without https anybody on the way can change it",
            });
        }
        let target = Target {
            name: file.name.clone(),
            url: file.url.clone(),
            size: None,
            digest: file.sha256.map(Digest::Sha256),
            listed: None,
        };
        Ok((source, None, vec![target]))
    }
}
