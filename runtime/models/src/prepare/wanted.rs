//! What a request asks of a graph.

use pelago_protocol::{Input, Platform, Precision, Request, Task};

use super::PrepareError;
use pelago_onnx::precision::{Form, Recipe};

/// What a user calls the graph that is built of the model's weights.
pub(super) const CHECKPOINT: &str = "checkpoint";

/// A graph of a model, where its precision is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The fp32 graph in the model's folder; `None` for the usual one.
    pub graph: Option<String>,
    /// How its precision comes to be.
    pub making: Making,
    /// Where it is to run, as far as that is known.
    pub platform: Platform,
    /// What it is to be given.
    pub purpose: Purpose,
}

/// What a graph is to be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The tensors that its file declares.
    Tensors,
    /// What a task takes; the model's own task where none is named.
    Task(Option<Task>),
}

impl Purpose {
    /// What a request is for.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        match request.input {
            Input::Tensors(_) => Self::Tensors,
            Input::Texts(_) | Input::Pairs(_) | Input::Chat(_) => Self::Task(request.task),
        }
    }

    /// The task, of a model whose own is `usual`.
    #[must_use]
    pub fn task(self, usual: Option<Task>) -> Option<Task> {
        match self {
            Self::Tensors => None,
            Self::Task(named) => named.or(usual),
        }
    }
}

/// How its precision comes to be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Making {
    /// What the folder publishes, or what is made in Pelago's own way.
    Bits {
        /// Bits a weight.
        precision: Precision,
        /// Whether critical layers keep a higher one.
        mixed: bool,
    },
    /// What somebody chose.
    Recipe(Recipe),
}

impl Making {
    /// The graph in full precision.
    pub const FP32: Self = Self::Bits { precision: Precision::Bits32, mixed: false };
}

impl Wanted {
    /// What a request asks for on a platform; `None` where the precision is left to what fits the adapter.
    ///
    /// # Errors
    /// [`PrepareError::Precision`] where its recipe is none.
    pub fn of(request: &Request, platform: Platform) -> Result<Option<Self>, PrepareError> {
        let making = match (&request.recipe, request.precision.named()) {
            (Some(json), _) => {
                let model = || request.model.clone();
                let recipe = Recipe::from_json(json);
                Making::Recipe(recipe.map_err(|source| PrepareError::Precision { model: model(), source })?)
            }
            (None, Some(precision)) => Making::Bits { precision, mixed: request.mixed_precision },
            (None, None) => return Ok(None),
        };
        Ok(Some(Self { graph: request.graph.clone(), making, platform, purpose: Purpose::of(request) }))
    }

    /// Whether a graph is to be built of the model's weights, where that can be done.
    pub(super) fn builds(&self) -> bool {
        self.graph.as_deref().is_none_or(|graph| graph == CHECKPOINT)
    }

    /// The same on a platform that is known now.
    pub fn on(self, platform: Platform) -> Self {
        Self { platform, ..self }
    }

    /// The fp32 graph that it is made of.
    pub fn fp32(&self) -> Self {
        Self { making: Making::FP32, ..self.clone() }
    }

    /// Bits a weight.
    pub fn precision(&self) -> Precision {
        match &self.making {
            Making::Bits { precision, .. } => *precision,
            // A recipe that was checked has bits that are a precision.
            Making::Recipe(recipe) => Precision::try_from(recipe.bits).unwrap_or_default(),
        }
    }

    /// Whether some layers keep a higher precision.
    pub fn mixed(&self) -> bool {
        match &self.making {
            Making::Bits { mixed, .. } => *mixed,
            Making::Recipe(recipe) => recipe.mixed.is_some() || !recipe.overrides.is_empty(),
        }
    }

    /// How it is made where nobody publishes it; `None` for fp32.
    pub(super) fn recipe(&self) -> Option<Recipe> {
        let recipe = match &self.making {
            Making::Bits { precision: Precision::Bits32, .. } => return None,
            Making::Bits { precision, mixed } => {
                let recipe = Recipe::standard(precision.bits());
                let recipe = if self.stored() { recipe.stored() } else { recipe };
                if *mixed { recipe.mixed() } else { recipe }
            }
            Making::Recipe(recipe) => recipe.clone(),
        };
        // Of onnxruntime-web's builds those with WebGPU and WebNN lack wasm's `GatherBlockQuantized`.
        let blocks = recipe.form == Form::Block && self.platform == Platform::Wasm;
        Some(if blocks || self.stored() { recipe.with_plain_tables() } else { recipe })
    }

    /// Whether weights are integers in the file alone. wasm has no kernels that multiply with 8 bits in blocks
    /// (measured: four times as slow as fp32), and with integers for activations the vectors of
    /// all-MiniLM-L6-v2 are no closer to fp32 than a cosine of 0.987. WebNN has no such operator at all.
    fn stored(&self) -> bool {
        self.making == Making::Bits { precision: Precision::Bits8, mixed: false }
            && matches!(self.platform, Platform::Wasm | Platform::WebNn)
    }

    /// Whether any of it is half precision, for which WebGPU needs `shader-f16`.
    pub fn has_half(&self) -> bool {
        self.recipe().is_some_and(|recipe| recipe.has_half())
    }

    /// Whether two ask for the same graph.
    pub fn same_graph(&self, other: &Self) -> bool {
        let fixed = |wanted: &Self| wanted.platform == Platform::WebNn;
        self.graph == other.graph
            && self.purpose == other.purpose
            && (fixed(self) == fixed(other) || self.purpose == Purpose::Tensors)
            && self.recipe() == other.recipe()
    }
}
