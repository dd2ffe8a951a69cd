//! Text that is made a token at a time: beside transformers.js on the same weights, turn by turn; how it slows down as the
//! context grows; a real model beside native onnxruntime; what streaming costs, and how soon a request ends that is told to.

mod beside;
mod decoder;
mod ending;
mod exported;
mod native;
mod real;
mod streaming;
mod toy;

use pelago_session::Session;

use crate::Failure;
use crate::models::Models;
use crate::verdict::Verdict;

pub(crate) async fn run(models: &Models) -> Result<Vec<Verdict>, Failure> {
    let network = Session::open_network(&models.options()).await?;
    let store = network.models().store();
    let toy = toy::decoder(store).await?;
    let mut verdicts = beside::run(models, &toy).await?;
    verdicts.extend(streaming::run(models, &toy).await?);
    verdicts.extend(ending::run(models, &toy).await?);
    Ok(verdicts)
}

/// The same of a real model, as far as it can be had on wasm.
pub(crate) async fn smollm2(models: &Models) -> Result<Vec<Verdict>, Failure> {
    let network = Session::open_network(&models.options()).await?;
    real::run(models, network.models().store()).await
}
