//! From a model's name and a precision to what the page is told: which graph,
//! with which files. A graph that Pelago builds is itself content, made once.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cid::Cid;
use futures::TryStreamExt;
use pelago_protocol::{DType, ExternalData, Graph, ModelSource, Precision};

use super::content::{Counters, Served};
use super::{Observer, SessionError};
use crate::content::retrieve::Fetched;
use crate::content::{Stamp, Store, StoreError};
use crate::graph::{self, BuildOptions, Files};
use crate::models::{Described, Located, ModelError, Models, Recipe};
use crate::network::{self, Network};

/// How a graph is built. A change to the builder that changes its graphs gets a
/// new version, so that old ones are not taken for new.
const RECIPE: Recipe<'static> = Recipe { name: "onnx-graph/fp32", version: "1" };

/// A model that is ready to be served to a page.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub(super) source: ModelSource,
    /// From the request for the model to its verified bytes being ready to be served.
    pub(super) took: Duration,
    /// How the model came over the network, where it did just now.
    pub(super) fetched: Option<Arc<Fetched>>,
    /// Counts the bytes of the model that go to pages.
    pub(super) served: Counters,
}

/// Models as the page is told of them.
#[derive(Debug)]
pub(super) struct Sources {
    store: Store,
    network: Network,
    served: Served,
    known: Mutex<Known>,
}

/// What was prepared, by a request's word for the model and its precision, for
/// as long as the store's index stays as it was.
#[derive(Debug, Default)]
struct Known {
    stamp: Stamp,
    prepared: HashMap<(String, Precision), Prepared>,
}

impl Sources {
    pub(super) fn new(store: Store, network: Network, served: Served) -> Self {
        Self { store, network, served, known: Mutex::default() }
    }

    /// Finds the model and the graph of the precision that is asked for.
    pub(super) async fn prepare(
        &self,
        model: &str,
        precision: Precision,
        observer: Option<&Observer>,
    ) -> Result<Prepared, SessionError> {
        let start = Instant::now();
        let stamp = self.store.stamp();
        let key = (model.to_owned(), precision);
        // Where its name follows another, that is looked after while what is here is used.
        self.network.used(model).await;
        // An IPNS name that no model's name follows has to be asked for each time.
        let kept = if Network::is_ipns(model) { None } else { self.remembered(stamp, &key) };
        if let Some(prepared) = kept {
            return Ok(Prepared { took: start.elapsed(), ..prepared });
        }
        let (model, fetched) = self.describe(model, observer).await?;
        let graph = self.graph(&model, precision).await?;
        let roots = [model.cid.to_string(), graph.cid.clone()];
        let source = ModelSource {
            name: model.name.clone(),
            cid: model.cid.to_string(),
            base_url: format!("/ipfs/{}/", model.cid),
            family: model.family,
            files: model.files.iter().map(|file| file.path.clone()).collect(),
            graph,
        };
        let served = Counters(roots.iter().map(|root| self.served.of(root)).collect());
        let prepared = Prepared { source, took: start.elapsed(), fetched: fetched.map(Arc::new), served };
        // Under the stamp from before the look: what changed since then shows at the next one.
        let mut known = self.lock();
        if known.stamp == stamp {
            known.prepared.insert(key, Prepared { fetched: None, ..prepared.clone() });
        }
        drop(known);
        Ok(prepared)
    }

    fn models(&self) -> &Models {
        self.network.models()
    }

    /// What a request's word for a model leads to. A folder is added first, and
    /// what is not here is fetched: nothing runs that is not content with a CID.
    async fn describe(
        &self,
        model: &str,
        observer: Option<&Observer>,
    ) -> Result<(Described, Option<Fetched>), SessionError> {
        if Network::is_ipns(model) {
            return self.describe_followed(model, observer).await;
        }
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
            // Content that is elsewhere, or whose blocks went while its name stayed.
            Err(error) if network::is_absent(&error) => {
                let got = self.network.get(model, None, observer).await?;
                Ok((self.models().describe(model).await?, got.fetched))
            }
            described => Ok((described?, None)),
        }
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

    fn remembered(&self, stamp: Stamp, key: &(String, Precision)) -> Option<Prepared> {
        let mut known = self.lock();
        if known.stamp != stamp {
            *known = Known { stamp, prepared: HashMap::new() };
        }
        known.prepared.get(key).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        // An entry is put in whole, so a panic elsewhere leaves none half done.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A graph that Pelago builds where it can, since all of it runs on a GPU;
    /// else one that the model's folder publishes.
    async fn graph(&self, model: &Described, precision: Precision) -> Result<Graph, SessionError> {
        let expected = variants(precision);
        let published = expected.iter().find(|path| model.file(path).is_some());
        if precision == Precision::Bits32 && model.file("config.json").is_some() {
            match self.built(model).await {
                Ok(graph) => return Ok(graph),
                // The folder's own graph serves where no builder does, or where it has no checkpoint.
                Err(SessionError::Graph { .. }) if published.is_some() => {}
                Err(error) => return Err(error),
            }
        }
        match published {
            Some(path) => Ok(publish(model, path)),
            None => Err(SessionError::NoVariant {
                model: model.name.clone(),
                precision,
                expected: expected.iter().map(|path| (*path).to_owned()).collect(),
                found: model
                    .files
                    .iter()
                    .map(|file| file.path.clone())
                    .filter(|path| path.ends_with(".onnx"))
                    .collect(),
            }),
        }
    }

    async fn built(&self, model: &Described) -> Result<Graph, SessionError> {
        let known = self.models().derived(model.cid, RECIPE).await?;
        let (cid, size) = match known {
            Some(cid) => (cid, self.store.stat(cid, "").await?.size),
            None => {
                let built = self.build(model).await?;
                let size = built.len() as u64;
                let cid = self.store.add_bytes(built).await?.root;
                self.models().put_derived(model.cid, RECIPE, cid).await?;
                (cid, size)
            }
        };
        let weights = model.files.iter().filter(|file| file.path.ends_with(".safetensors"));
        Ok(Graph {
            url: format!("/ipfs/{cid}"),
            cid: cid.to_string(),
            size,
            external_data: weights.map(|file| external(model, &file.path, file.size)).collect(),
            index_type: Some(DType::Int32),
        })
    }

    async fn build(&self, model: &Described) -> Result<Vec<u8>, SessionError> {
        let files =
            StoredFiles { store: self.store.clone(), root: model.cid, runtime: tokio::runtime::Handle::current() };
        let options = BuildOptions { parent: Some(model.cid.to_string()), ..BuildOptions::default() };
        let built = tokio::task::spawn_blocking(move || graph::build(&files, &options)).await;
        let built = built.map_err(|error| SessionError::Task { what: "building a graph", source: error })?;
        built.map(|built| built.onnx).map_err(|source| SessionError::Graph { model: model.name.clone(), source })
    }
}

/// The names under which exporters publish a precision, the usual one first.
fn variants(precision: Precision) -> &'static [&'static str] {
    match precision {
        Precision::Bits32 => &["onnx/model.onnx", "model.onnx"],
        Precision::Bits16 => &["onnx/model_fp16.onnx"],
        Precision::Bits8 => &["onnx/model_int8.onnx", "onnx/model_quantized.onnx", "onnx/model_uint8.onnx"],
        Precision::Bits4 => &["onnx/model_q4.onnx", "onnx/model_q4f16.onnx"],
    }
}

/// A graph of the model's own folder. Exporters name external data after the
/// graph, with `_data` at the end, beside it.
fn publish(model: &Described, path: &str) -> Graph {
    let (size, cid) = model.file(path).map_or((0, String::new()), |file| (file.size, file.cid.to_string()));
    let folder = path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let beside = model.files.iter().filter(|file| file.path.starts_with(&format!("{path}_data")));
    let external_data = beside.map(|file| ExternalData {
        location: file.path.strip_prefix(&folder).unwrap_or(&file.path).to_owned(),
        ..external(model, &file.path, file.size)
    });
    Graph {
        url: format!("/ipfs/{}/{path}", model.cid),
        cid,
        size,
        external_data: external_data.collect(),
        index_type: None,
    }
}

fn external(model: &Described, path: &str, size: u64) -> ExternalData {
    ExternalData { location: path.to_owned(), url: format!("/ipfs/{}/{path}", model.cid), size }
}

/// A model's files in the store, for the graph builder, which reads a few
/// headers and is not asynchronous.
struct StoredFiles {
    store: Store,
    root: Cid,
    runtime: tokio::runtime::Handle,
}

impl Files for StoredFiles {
    fn size(&self, file: &str) -> io::Result<u64> {
        self.runtime.block_on(self.store.stat(self.root, file)).map(|entry| entry.size).map_err(into_io)
    }

    fn read(&self, file: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let path = format!("{}/{file}", self.root);
        let range = offset..offset.saturating_add(length as u64);
        let read = async { self.store.read(&path, range).await?.map_ok(|piece| piece.to_vec()).try_concat().await };
        self.runtime.block_on(read).map_err(into_io)
    }
}

fn into_io(error: StoreError) -> io::Error {
    let kind = match error {
        StoreError::NoEntry { .. } => io::ErrorKind::NotFound,
        StoreError::Range { .. } => io::ErrorKind::UnexpectedEof,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
