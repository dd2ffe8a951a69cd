//! ERNIE 2 and 3 (Sun et al. 2019, 2021): BERT that may also learn a row a task.
//! Of the tasks the first is taken, which is what transformers takes where no
//! task is named.

use crate::graph::{
    Config, Error,
    builder::{Builder, Value},
    encoder,
    onnx::DataType,
};

use super::{
    Architecture,
    bert::{self, Positions},
};

pub(super) struct Ernie;

const TASKS: &str = "embeddings.task_type_embeddings";

impl Architecture for Ernie {
    fn model_types(&self) -> &'static [&'static str] {
        &["ernie"]
    }

    fn prefixes(&self) -> (&'static [&'static str], &'static str) {
        (&["", "ernie."], "embeddings.word_embeddings.weight")
    }

    fn add_to(&self, graph: &mut Builder<'_>, config: &Config) -> Result<(Value, usize), Error> {
        let sizes = bert::sizes(config)?;
        let kind = Positions::read(config)?;
        let inputs = bert::Inputs::new(graph, config)?;
        let positions = encoder::range(graph, "embeddings.position_ids", &inputs.input_ids);
        let rows = graph.cast("embeddings.position_ids/int32", &positions, DataType::Int32);
        let mut sum = bert::rows(graph, config, sizes.hidden, &inputs, kind.absolute(&rows))?;
        if config.flag("use_task_id", false)? {
            let tasks = config.length("task_type_vocab_size", Some(3))?;
            if tasks == 0 {
                return Err(config.wrong("task_type_vocab_size", "a positive integer, for use_task_id is true"));
            }
            let task = graph.weight_rows(&format!("{TASKS}.weight"), &[tasks, sizes.hidden], 0..1)?;
            sum = graph.node("embeddings/task", "Add", &[&sum, &task], &[]);
        }
        let state = encoder::layer_norm(graph, bert::EMBEDDINGS_NORM, &sum, sizes.hidden, sizes.epsilon)?;
        Ok((bert::encode(graph, config, &sizes, &inputs, kind, state, &positions)?, sizes.hidden))
    }
}
