//! What sentence-transformers does around the graph, as `modules.json` lists it: which folder has the transformer,
//! how token vectors become one vector a text, and what is done to that vector. The names and the order are those of
//! the sentence-transformers library. What is not computed here is refused by its name.

mod activation;
mod pickle;
mod pooling;
mod step;
mod weights;

use pelago_protocol::Pooling;
use serde::Deserialize;

pub(crate) use self::step::{Step, normalize};
use crate::Error;
use crate::files::{Files, inside, join};

const MODULES: &str = "modules.json";
/// A table of embeddings in the transformer's place.
pub const TABLE: &str = "StaticEmbedding";
/// Modules in a list, more than any model has.
const MODULES_MAX: usize = 64;

/// A tensor of a module.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weight {
    /// Its shape.
    pub(crate) shape: Vec<usize>,
    /// Row-major.
    pub(crate) values: Vec<f32>,
}

/// What is done with a text besides the graph.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Modules {
    /// The folder that has `config.json`, the tokenizer and the weights: `""`, or `0_Transformer` in older layouts.
    pub(crate) transformer: String,
    /// How token vectors become one; several are put side by side.
    pub(crate) pooling: Vec<Pooling>,
    /// Whether the tokens of a prompt are pooled too.
    pub(crate) pools_prompt: bool,
    /// What is done to the pooled vector, in this order.
    pub(crate) steps: Vec<Step>,
    /// Whether the transformer is a mere table of embeddings, whose tokens have no special ones around them.
    pub(crate) is_table: bool,
    /// Whether the folder has a `modules.json`. Without one, sentence-transformers pools by the mean.
    pub(crate) listed: bool,
}

#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    path: String,
    r#type: String,
}

/// The folders that a `modules.json` names, without a slash at their ends, and the kind of each module.
///
/// # Errors
/// `Damaged`, `Outside`.
pub fn folders(modules: &[u8]) -> Result<Vec<(String, String)>, Error> {
    let files = Files::from_iter([(MODULES.to_owned(), modules.to_vec())]);
    let listed = files.read::<Vec<Module>>(MODULES)?.unwrap_or_default();
    let folder = |module: &Module| Ok((inside(MODULES, &module.path)?, kind(&module.r#type).to_owned()));
    listed.iter().map(folder).collect()
}

impl Modules {
    /// Reads `modules.json` and what it names.
    ///
    /// # Errors
    /// `Unsupported` names the module; `Damaged`, `Missing`, `Shape`, `Outside`, `Pickle` name the file.
    pub(crate) fn read(files: &Files) -> Result<Self, Error> {
        let Some(listed) = files.read::<Vec<Module>>(MODULES)? else { return Self::of_transformer(files) };
        if listed.len() > MODULES_MAX {
            let problem = format!("it lists {} modules, more than {MODULES_MAX}", listed.len());
            return Err(Error::Damaged { file: MODULES.to_owned(), problem });
        }
        let mut transformer = None;
        let mut is_table = false;
        let mut pooling = None;
        let mut steps: Vec<Step> = Vec::new();
        for module in &listed {
            let folder = inside(MODULES, &module.path)?;
            let kind = kind(&module.r#type);
            if matches!(kind, "Dense" | "LayerNorm" | "Normalize") {
                step::check_names(files, &folder, kind)?;
            }
            let early = || unsupported(&format!("the module {kind} before Pooling"));
            match kind {
                "Transformer" if transformer.is_none() => transformer = Some(folder),
                TABLE if transformer.is_none() => {
                    transformer = Some(folder);
                    is_table = true;
                    pooling = Some((vec![Pooling::Mean], true));
                }
                "Pooling" if pooling.is_none() && transformer.is_some() => {
                    pooling = Some(pooling::read(files, &folder)?)
                }
                // It does something while a model is trained, and nothing when it runs.
                "Dropout" => {}
                "Dense" | "LayerNorm" | "Normalize" if pooling.is_none() => return Err(early()),
                "Dense" => steps.push(Step::dense(files, &folder)?),
                "LayerNorm" => steps.push(Step::layer_norm(files, &folder)?),
                "Normalize" => steps.push(Step::Normalize),
                _ => return Err(unsupported(&module.r#type)),
            }
        }
        let Some(transformer) = transformer else { return Err(unsupported("a list without a Transformer")) };
        let Some((pooling, pools_prompt)) = pooling else {
            return Err(unsupported("a list without a Pooling module"));
        };
        check_chain(&steps)?;
        Ok(Self { transformer, pooling, pools_prompt, steps, is_table, listed: true })
    }

    /// What sentence-transformers makes of a plain transformer: the mean of its token vectors.
    fn of_transformer(files: &Files) -> Result<Self, Error> {
        // Folders that were made by hand may have the pooling's file without the list.
        let (pooling, pools_prompt) = if files.has(&join("1_Pooling", "config.json")) {
            pooling::read(files, "1_Pooling")?
        } else {
            refuse_other_heads(files)?;
            (vec![Pooling::Mean], true)
        };
        Ok(Self {
            transformer: String::new(),
            pooling,
            pools_prompt,
            steps: Vec::new(),
            is_table: false,
            listed: false,
        })
    }

    /// The steps as a reader knows them, e.g. `mean`, `Dense(768→512, Tanh)`, `Normalize`.
    #[must_use]
    pub(crate) fn describe(&self) -> Vec<String> {
        let pooling = self.pooling.iter().map(|pooling| pooling.as_str()).collect::<Vec<_>>().join("+");
        std::iter::once(pooling).chain(self.steps.iter().map(Step::to_string)).collect()
    }

    /// Does to pooled vectors `[rows, dimensions]` what the modules after Pooling do.
    ///
    /// # Errors
    /// `Shape` where a module expects vectors of another length.
    pub(crate) fn finish(&self, mut values: Vec<f32>, mut dimensions: usize) -> Result<(Vec<f32>, usize), Error> {
        for step in &self.steps {
            (values, dimensions) = step.apply(values, dimensions)?;
        }
        Ok((values, dimensions))
    }

    /// Whether the last step scales vectors to length 1.
    #[must_use]
    pub(crate) fn normalizes(&self) -> bool {
        matches!(self.steps.last(), Some(Step::Normalize))
    }
}

/// The class of a module of sentence-transformers without its path, which has changed with its versions. A module of
/// another library keeps all of its name, since it may do something else under the same.
fn kind(class: &str) -> &str {
    match class.strip_prefix("sentence_transformers.") {
        Some(rest) if !rest.contains("sparse_encoder") && !rest.contains("cross_encoder") => {
            rest.rsplit('.').next().unwrap_or(rest)
        }
        _ => class,
    }
}

fn unsupported(what: &str) -> Error {
    let what = what.to_owned();
    Error::Unsupported { file: MODULES.to_owned(), what, help: help_for(MODULES) }
}

fn help_for(_file: &str) -> &'static str {
    "Pelago computes Transformer, StaticEmbedding, Pooling, Dense, LayerNorm and Normalize of sentence-transformers; \
     a graph exported with its own sentence_embedding runs with --graph"
}

/// A model for another task gives token vectors too, and their mean would mean nothing.
fn refuse_other_heads(files: &Files) -> Result<(), Error> {
    const HEADS: [(&str, &str); 5] = [
        (
            "ForSequenceClassification",
            "a classifier or cross-encoder scores a text or a pair of texts: it has no embedding",
        ),
        ("ForTokenClassification", "it labels tokens: it has no embedding of a text"),
        ("ForQuestionAnswering", "it marks answers in a text: it has no embedding of a text"),
        ("ForMultipleChoice", "it chooses among texts: it has no embedding"),
        ("ColBERT", "it gives a vector a token, which are compared token by token: Pelago has no such output yet"),
    ];
    let Some(config) = files.json("config.json")? else { return Ok(()) };
    let named = config["architectures"].as_array().into_iter().flatten().filter_map(|name| name.as_str());
    for name in named {
        if let Some((_, help)) = HEADS.iter().find(|(head, _)| name.contains(head)) {
            let what = format!("the architecture {name} as an embedding model");
            return Err(Error::Unsupported { file: "config.json".to_owned(), what, help });
        }
    }
    Ok(())
}

/// Each Dense and LayerNorm must take what the one before gives.
fn check_chain(steps: &[Step]) -> Result<(), Error> {
    let mut before: Option<usize> = None;
    for step in steps {
        let Some((takes, gives)) = step.dimensions() else { continue };
        if let Some(before) = before.filter(|before| *before != takes) {
            let problem = format!("the module {step} takes {takes} dimensions, and the one before it gives {before}");
            return Err(Error::Damaged { file: MODULES.to_owned(), problem });
        }
        before = Some(gives);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
