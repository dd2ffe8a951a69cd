//! Graphs of encoders with a head: what a checkpoint's `architectures` names, such as
//! `BertForSequenceClassification`.
//!
//! Inputs are those of the encoder ([`BuiltGraph`]). Outputs, all float32:
//!
//! | head | outputs |
//! | --- | --- |
//! | [`Head::SequenceClassification`] | `logits` `[batch, labels]` |
//! | [`Head::TokenClassification`] | `logits` `[batch, sequence, labels]` |
//! | [`Head::MaskedLanguage`] | `logits` `[batch, sequence, vocabulary]` |
//! | [`Head::QuestionAnswering`] | `start_logits`, `end_logits` `[batch, sequence]` |

mod layouts;

use layouts::{Family, Masked, Pooled};

use crate::graph::{
    BuildOptions, BuiltGraph, Checkpoint, Config, Error, Files,
    activation::Activation,
    builder::{Attribute, Builder, Length, Value},
    encoder,
    folder::Folded,
    onnx::DataType,
    supported,
};

/// What is computed of an encoder's states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// Labels of a text, or of a pair of texts.
    SequenceClassification,
    /// Labels of each token.
    TokenClassification,
    /// The token at each place.
    MaskedLanguage,
    /// Where an answer begins and ends.
    QuestionAnswering,
}

impl Head {
    const ALL: [(Self, &'static str); 4] = [
        (Self::SequenceClassification, "ForSequenceClassification"),
        (Self::TokenClassification, "ForTokenClassification"),
        (Self::MaskedLanguage, "ForMaskedLM"),
        (Self::QuestionAnswering, "ForQuestionAnswering"),
    ];

    /// The head that a config's `architectures` names; none where it names none of these.
    #[must_use]
    pub fn of(config: &Config) -> Option<Self> {
        let name = config.get("architectures")?.as_array()?.first()?.as_str()?;
        Self::ALL.iter().find(|(_, suffix)| name.ends_with(suffix)).map(|(head, _)| *head)
    }
}

impl Head {
    /// Whether a checkpoint of this config has a builder with this head.
    #[must_use]
    pub fn has_builder(self, config: &Config) -> bool {
        Family::of(config).is_some()
    }
}

/// An encoder's graph with its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadGraph {
    /// The graph, in the role `model`.
    pub model: BuiltGraph,
    /// What it computes.
    pub head: Head,
    /// The length of the last axis of `logits`: labels, or tokens. 2 for [`Head::QuestionAnswering`].
    pub labels: usize,
}

/// Builds the graph of a checkpoint with the head that its config names, in a folder of the model; its own folder where
/// that is empty.
///
/// # Errors
/// As [`build`](super::build); [`Error::Setting`] of `architectures` where they name no head that has a builder.
pub fn build_head_in(files: &dyn Files, folder: &str, options: &BuildOptions) -> Result<HeadGraph, Error> {
    let files = Folded::new(files, folder)?;
    let config = Config::read_in(&files)?;
    let names = Head::ALL.map(|(_, suffix)| suffix).join(", ");
    let head = Head::of(&config).ok_or_else(|| config.wrong("architectures", format_args!("one of …{names}")))?;
    let family = Family::of(&config);
    let (Some(family), Some(architecture)) = (family, supported(&config)) else {
        let (model_type, supported) = (config.model_type().to_owned(), Family::model_types());
        return Err(Error::UnsupportedArchitecture { model_type, supported });
    };
    config.refuse_quantised()?;
    config.refuse_own_code()?;
    let whole = Checkpoint::read_in(&files)?;
    let (prefixes, probe) = architecture.prefixes();
    let encoder = whole.clone().with_prefix(prefixes, probe);
    let prefix = encoder.prefix().to_owned();
    let mut graph = Builder::new(&encoder, options);
    let (states, hidden) = architecture.add_to(&mut graph, &config)?;
    graph.take_from(&whole);
    let of = States { states, hidden, prefix, config: &config };
    let labels = match head {
        Head::SequenceClassification => of.sequence(&mut graph, &family.pooled)?,
        Head::TokenClassification => of.tokens(&mut graph)?,
        Head::MaskedLanguage => of.words(&mut graph, &family.masked)?,
        Head::QuestionAnswering => of.answer(&mut graph)?,
    };
    Ok(HeadGraph { model: graph.done(config.model_type()), head, labels })
}

const BATCH: Length<'static> = Length::Symbol("batch");
const SEQUENCE: Length<'static> = Length::Symbol("sequence");

/// An encoder's last states.
struct States<'a> {
    /// `[batch, sequence, hidden]`.
    states: Value,
    hidden: usize,
    /// What the encoder's tensors begin with.
    prefix: String,
    config: &'a Config,
}

impl States<'_> {
    fn sequence(&self, graph: &mut Builder, pooled: &Pooled) -> Result<usize, Error> {
        let (hidden, first) = (self.hidden, graph.int32(0));
        let first = graph.node("first_token", "Gather", &[&self.states, &first], &[("axis", Attribute::Int(1))]);
        let module = match pooled.within {
            true => format!("{}{}", self.prefix, pooled.dense),
            false => pooled.dense.to_owned(),
        };
        let state = encoder::linear(graph, &module, &first, hidden, hidden)?;
        let activation = pooled.activation.read(self.config)?;
        let state = activation.add_to(graph, &module, &state);
        let labels = self.labels(graph, pooled.classifier)?;
        let logits = encoder::linear(graph, pooled.classifier, &state, hidden, labels)?;
        graph.output_of("logits", logits, DataType::Float, &[BATCH, Length::Fixed(labels)]);
        Ok(labels)
    }

    fn tokens(&self, graph: &mut Builder) -> Result<usize, Error> {
        let labels = self.labels(graph, "classifier")?;
        let logits = encoder::linear(graph, "classifier", &self.states, self.hidden, labels)?;
        graph.output_of("logits", logits, DataType::Float, &[BATCH, SEQUENCE, Length::Fixed(labels)]);
        Ok(labels)
    }

    /// The states turned, multiplied with the table of embeddings.
    fn words(&self, graph: &mut Builder, masked: &Masked) -> Result<usize, Error> {
        let (config, words) = (self.config, self.config.count("vocab_size")?);
        if !config.flag("tie_word_embeddings", true)? {
            return Err(config.wrong("tie_word_embeddings", "true"));
        }
        let table = format!("{}embeddings.word_embeddings", self.prefix);
        let width = graph.weight_shape(&format!("{table}.weight")).and_then(|shape| shape.get(1).copied());
        let width = width.unwrap_or(self.hidden);
        let epsilon = masked.epsilon(config)?;
        let state = encoder::linear(graph, masked.dense, &self.states, self.hidden, width)?;
        let state = masked.activation.read(config)?.add_to(graph, masked.dense, &state);
        let state = encoder::layer_norm(graph, masked.norm, &state, width, epsilon)?;
        let weight = graph.weight(&format!("{table}.weight"), &[words, width])?;
        let weight = graph.transposed(&table, &weight);
        let bias = graph.weight(masked.bias, &[words])?;
        let logits = graph.node("logits", "MatMul", &[&state, &weight], &[]);
        let logits = graph.node("logits", "Add", &[&logits, &bias], &[]);
        graph.output_of("logits", logits, DataType::Float, &[BATCH, SEQUENCE, Length::Fixed(words)]);
        Ok(words)
    }

    fn answer(&self, graph: &mut Builder) -> Result<usize, Error> {
        let both = encoder::linear(graph, "qa_outputs", &self.states, self.hidden, 2)?;
        for (place, name) in ["start_logits", "end_logits"].into_iter().enumerate() {
            let place = graph.int32(place as i32);
            let scope = format!("qa_outputs/{name}");
            let logits = graph.node(&scope, "Gather", &[&both, &place], &[("axis", Attribute::Int(2))]);
            graph.output_of(name, logits, DataType::Float, &[BATCH, SEQUENCE]);
        }
        Ok(2)
    }

    /// How many labels a classifier tells apart, by its bias.
    fn labels(&self, graph: &Builder, classifier: &str) -> Result<usize, Error> {
        let tensor = format!("{classifier}.bias");
        let shape = graph.weight_shape(&tensor).map(<[usize]>::to_vec);
        match shape.as_deref() {
            Some([labels]) => Ok(*labels),
            Some(_) => Err(Error::Shape { tensor, expected: vec![1], actual: shape.unwrap_or_default() }),
            None => Err(Error::MissingTensor { tensor, expected: vec![1] }),
        }
    }
}

/// Which function a head has.
enum Function {
    Always(Activation),
    /// A setting's, or this one where it is absent.
    Setting(&'static str, Activation),
}

impl Function {
    fn read(&self, config: &Config) -> Result<Activation, Error> {
        match self {
            Self::Always(activation) => Ok(*activation),
            Self::Setting(field, default) => Activation::read_or(config, field, *default),
        }
    }
}
