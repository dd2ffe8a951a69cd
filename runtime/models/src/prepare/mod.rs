//! From a model's name and a precision to what the page is told: which graph,
//! with which files.

mod build;
mod error;
mod facts;
mod files;
mod graph;
mod predict;
mod served;
mod text;
mod trial;
mod wanted;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pelago_protocol::{Family, Graph, GraphCid, GraphFacts, ModelCid, Observer, Role, Task};

pub use self::error::PrepareError;
pub use self::facts::{DecoderFacts, graph_facts};
use self::graph::ChosenGraphs;
pub use self::predict::Declared;
pub use self::served::{Counters, Served};
use self::text::Texts;
pub use self::trial::Trial;
pub use self::wanted::{Making, Purpose, Wanted};
use crate::library::{Described, Located, ModelError, Models};
use crate::network::{self, Arrival, Arrived, Network};
use pelago_content::retrieve::{Fetched, SourceReport};
use pelago_content::{Cid, Stamp, Store, StoreError};
use pelago_onnx::precision::Recipe;
use pelago_text::{Generator, HeadText, TextModel};

/// A page begins to load a model that still comes when the rest will take no longer than this. It
/// then waits for bytes, and a request to a page must not wait for hours.
const OVERLAP: Duration = Duration::from_secs(60);

/// A model, as far as a run has to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The name it is known by.
    pub name: String,
    /// CID of its folder.
    pub cid: ModelCid,
    /// What it does.
    pub family: Family,
    /// What is done with it where no task is named; `None` where nothing can be done yet.
    pub task: Option<Task>,
    /// What the checkpoint's head is for; `None` where it has none that is known.
    pub head: Option<Task>,
    /// Paths of all its files, relative to the folder.
    pub files: Vec<String>,
}

/// A model that is ready to be served to a page, as far as it is here.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Which model it is.
    pub source: Source,
    /// What it was asked for.
    pub wanted: Wanted,
    /// The graphs, and how they were made.
    chosen: ChosenGraphs,
    /// CID of the model's folder.
    root: Cid,
    /// MiB that the model by itself was predicted to need, where that was predicted.
    pub predicted_mb: Option<f64>,
    /// From the request for the model to its verified bytes being ready to be served.
    pub took: Duration,
    /// The fetch that still brings it, or that brought it just now.
    pub arrival: Option<Arc<Arrival>>,
    /// What each source gave, until it is recorded.
    transfers: Arc<Mutex<Vec<SourceReport>>>,
    /// Counts the bytes of the model that go to pages.
    pub served: Counters,
}

impl Prepared {
    /// The graph that is to run; the decoder where there are several.
    pub fn graph(&self) -> &Graph {
        &self.chosen.main.graph
    }

    /// What each graph is for, the graph, and where it came from: `checkpoint`, or the path of a published file.
    pub fn graphs(&self) -> impl Iterator<Item = (Role, &Graph, &str)> {
        self.chosen.all().map(|(role, chosen)| (role, &chosen.graph, chosen.origin.as_str()))
    }

    /// What is done with it; `None` where it is given tensors.
    pub fn task(&self) -> Option<Task> {
        self.wanted.purpose.task(self.source.task)
    }

    /// The recipe's JSON, where Pelago made the precision.
    pub fn recipe(&self) -> Option<String> {
        self.chosen.main.recipe.as_ref().map(Recipe::to_json)
    }

    /// The same graph, now that more is known of what it is for.
    pub fn of(self, wanted: Wanted, predicted_mb: Option<f64>) -> Self {
        Self { wanted, predicted_mb, ..self }
    }

    /// Waits for all of it, and says how it came, the first time after a fetch.
    pub async fn wait_complete(&self) -> Result<Option<Arrived>, PrepareError> {
        let Some(arrival) = &self.arrival else { return Ok(None) };
        let arrived = arrival.wait_complete().await?;
        let sources = arrived.iter().flat_map(|arrived| &arrived.fetched).flat_map(|fetched| &fetched.sources);
        self.transfers.lock().unwrap_or_else(PoisonError::into_inner).extend(sources.cloned());
        Ok(arrived)
    }

    /// What each source gave for the run that is to be recorded.
    pub fn take_transfers(&self) -> Vec<SourceReport> {
        std::mem::take(&mut self.transfers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Why not all of it came; `None` where it did, or still does.
    pub async fn failure(&self) -> Option<PrepareError> {
        Some(self.arrival.as_ref()?.failure().await?.into())
    }
}

/// Models as the page is told of them.
#[derive(Debug)]
pub struct Preparer {
    store: Store,
    network: Network,
    served: Served,
    known: Mutex<Known>,
    texts: Mutex<Texts<TextModel>>,
    generators: Mutex<Texts<Generator>>,
    heads: Mutex<Texts<HeadText>>,
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
    graphs: HashMap<Cid, BTreeSet<GraphCid>>,
    /// What each graph declares, by its CID.
    facts: HashMap<Cid, GraphFacts>,
    /// What making text with each graph needs to know, by its CID.
    decoders: HashMap<Cid, Option<DecoderFacts>>,
}

impl Preparer {
    /// Over the models of a store; `served` counts what goes to pages.
    #[must_use]
    pub fn new(store: Store, network: Network, served: Served) -> Self {
        Self {
            store,
            network,
            served,
            known: Mutex::default(),
            texts: Mutex::default(),
            generators: Mutex::default(),
            heads: Mutex::default(),
            converting: tokio::sync::Mutex::default(),
        }
    }

    /// Finds the model and the graph of the precision that is asked for.
    pub async fn prepare(
        &self,
        model: &str,
        wanted: &Wanted,
        observer: Option<&Observer>,
    ) -> Result<Prepared, PrepareError> {
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
                let chosen = self.choose(&described, wanted).await?;
                let arrival = self.network.ended(described.cid, fetched, start);
                (described, chosen, Some(Arc::new(arrival)))
            }
            Some(model) => {
                let chosen = self.choose(&model, wanted).await?;
                (model, chosen, None)
            }
            None => {
                let (model, chosen, arrival) = self.arriving(model, wanted, observer).await?;
                (model, chosen, Some(Arc::new(arrival)))
            }
        };
        // The first words of the paths under which the page asks for graphs.
        let graph_roots = chosen.all().map(|(_, one)| one.graph.url.split('/').nth(2).unwrap_or_default().to_owned());
        let roots = std::iter::once(model.cid.to_string()).chain(graph_roots).collect::<BTreeSet<_>>();
        let source = Source {
            name: model.name.clone(),
            cid: model.cid.to_string().into(),
            family: model.family,
            task: model.task,
            head: model.head,
            files: model.files.iter().map(|file| file.path.clone()).collect(),
        };
        let graph_cids = chosen.all().map(|(_, one)| one.graph.cid.clone()).collect::<Vec<_>>();
        let served = Counters(roots.iter().map(|root| self.served.of(root)).collect());
        let prepared = Prepared {
            source,
            wanted: wanted.clone(),
            chosen,
            root: model.cid,
            predicted_mb: None,
            took: start.elapsed(),
            arrival,
            transfers: Arc::default(),
            served,
        };
        self.lock().graphs.entry(model.cid).or_default().extend(graph_cids);
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

    /// The store that models are in.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// CID of the folder of a model that is here.
    ///
    /// # Errors
    /// [`PrepareError::Model`] where it is not known.
    pub async fn root(&self, model: &str) -> Result<Cid, PrepareError> {
        Ok(self.models().root(model).await?)
    }

    /// CIDs of the graphs of a model that were prepared in this session.
    pub fn graphs_of(&self, model: Cid) -> Vec<GraphCid> {
        self.lock().graphs.get(&model).into_iter().flatten().cloned().collect()
    }

    fn models(&self) -> &Models {
        self.network.models()
    }

    /// What a request's word for a model leads to. A folder is added first, and
    /// what is not here is fetched: nothing runs that is not content with a CID.
    pub async fn describe(
        &self,
        model: &str,
        observer: Option<&Observer>,
    ) -> Result<(Described, Option<Fetched>), PrepareError> {
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
    ) -> Result<(Described, Option<Fetched>), PrepareError> {
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
    async fn describe_here(&self, model: &str) -> Result<Option<Described>, PrepareError> {
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
    ) -> Result<(Described, ChosenGraphs, Arrival), PrepareError> {
        let root = self.network.find(model).await?;
        let arrival = self.network.begin(root, model, observer);
        let (described, chosen) = loop {
            match self.describe_and_choose(model, wanted).await {
                Ok(found) => break found,
                Err(error) if !may_lack(&error) => return Err(error),
                Err(error) => {
                    if !arrival.wait_for_more().await {
                        arrival.wait_complete().await?;
                        break self.describe_and_choose(model, wanted).await.map_err(|_| error)?;
                    }
                }
            }
        };
        arrival.wait_nearly(OVERLAP).await;
        Ok((described, chosen, arrival))
    }

    async fn describe_and_choose(
        &self,
        model: &str,
        wanted: &Wanted,
    ) -> Result<(Described, ChosenGraphs), PrepareError> {
        let described = self.models().describe(model).await?;
        let chosen = self.choose(&described, wanted).await?;
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
pub(crate) fn may_lack(error: &PrepareError) -> bool {
    match error {
        PrepareError::Model(error) => network::is_absent(error),
        PrepareError::Content(error) => matches!(error, StoreError::MissingBlock { .. }),
        // The builder reads files, and an error of theirs is all that it sees.
        PrepareError::Graph { .. } | PrepareError::Precision { .. } => true,
        _ => false,
    }
}
