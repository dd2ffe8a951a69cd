//! From a model's name and a precision to what the page is told: which graph,
//! with which files.

mod files;
mod graph;
mod predict;
mod text;
mod trial;
mod wanted;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pelago_protocol::ModelSource;

use self::graph::Chosen;
pub(super) use self::predict::Declared;
use self::text::Texts;
pub(super) use self::trial::Trial;
pub(super) use self::wanted::{Making, Wanted};
use super::content::{Counters, Served};
use super::{Observer, SessionError};
use crate::content::retrieve::{Fetched, SourceReport};
use crate::content::{Cid, Stamp, Store, StoreError};
use crate::models::{Described, Located, ModelError, Models};
use crate::network::{self, Arrival, Arrived, Network};
use crate::onnx::precision::Recipe;

/// A page begins to load a model that still comes when the rest will take no longer than this. It
/// then waits for bytes, and a request to a page must not wait for hours.
const OVERLAP: Duration = Duration::from_secs(60);

/// A model that is ready to be served to a page, as far as it is here.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub(super) source: ModelSource,
    /// What it was asked for.
    pub(super) wanted: Wanted,
    /// The graph, and how it was made.
    chosen: Chosen,
    /// CID of the model's folder.
    root: Cid,
    /// MiB that the page's memory is to have with it, where that was predicted.
    pub(super) predicted_mb: Option<f64>,
    /// From the request for the model to its verified bytes being ready to be served.
    pub(super) took: Duration,
    /// The fetch that still brings it, or that brought it just now.
    pub(super) arrival: Option<Arc<Arrival>>,
    /// What each source gave, until it is recorded.
    given: Arc<Mutex<Vec<SourceReport>>>,
    /// Counts the bytes of the model that go to pages.
    pub(super) served: Counters,
}

impl Prepared {
    /// Where the graph came from: `checkpoint`, or the path of a published file.
    pub(super) fn graph(&self) -> String {
        self.chosen.origin.clone()
    }

    /// The recipe's JSON, where Pelago made the precision.
    pub(super) fn recipe(&self) -> Option<String> {
        self.chosen.recipe.as_ref().map(Recipe::to_json)
    }

    /// The same graph, now that more is known of what it is for.
    pub(super) fn of(self, wanted: Wanted, predicted_mb: Option<f64>) -> Self {
        Self { wanted, predicted_mb, ..self }
    }

    /// Waits for all of it, and says how it came, the first time after a fetch.
    pub(super) async fn whole(&self) -> Result<Option<Arrived>, SessionError> {
        let Some(arrival) = &self.arrival else { return Ok(None) };
        let arrived = arrival.whole().await?;
        let sources = arrived.iter().flat_map(|arrived| &arrived.fetched).flat_map(|fetched| &fetched.sources);
        self.given.lock().unwrap_or_else(PoisonError::into_inner).extend(sources.cloned());
        Ok(arrived)
    }

    /// What each source gave for the run that is to be recorded.
    pub(super) fn given(&self) -> Vec<SourceReport> {
        std::mem::take(&mut self.given.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Why not all of it came; `None` where it did, or still does.
    pub(super) async fn failure(&self) -> Option<SessionError> {
        Some(self.arrival.as_ref()?.failure().await?.into())
    }
}

/// Models as the page is told of them.
#[derive(Debug)]
pub(super) struct Sources {
    store: Store,
    network: Network,
    served: Served,
    known: Mutex<Known>,
    texts: Mutex<Texts>,
    /// Held while a precision is made.
    converting: tokio::sync::Mutex<()>,
}

/// What was prepared, by a request's word for the model and its precision, for
/// as long as the store's index stays as it was.
#[derive(Debug, Default)]
struct Known {
    stamp: Stamp,
    prepared: HashMap<(String, Wanted), Prepared>,
    /// CIDs of all graphs that were prepared for a model, which pages may still hold.
    graphs: HashMap<Cid, BTreeSet<String>>,
}

impl Sources {
    pub(super) fn new(store: Store, network: Network, served: Served) -> Self {
        Self {
            store,
            network,
            served,
            known: Mutex::default(),
            texts: Mutex::default(),
            converting: tokio::sync::Mutex::default(),
        }
    }

    /// Finds the model and the graph of the precision that is asked for.
    pub(super) async fn prepare(
        &self,
        model: &str,
        wanted: &Wanted,
        observer: Option<&Observer>,
    ) -> Result<Prepared, SessionError> {
        let start = Instant::now();
        let stamp = self.store.stamp();
        let key = (model.to_owned(), wanted.clone());
        // Where its name follows another, that is looked after while what is here is used.
        self.network.used(model).await;
        // An IPNS name that no model's name follows has to be asked for each time.
        let kept = if Network::is_ipns(model) { None } else { self.remembered(stamp, &key) };
        if let Some(prepared) = kept {
            return Ok(Prepared { took: start.elapsed(), ..prepared });
        }
        let here = if Network::is_ipns(model) { None } else { self.describe_here(model).await? };
        let (model, chosen, arrival) = match here {
            None if Network::is_ipns(model) => {
                let (described, fetched) = self.describe_followed(model, observer).await?;
                let chosen = self.graph(&described, wanted).await?;
                let arrival = self.network.ended(described.cid, fetched, start);
                (described, chosen, Some(Arc::new(arrival)))
            }
            Some(model) => {
                let chosen = self.graph(&model, wanted).await?;
                (model, chosen, None)
            }
            None => {
                let (model, chosen, arrival) = self.arriving(model, wanted, observer).await?;
                (model, chosen, Some(Arc::new(arrival)))
            }
        };
        // The first word of a path under which the page asks for the graph.
        let graph_root = chosen.graph.url.split('/').nth(2).unwrap_or_default().to_owned();
        let mut roots = vec![model.cid.to_string(), graph_root];
        roots.dedup();
        let source = ModelSource {
            name: model.name.clone(),
            cid: model.cid.to_string(),
            base_url: format!("/ipfs/{}/", model.cid),
            family: model.family,
            files: model.files.iter().map(|file| file.path.clone()).collect(),
            graph: chosen.graph.clone(),
        };
        let chosen_cid = chosen.graph.cid.clone();
        let served = Counters(roots.iter().map(|root| self.served.of(root)).collect());
        let prepared = Prepared {
            source,
            wanted: wanted.clone(),
            chosen,
            root: model.cid,
            predicted_mb: None,
            took: start.elapsed(),
            arrival,
            given: Arc::default(),
            served,
        };
        self.lock().graphs.entry(model.cid).or_default().insert(chosen_cid);
        if prepared.arrival.is_some() {
            return Ok(prepared);
        }
        // Under the stamp from before the look: what changed since then shows at the next one.
        let mut known = self.lock();
        if known.stamp == stamp {
            known.prepared.insert(key, prepared.clone());
        }
        drop(known);
        Ok(prepared)
    }

    /// CIDs of the graphs of a model that were prepared in this session.
    pub(super) fn graphs_of(&self, model: Cid) -> Vec<String> {
        self.lock().graphs.get(&model).into_iter().flatten().cloned().collect()
    }

    fn models(&self) -> &Models {
        self.network.models()
    }

    /// What a request's word for a model leads to. A folder is added first, and
    /// what is not here is fetched: nothing runs that is not content with a CID.
    pub(super) async fn describe(
        &self,
        model: &str,
        observer: Option<&Observer>,
    ) -> Result<(Described, Option<Fetched>), SessionError> {
        if Network::is_ipns(model) {
            return self.describe_followed(model, observer).await;
        }
        if let Some(described) = self.describe_here(model).await? {
            return Ok((described, None));
        }
        let got = self.network.get(model, None, observer).await?;
        Ok((self.models().describe(model).await?, got.fetched))
    }

    /// What an IPNS name leads to: the model whose name follows it, as it is here, or what is found now.
    async fn describe_followed(
        &self,
        ipns: &str,
        observer: Option<&Observer>,
    ) -> Result<(Described, Option<Fetched>), SessionError> {
        if let Some(name) = self.network.follower(ipns).await? {
            self.network.used(&name).await;
            // Its blocks may have gone while its name stayed.
            let got = self.network.get(&name, None, observer).await?;
            return Ok((self.models().describe(&name).await?, got.fetched));
        }
        let got = self.network.get(ipns, None, observer).await?;
        Ok((self.models().describe(&got.cid.to_string()).await?, got.fetched))
    }

    /// The same of what is on this machine; `None` for content that is elsewhere, or whose blocks went
    /// while its name stayed.
    async fn describe_here(&self, model: &str) -> Result<Option<Described>, SessionError> {
        let located = match self.models().locate(model).await {
            Err(ModelError::NotAdded { path }) => {
                let added = self.models().add(path, None, None, |_| {}).await?;
                Ok(Located { name: added.name, cid: added.added.root })
            }
            found => found,
        };
        let described = match located {
            Ok(located) => self.models().describe_located(located).await,
            Err(error) => Err(error),
        };
        match described {
            Err(error) if network::is_absent(&error) => Ok(None),
            described => Ok(Some(described?)),
        }
    }

    /// Begins to fetch a model. Returns when enough of it is here to tell the page what to load, and the rest
    /// is near.
    async fn arriving(
        &self,
        model: &str,
        wanted: &Wanted,
        observer: Option<&Observer>,
    ) -> Result<(Described, Chosen, Arrival), SessionError> {
        let root = self.network.find(model).await?;
        let arrival = self.network.begin(root, model, observer);
        let (described, chosen) = loop {
            match self.told(model, wanted).await {
                Ok(told) => break told,
                Err(error) if !may_lack(&error) => return Err(error),
                Err(error) => {
                    if !arrival.more().await {
                        arrival.whole().await?;
                        break self.told(model, wanted).await.map_err(|_| error)?;
                    }
                }
            }
        };
        arrival.nearly(OVERLAP).await;
        Ok((described, chosen, arrival))
    }

    async fn told(&self, model: &str, wanted: &Wanted) -> Result<(Described, Chosen), SessionError> {
        let described = self.models().describe(model).await?;
        let chosen = self.graph(&described, wanted).await?;
        Ok((described, chosen))
    }

    fn remembered(&self, stamp: Stamp, key: &(String, Wanted)) -> Option<Prepared> {
        let mut known = self.lock();
        if known.stamp != stamp {
            known.stamp = stamp;
            known.prepared.clear();
        }
        known.prepared.get(key).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        // An entry is put in whole, so a panic elsewhere leaves none half done.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an error may only say that a block has not come yet.
pub(super) fn may_lack(error: &SessionError) -> bool {
    match error {
        SessionError::Model(error) => network::is_absent(error),
        SessionError::Content(error) => matches!(error, StoreError::MissingBlock { .. }),
        // The builder reads files, and an error of theirs is all that it sees.
        SessionError::Graph { .. } | SessionError::Precision { .. } => true,
        _ => false,
    }
}
