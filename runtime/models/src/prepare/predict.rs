//! What is told of a model before it runs: the inputs that its graph declares,
//! and the memory that it will need in several precisions.

use serde_json::Value;

use super::graph::Chosen;
use super::{PrepareError, Prepared, Preparer, Wanted};
use pelago_content::StoreError;
use pelago_onnx::Error as OnnxError;
use pelago_onnx::files::Files;
use pelago_onnx::precision::{Memory, Recipe, Shapes, predict_precisions};
use pelago_onnx::read::{self, Input};

/// `config.json` is read up to this size.
const CONFIG_MAX: u64 = 1 << 20;

/// A graph, and the model's own settings beside it.
#[derive(Debug)]
pub struct Declared {
    /// What the graph takes.
    pub inputs: Vec<Input>,
    /// `config.json`; null where there is none.
    pub config: Value,
}

impl Preparer {
    /// What the graph of a prepared model is to be given.
    pub async fn declared(&self, prepared: &Prepared) -> Result<Declared, PrepareError> {
        let inputs = self.read(prepared, |files, path| read::inputs(files, path)).await?;
        Ok(Declared { inputs, config: self.config(prepared).await? })
    }

    /// What its fp32 graph would need in each of several precisions.
    pub async fn predict(
        &self,
        fp32: &Prepared,
        shapes: Shapes,
        wanted: &[Wanted],
        widens_half: bool,
    ) -> Result<Vec<(Recipe, Memory)>, PrepareError> {
        let recipes =
            wanted.iter().map(|wanted| wanted.recipe().unwrap_or_else(|| Recipe::new(32))).collect::<Vec<_>>();
        let asked = recipes.clone();
        let config = self.config(fp32).await?;
        let memory = self
            .read(fp32, move |files, path| predict_precisions(files, path, &config, &shapes, &recipes, widens_half))
            .await?;
        Ok(asked.into_iter().zip(memory).collect())
    }

    /// Reads a graph where blocking is allowed.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        prepared: &Prepared,
        what: impl FnOnce(&dyn Files, &str) -> Result<T, OnnxError> + Send + 'static,
    ) -> Result<T, PrepareError> {
        self.read_graph(prepared, &prepared.chosen.main, what).await
    }

    /// Reads one of a model's graphs where blocking is allowed.
    pub(super) async fn read_graph<T: Send + 'static>(
        &self,
        prepared: &Prepared,
        chosen: &Chosen,
        what: impl FnOnce(&dyn Files, &str) -> Result<T, OnnxError> + Send + 'static,
    ) -> Result<T, PrepareError> {
        let (files, path) = self.files_of(prepared.root, chosen).await?;
        let read = tokio::task::spawn_blocking(move || what(&files, &path)).await;
        let read = read.map_err(|error| PrepareError::Task { what: "reading a graph", source: error })?;
        read.map_err(|source| PrepareError::Precision { model: prepared.source.name.clone(), source })
    }

    pub(super) async fn config(&self, prepared: &Prepared) -> Result<Value, PrepareError> {
        match self.store.read_all(prepared.root, "config.json", CONFIG_MAX).await {
            // That it is JSON was checked when the model was added.
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
            Err(StoreError::NoEntry { .. }) => Ok(Value::Null),
            Err(error) => Err(error.into()),
        }
    }
}
