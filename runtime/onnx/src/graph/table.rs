//! A table of embeddings without a transformer, as static embedding models are: each token has one vector, whatever
//! stands beside it.

use super::{
    BuildOptions, BuiltGraph, Checkpoint, Error, Files,
    builder::{Attribute, Builder},
    folder,
};

/// The names that the table has in sentence-transformers and in Model2Vec.
const NAMES: [&str; 2] = ["embedding.weight", "embeddings"];

/// Builds the graph of a table in a folder of the model: `input_ids` `[batch, sequence]` to `last_hidden_state`,
/// float32 `[batch, sequence, hidden]`. There is no `attention_mask`: what is pooled is the caller's matter.
///
/// # Errors
/// As [`build`](super::build), but for the config, which such a model does not need.
pub fn build_table_in(files: &dyn Files, folder: &str, options: &BuildOptions) -> Result<BuiltGraph, Error> {
    let files = folder::Folded::new(files, folder)?;
    let checkpoint = Checkpoint::read_in(&files)?;
    let found = NAMES.iter().find(|name| checkpoint.contains(name));
    let name = *found.ok_or_else(|| Error::MissingTensor { tensor: NAMES[0].to_owned(), expected: Vec::new() })?;
    let shape = checkpoint.shape(name).unwrap_or_default().to_vec();
    let [rows, hidden] = shape[..] else {
        return Err(Error::Shape { tensor: name.to_owned(), expected: vec![0, 0], actual: shape });
    };
    let mut graph = Builder::new(&checkpoint, options);
    let ids = graph.index_input("input_ids");
    let table = graph.weight(name, &[rows, hidden])?;
    let state = graph.node("embedding", "Gather", &[&table, &ids], &[("axis", Attribute::Int(0))]);
    Ok(graph.finish("last_hidden_state", state, hidden, "static_embedding"))
}
