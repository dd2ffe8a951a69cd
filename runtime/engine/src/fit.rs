//! `precision auto`: the highest precision that fits the adapter and the memory,
//! by what is predicted before anything is made or loaded.

use std::collections::HashMap;

use pelago_browser::driver::Target;
use pelago_protocol::{
    Capabilities, FIXED_ROWS_A_RUN, Fit, Input, InstallationId, ModelCid, Observer, Platform, Precision, ROWS_A_RUN,
    Request, Step, TOKENS_A_RUN,
};

use pelago_models::prepare::{Making, Prepared, Preparer, Purpose, Wanted};
use pelago_onnx::precision::{Limits, Memory, Recipe, Shapes, largest_that_fits};
use pelago_onnx::read::Length;
use tokio::sync::Mutex;

use crate::fleet::{Fleet, held};
use crate::{Route, RunError};

/// What a wasm page can address.
const WASM_MEMORY: u64 = 4 << 30;
/// The least budget of a page: below it, models would only take turns.
const BUDGET_MIN: u64 = 512 << 20;
/// The feature without which WebGPU has no half precision.
pub(crate) const SHADER_F16: &str = "shader-f16";
/// Precisions from the highest.
const CANDIDATES: [Precision; 4] = [Precision::Bits32, Precision::Bits16, Precision::Bits8, Precision::Bits4];

/// What a choice depends on. Made once for each: memory that is free changes with what is loaded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Question {
    model: ModelCid,
    graph: Option<String>,
    mixed: bool,
    memory_limit: Option<u64>,
    installation: InstallationId,
    platform: Platform,
    /// What the prediction is made of, each up to the next power of two.
    shapes: Vec<(String, u64)>,
}

/// Chooses precisions.
#[derive(Debug, Default)]
pub(crate) struct Fitter {
    /// What was chosen, with the memory that was predicted.
    chosen: Mutex<HashMap<Question, (Wanted, f64)>>,
}

impl Fitter {
    /// The precision for a route, and the MiB that the model is predicted to need, whatever else the page holds. The
    /// route's browser is open already.
    pub(crate) async fn fit(
        &self,
        (preparer, fleet): (&Preparer, &dyn Fleet),
        request: &Request,
        fp32: &Prepared,
        route: &Route,
        observer: Option<&Observer>,
    ) -> Result<(Wanted, f64), RunError> {
        // Its weights are sized by the graph, and its lengths by the model's settings.
        fp32.wait_complete().await?;
        let shapes = shapes(preparer, &request.input, fp32, route.platform).await?;
        let mut sizes = shapes.dimensions.iter().map(|(name, size)| (name.clone(), *size)).collect::<Vec<_>>();
        sizes.sort();
        let question = Question {
            shapes: sizes,
            model: fp32.source.cid.clone(),
            graph: request.graph.clone(),
            mixed: request.mixed_precision,
            memory_limit: request.memory_limit,
            installation: route.installation.clone(),
            platform: route.platform,
        };
        if let Some(known) = self.chosen.lock().await.get(&question) {
            return Ok(known.clone());
        }
        let worker = fleet.open(&route.installation).await?.worker;
        let held = held(&*worker).await.unwrap_or(0.0);
        let limits = limits(fleet, request, route, worker.capabilities(), held);
        let wanted = candidates(request, route.platform);
        let found = preparer.predict(fp32, shapes, &wanted, route.platform == Platform::Wasm).await?;
        let (chosen, fit) = choose(&found, limits, fp32, route)?;
        if let Some(observer) = observer {
            observer(Step::Chosen(fit.clone()));
        }
        #[expect(clippy::cast_precision_loss, reason = "a figure of mebibytes")]
        let answer = (wanted[chosen].clone(), fit.predicted as f64 / f64::from(1 << 20));
        self.chosen.lock().await.insert(question, answer.clone());
        Ok(answer)
    }
}

fn limits(fleet: &dyn Fleet, request: &Request, route: &Route, capabilities: &Capabilities, held: f64) -> Limits {
    let candidate = fleet.candidates().iter().find(|candidate| candidate.id == route.installation);
    let is_here = candidate.is_some_and(|candidate| matches!(candidate.target, Target::Installed(_)));
    // Of a browser elsewhere nobody knows how much memory it has.
    let free = || if is_here { free_memory() } else { u64::MAX };
    let memory = request.memory_limit.unwrap_or_else(free);
    if route.platform != Platform::WebGpu {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "mebibytes are not negative")]
        let held = (held * f64::from(1 << 20)) as u64;
        return Limits { memory: memory.min(WASM_MEMORY.saturating_sub(held)), buffer: u64::MAX, half: true };
    }
    let webgpu = &capabilities.webgpu;
    let limit = |name| webgpu.limits.get(name).copied().unwrap_or(f64::INFINITY);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "limits are whole and not negative")]
    let buffer = limit("maxBufferSize").min(limit("maxStorageBufferBindingSize")) as u64;
    Limits { memory, buffer, half: webgpu.features.iter().any(|feature| feature == SHADER_F16) }
}

/// Lengths of the graph's dimensions for an input.
async fn shapes(preparer: &Preparer, input: &Input, fp32: &Prepared, platform: Platform) -> Result<Shapes, RunError> {
    let declared = preparer.declared(fp32).await?;
    let mut shapes = Shapes::default();
    for wanted in &declared.inputs {
        let given = match input {
            Input::Tensors(tensors) => tensors.iter().find(|tensor| tensor.name == wanted.name),
            Input::Texts(_) | Input::Pairs(_) | Input::Chat(_) => None,
        };
        for (axis, length) in wanted.shape.iter().enumerate() {
            let Length::Symbol(name) = length else { continue };
            let length = match input {
                Input::Texts(texts) if axis == 0 => {
                    rows_a_run(texts.len() as u64, tokens_at_most(texts, &declared.config), platform)
                }
                Input::Texts(texts) => bucket(tokens_at_most(texts, &declared.config)),
                Input::Pairs(pairs) => {
                    let pairs = pairs.iter().map(|pair| pair.concat()).collect::<Vec<_>>();
                    let tokens = tokens_at_most(&pairs, &declared.config);
                    if axis == 0 { rows_a_run(pairs.len() as u64, tokens, platform) } else { bucket(tokens) }
                }
                Input::Chat(_) if axis == 0 => 1,
                Input::Chat(messages) => {
                    let all = messages.iter().map(|message| message.content.as_str()).collect::<String>();
                    bucket(tokens_at_most(&[all], &declared.config))
                }
                Input::Tensors(_) => given.and_then(|tensor| tensor.shape.get(axis)).map_or(1, |length| *length as u64),
            };
            shapes.dimensions.insert(name.clone(), length);
        }
    }
    Ok(shapes)
}

/// Like sizes are one question: the next power of two.
fn bucket(size: u64) -> u64 {
    size.max(1).next_power_of_two()
}

/// Rows that the page runs at once: it cuts a large batch.
fn rows_a_run(texts: u64, length: u64, platform: Platform) -> u64 {
    let rows = if platform == Platform::WebNn { FIXED_ROWS_A_RUN } else { ROWS_A_RUN };
    bucket(texts).min(rows).min((TOKENS_A_RUN / bucket(length)).max(1))
}

/// No tokeniser makes more tokens of a text than it has bytes, but for the two around it.
fn tokens_at_most(texts: &[String], config: &serde_json::Value) -> u64 {
    let longest = texts.iter().map(|text| text.len() as u64 + 2).max().unwrap_or(1);
    let positions = config.get("max_position_embeddings").and_then(serde_json::Value::as_u64);
    positions.map_or(longest, |positions| longest.min(positions))
}

fn candidates(request: &Request, platform: Platform) -> Vec<Wanted> {
    let wanted = |making| Wanted { graph: request.graph.clone(), making, platform, purpose: Purpose::of(request) };
    let mixed = |precision| request.mixed_precision && precision != Precision::Bits32;
    let bits = CANDIDATES.map(|precision| wanted(Making::Bits { precision, mixed: mixed(precision) }));
    let mut candidates = Vec::from(bits);
    if platform == Platform::Wasm {
        // Slower than integers that are fp32 once loaded, and a quarter of the memory.
        let recipe = Recipe::standard(8);
        candidates.push(wanted(Making::Recipe(if request.mixed_precision { recipe.mixed() } else { recipe })));
    }
    candidates
}

fn choose(
    found: &[(Recipe, Memory)],
    limits: Limits,
    fp32: &Prepared,
    route: &Route,
) -> Result<(usize, Fit), RunError> {
    let (model, platform) = (fp32.source.name.clone(), route.platform);
    let Some(chosen) = largest_that_fits(found, limits) else {
        let least = found.iter().map(|(_, memory)| memory.total()).min().unwrap_or_default();
        return Err(RunError::NothingFits { model, platform, least, limit: limits.memory });
    };
    let bits = |recipe: &Recipe| Precision::try_from(recipe.bits).unwrap_or_default();
    let (recipe, memory) = &found[chosen];
    let higher = found.iter().filter(|(other, _)| other.bits > recipe.bits);
    let fit = Fit {
        model,
        platform,
        precision: bits(recipe),
        predicted: memory.total(),
        limit: limits.memory,
        refused: higher.map(|(recipe, memory)| (bits(recipe), memory.total())).collect(),
    };
    Ok((chosen, fit))
}

/// Bytes that the models of a page may take in all: half of what is free, so that several browsers have room.
pub(crate) fn page_budget() -> u64 {
    (free_memory() / 2).max(BUDGET_MIN)
}

/// The same on a platform: all of wasm lies in what a page can address, with what it computes.
pub(crate) fn budget_on(platform: Platform, page_budget: u64) -> u64 {
    if platform == Platform::Wasm { page_budget.min(WASM_MEMORY / 4 * 3) } else { page_budget }
}

/// Bytes that programs can still have here, in a container those that it may.
fn free_memory() -> u64 {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    // What a container counts against its limit holds files that it can give back.
    let within = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory.saturating_sub(limits.rss));
    system.available_memory().min(within)
}
