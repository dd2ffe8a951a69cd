//! From a decoder's last states to logits and the next token.

use crate::graph::{
    Error,
    builder::{Attribute, Builder, Length, Value},
    onnx::DataType,
};

use super::{Logits, tokens::Tokens};

/// What a decoder's states are multiplied with.
pub(in crate::graph) struct Head<'a> {
    /// The weight's module: the table of embeddings where the two are tied.
    pub(in crate::graph) module: &'a str,
    pub(in crate::graph) hidden: usize,
    pub(in crate::graph) vocabulary: usize,
    /// What is added to every row of logits, `[1, vocabulary]`.
    pub(in crate::graph) bias: Option<&'a str>,
    /// Bounds logits softly, as Gemma 2 has it.
    pub(in crate::graph) softcap: Option<f32>,
}

impl Head<'_> {
    /// Adds the outputs `logits` and `next`, and what the next run is given.
    pub(in crate::graph) fn add_to(
        &self,
        graph: &mut Builder,
        tokens: &Tokens,
        which: Logits,
        states: &Value,
    ) -> Result<(), Error> {
        let scope = "logits";
        let mut logits = match which {
            Logits::Last => {
                let last = tokens.last_of(graph, states, self.hidden);
                self.rows(graph, scope, &last)?
            }
            Logits::All => self.all(graph, scope, states)?,
        };
        if let Some(softcap) = self.softcap {
            let softcap = graph.float(softcap);
            let small = graph.node(&format!("{scope}/softcap"), "Div", &[&logits, &softcap], &[]);
            let bounded = graph.node(&format!("{scope}/softcap"), "Tanh", &[&small], &[]);
            logits = graph.node(&format!("{scope}/softcap"), "Mul", &[&bounded, &softcap], &[]);
        }
        let (batch, vocabulary) = (Length::Symbol("batch"), Length::Fixed(self.vocabulary));
        let (kept, shape, tokens_of) = match which {
            Logits::Last => (1, vec![batch, vocabulary], Length::Fixed(1)),
            Logits::All => (0, vec![batch, Length::Symbol("sequence"), vocabulary], Length::Symbol("sequence")),
        };
        let axes = [("axis", Attribute::Int(-1)), ("keepdims", Attribute::Int(kept))];
        let next = graph.node(scope, "ArgMax", &[&logits], &axes);
        let next = graph.cast(&format!("{scope}/next"), &next, DataType::Int32);
        graph.output_of("logits", logits, DataType::Float, &shape);
        graph.output_of("next", next, DataType::Int32, &[batch, tokens_of]);
        tokens.add_next(graph);
        Ok(())
    }

    /// Of one state a row, `[batch, vocabulary]`. `Gemm` takes the weight as the checkpoint has it: a transposed copy of a
    /// table of embeddings would be as large as the table.
    fn rows(&self, graph: &mut Builder, scope: &str, last: &Value) -> Result<Value, Error> {
        let weight = graph.weight(&format!("{}.weight", self.module), &[self.vocabulary, self.hidden])?;
        let shape = graph.int64s(&[-1, self.hidden as i64]);
        let rows = graph.node(&format!("{scope}/rows"), "Reshape", &[last, &shape], &[]);
        let logits = graph.node(scope, "Gemm", &[&rows, &weight], &[("transB", Attribute::Int(1))]);
        self.biased(graph, scope, logits)
    }

    fn all(&self, graph: &mut Builder, scope: &str, states: &Value) -> Result<Value, Error> {
        let weight = graph.weight(&format!("{}.weight", self.module), &[self.vocabulary, self.hidden])?;
        let turned = graph.transposed(self.module, &weight);
        let logits = graph.node(scope, "MatMul", &[states, &turned], &[]);
        self.biased(graph, scope, logits)
    }

    fn biased(&self, graph: &mut Builder, scope: &str, logits: Value) -> Result<Value, Error> {
        let Some(bias) = self.bias else { return Ok(logits) };
        let bias = graph.weight(bias, &[1, self.vocabulary])?;
        Ok(graph.node(&format!("{scope}/bias"), "Add", &[&logits, &bias], &[]))
    }
}
