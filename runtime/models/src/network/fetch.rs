//! A model by CID from the sources, block by block verified, into the store.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use pelago_content::Cid;

use super::lead::together;
use super::{Network, NetworkError};
use crate::library::{ModelError, Resolved};
use pelago_content::retrieve::{self, Fetched, Options, Progress, Request, Scope, Sources};
use pelago_content::{Blocks, MemoryBlocks, StoreError, Walk, WalkOptions};
use pelago_protocol::{Observer, Step};

/// The longest wait for another process that fetches the same root: what it has fetched need not be
/// fetched twice.
const SHARED: Duration = Duration::from_secs(600);

/// A model that is here now.
#[derive(Debug)]
pub struct Got {
    /// CID of its folder.
    pub cid: Cid,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// Bytes.
    pub size: u64,
    /// Files.
    pub files: u64,
    /// How it came; `None` where it was here already.
    pub fetched: Option<Fetched>,
}

impl Network {
    /// Sees that a model is here: `bafy…`, `ipfs://bafy…/sub`, `ipns://k51…`, or the name of one whose content
    /// has gone.
    /// With `name` it is known by that name from now on, which follows an IPNS name. Dropping the future stops all transfers; what was
    /// verified stays, and the next call goes on from there.
    ///
    /// # Errors
    ///
    /// `IpnsName`, `Resolve`, `Older` for an IPNS name; `Fetch` where nobody gives it; `Path` where the path leads nowhere; `Folder`; `Model`; `Store`.
    pub async fn get(&self, model: &str, name: Option<&str>, observer: Option<&Observer>) -> Result<Got, NetworkError> {
        if Self::is_ipns(model) {
            return self.get_followed(model, name, observer).await;
        }
        let Place { root, path, known, cid } = self.place(model).await?;
        let fetched = self.ensure(cid, model, observer).await?;
        if let Some(name) = name {
            let from = if path.is_empty() { format!("ipfs://{root}") } else { format!("ipfs://{root}/{path}") };
            self.models.put_name(name, cid, &from).await?;
        }
        self.got(cid, name.map(str::to_owned).or(known), fetched).await
    }

    /// CID of what a word for a model leads to, whether it is here or not.
    ///
    /// # Errors
    ///
    /// As [`Network::get`].
    pub(crate) async fn find(&self, model: &str) -> Result<Cid, NetworkError> {
        Ok(self.place(model).await?.cid)
    }

    async fn place(&self, model: &str) -> Result<Place, NetworkError> {
        let (root, path, known) = match self.models.resolve(model).await? {
            Resolved::Named(model) => (model.cid, String::new(), Some(model.name)),
            Resolved::Content { cid, path } => (cid, path, None),
            Resolved::Folder(path) => return Err(NetworkError::Folder { path }),
        };
        let cid = self.follow(root, &path).await?;
        Ok(Place { root, path, known, cid })
    }

    /// What a path under a root leads to, with just the blocks that prove it.
    pub(super) async fn follow(&self, root: Cid, path: &str) -> Result<Cid, NetworkError> {
        if path.is_empty() {
            return Ok(root);
        }
        match self.models.store().stat(root, path).await {
            Ok(entry) => return Ok(entry.cid),
            Err(StoreError::MissingBlock { .. } | StoreError::UnknownRoot { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let way: Arc<dyn Blocks> = Arc::new(MemoryBlocks::default());
        let request = Request { scope: Scope::Block, ..Request::at(root, path) };
        let options = Options { bandwidth: self.download.clone(), ..Options::default() };
        retrieve::fetch(request, Arc::clone(&way), self.asked(root), options).await?;
        let only = WalkOptions { scope: pelago_content::Scope::Block, dups: false };
        let walk = Walk::open(way, root, path, only).await?;
        let missing = || NetworkError::Path { root: Box::new(root), path: path.to_owned() };
        walk.roots().last().copied().ok_or_else(missing)
    }

    /// Fetches what of a root is missing. `None` where the store keeps it whole.
    pub(crate) async fn ensure(
        &self,
        cid: Cid,
        label: &str,
        observer: Option<&Observer>,
    ) -> Result<Option<Fetched>, NetworkError> {
        self.ensure_telling(cid, label, observer, None).await
    }

    /// The same; `rest` hears some ten times a second how long the rest will take.
    pub(super) async fn ensure_telling(
        &self,
        cid: Cid,
        label: &str,
        observer: Option<&Observer>,
        rest: Option<Rest>,
    ) -> Result<Option<Fetched>, NetworkError> {
        let store = self.models.store();
        match store.stat_dag(cid).await {
            Ok(_) => return Ok(None),
            Err(StoreError::UnknownRoot { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let ingest = store.ingest_within(cid, SHARED).await?;
        let (observer, label, is_awaited) = (observer.cloned(), label.to_owned(), rest.is_some());
        let progress = move |progress: Progress| {
            if let Some(observer) = &observer {
                observer(step(&label, &progress));
            }
            if let Some(rest) = &rest {
                rest(progress.eta);
            }
        };
        let options =
            Options { bandwidth: self.download.clone(), progress: Some(Arc::new(progress)), ..Options::default() };
        // Only who reads meanwhile is served by an order other than the DAG's.
        let lead = if is_awaited { self.lead(cid, &ingest, &options).await } else { Vec::new() };
        let fetched = retrieve::fetch(Request::all(cid), Arc::new(ingest.clone()), self.asked(cid), options).await?;
        ingest.finish().await?;
        Ok(Some(together(lead, fetched)))
    }

    /// The sources that the user named, those that the named routers find while the fetch runs, and those that
    /// announce themselves on the local network.
    pub(super) fn asked(&self, root: Cid) -> Sources {
        let mut found: Vec<BoxStream<'static, _>> = Vec::new();
        for router in &self.routers {
            let providers = router.providers(root).filter_map(|found| async move {
                found.inspect_err(|error| tracing::warn!(%error, "a router gave no answer")).ok()
            });
            found.push(providers.boxed());
        }
        found.extend(self.announced());
        let found = (!found.is_empty()).then(|| stream::select_all(found).boxed());
        Sources { known: self.sources.clone(), found }
    }
}

/// Hears how long the rest of a fetch will take, where that can be told.
pub(super) type Rest = Arc<dyn Fn(Option<Duration>) + Send + Sync>;

/// What a word for a model leads to.
struct Place {
    root: Cid,
    path: String,
    /// The name that the word is.
    known: Option<String>,
    /// What is at the path.
    cid: Cid,
}

fn step(label: &str, progress: &Progress) -> Step {
    Step::Fetching {
        model: label.to_owned(),
        loaded: progress.done,
        total: progress.total,
        sources: progress.sources.iter().filter(|source| source.in_flight > 0 || source.bytes > 0).count(),
    }
}

/// Whether what a user named is content that this machine lacks, and sources may have.
pub(crate) fn is_absent(error: &ModelError) -> bool {
    matches!(error, ModelError::Store(StoreError::MissingBlock { .. } | StoreError::UnknownRoot { .. }))
}
