//! Rotary position embeddings (Su et al. 2021), as nodes.
//!
//! Cosines and sines are constants, since GPUs compute them badly for large
//! angles. One table of every position would have megabytes; two of which one
//! counts in steps are put together by `cos(a + b) = cos a cos b - sin a sin b`.

use serde_json::Value as Json;

use super::{
    Config, Error,
    builder::{Attribute, Builder, Value},
    onnx::DataType,
};

/// Positions of the finer table, and the step of the coarser.
const STEP: usize = 128;
/// More positions than any browser has room for.
const PLACES_MAX: usize = 1 << 20;
/// More numbers than any head has.
const SIZE_MAX: usize = 1 << 10;

/// The angles between one position and the next, one for each pair of numbers of a head.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Frequencies(Vec<f64>);

/// How far apart positions count, beyond the published formula.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scaling {
    Linear { factor: f64 },
    Llama3 { factor: f64, low: f64, high: f64, trained: f64 },
    Ntk { factor: f64 },
}

impl Frequencies {
    fn new(size: usize, theta: f64) -> Self {
        Self((0..size / 2).map(|pair| theta.powf(-(2.0 * pair as f64) / size as f64)).collect())
    }

    /// By `rope_theta` and `rope_scaling`, or by `rope_parameters`, as newer
    /// configs have them.
    pub(super) fn read(config: &Config, size: usize, theta: f64) -> Result<Self, Error> {
        let outer = config.real("rope_theta", theta)?;
        match config.object("rope_parameters")? {
            Some(inner) => Self::scaled(config, "rope_parameters", &inner, size, outer),
            None => match config.object("rope_scaling")? {
                Some(inner) => Self::scaled(config, "rope_scaling", &inner, size, outer),
                None => Self::checked(config, size, outer),
            },
        }
    }

    /// By an object that says how frequencies are scaled.
    pub(super) fn scaled(
        config: &Config,
        field: &'static str,
        scaling: &Config,
        size: usize,
        theta: f64,
    ) -> Result<Self, Error> {
        let wrong = || config.wrong(field, "of type default, linear, llama3, dynamic or ntk, with its numbers");
        let number = |name: &'static str| scaling.real(name, f64::NAN).ok().filter(|number| number.is_finite());
        let theta = scaling.real("rope_theta", theta).map_err(|_| wrong())?;
        let whole = scaling.real("partial_rotary_factor", 1.0).is_ok_and(|share| share == 1.0);
        if !whole {
            return Err(config.wrong(field, "of whole heads (partial_rotary_factor 1)"));
        }
        let kind = match scaling.get("rope_type").or(scaling.get("type")) {
            None => "default",
            Some(kind) => kind.as_str().unwrap_or("?"),
        };
        let factor = || number("factor").ok_or_else(wrong);
        let scaling = match kind {
            // What a file of llama.cpp divides each frequency by.
            "factors" => {
                let numbers = scaling.get("factors").and_then(Json::as_array).ok_or_else(wrong)?;
                let numbers = numbers.iter().map(Json::as_f64).collect::<Option<Vec<_>>>().ok_or_else(wrong)?;
                let Self(frequencies) = Self::checked(config, size, theta)?;
                let possible = |factor: &f64| (1e-3..1e6).contains(factor);
                if numbers.len() != frequencies.len() || !numbers.iter().all(possible) {
                    return Err(wrong());
                }
                return Ok(Self(
                    frequencies.iter().zip(numbers).map(|(frequency, factor)| frequency / factor).collect(),
                ));
            }
            // Dynamic scaling changes nothing up to the length that the model was trained for.
            "default" | "dynamic" => None,
            "linear" => Some(Scaling::Linear { factor: factor()? }),
            "ntk" if scaling.get("mixed_b").is_none_or(Json::is_null) => Some(Scaling::Ntk { factor: factor()? }),
            "llama3" => Some(Scaling::Llama3 {
                factor: factor()?,
                low: number("low_freq_factor").ok_or_else(wrong)?,
                high: number("high_freq_factor").ok_or_else(wrong)?,
                trained: number("original_max_position_embeddings").ok_or_else(wrong)?,
            }),
            _ => return Err(wrong()),
        };
        let mut frequencies = Self::checked(config, size, theta)?;
        if let Some(scaling) = scaling {
            frequencies = scaling.apply(frequencies, size, theta);
        }
        // No published one turns by more than one radian a position.
        let possible = frequencies.0.iter().all(|frequency| (0.0..1e3).contains(frequency));
        if possible { Ok(frequencies) } else { Err(wrong()) }
    }

    fn checked(config: &Config, size: usize, theta: f64) -> Result<Self, Error> {
        let field = if config.get("head_dim").is_some() { "head_dim" } else { "hidden_size" };
        Self::unscaled(config, field, size, theta)
    }

    /// `theta^(-2i/size)`; `field` is the setting that the heads' size comes from.
    pub(super) fn unscaled(config: &Config, field: &'static str, size: usize, theta: f64) -> Result<Self, Error> {
        if !size.is_multiple_of(2) || size > SIZE_MAX {
            return Err(config.wrong(field, format_args!("one by which heads have an even number up to {SIZE_MAX}")));
        }
        Ok(Self::new(size, theta))
    }
}

/// Which numbers of a head are turned together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pairs {
    /// The first half of those that are turned with the second.
    Halves,
    /// Each with its neighbour, as in GPT-J and in llama.cpp's files.
    Neighbours,
}

/// What becomes of each number of a head.
struct Places {
    frequencies: Vec<f64>,
    /// Of its sine.
    signs: Vec<f64>,
    partners: Vec<i32>,
}

impl Places {
    /// Of heads of so many numbers. Those beyond the turned ones have angles of 0.
    fn new(Frequencies(frequencies): &Frequencies, width: usize, pairs: Pairs) -> Self {
        let half = frequencies.len();
        let place = |place: usize| match pairs {
            _ if place >= 2 * half => (0.0, 1.0, place),
            Pairs::Halves if place < half => (frequencies[place], -1.0, place + half),
            Pairs::Halves => (frequencies[place - half], 1.0, place - half),
            Pairs::Neighbours if place.is_multiple_of(2) => (frequencies[place / 2], -1.0, place + 1),
            Pairs::Neighbours => (frequencies[place / 2], 1.0, place - 1),
        };
        let places = (0..width).map(place).collect::<Vec<_>>();
        Self {
            frequencies: places.iter().map(|place| place.0).collect(),
            signs: places.iter().map(|place| place.1).collect(),
            partners: places.iter().map(|place| place.2 as i32).collect(),
        }
    }

    /// Cosines and signed sines, `[batch, sequence, 1, width]`, from tables of so many rows, `step` positions
    /// apart. Tables have three axes: those of two are taken for weights, which may lose bits.
    fn look_up(
        &self,
        graph: &mut Builder,
        scope: &str,
        names: [&str; 2],
        rows: &Value,
        count: usize,
        step: usize,
    ) -> [Value; 2] {
        let width = self.frequencies.len();
        let index = graph.cast(&format!("{scope}/{}/index", names[0]), rows, DataType::Int32);
        [0, 1].map(|function| {
            let value = |row: usize, place: usize| {
                let angle = (row * step) as f64 * self.frequencies[place];
                match function {
                    0 => angle.cos() as f32,
                    _ => (self.signs[place] * angle.sin()) as f32,
                }
            };
            let values = (0..count).flat_map(|row| (0..width).map(move |place| (row, place)));
            let values = values.map(|(row, place)| value(row, place)).collect::<Vec<_>>();
            let name = format!("{scope}/{}", names[function]);
            let table = graph.floats(&name, &[count, 1, width], &values);
            graph.node(&name, "Gather", &[&table, &index], &[("axis", Attribute::Int(0))])
        })
    }
}

impl Frequencies {
    /// How many numbers of a head are turned.
    pub(super) fn turned(&self) -> usize {
        2 * self.0.len()
    }

    /// Cosines and sines of the positions from 0 on, `[positions, turned / 2]` each: what onnxruntime's operators
    /// with rotary positions take.
    pub(super) fn caches(&self, graph: &mut Builder, scope: &str, positions: usize) -> [Value; 2] {
        ["cos", "sin"].map(|name| {
            let function = |angle: f64| if name == "cos" { angle.cos() } else { angle.sin() };
            let angles = (0..positions).flat_map(|row| self.0.iter().map(move |frequency| row as f64 * frequency));
            let values = angles.map(|angle| function(angle) as f32).collect::<Vec<_>>();
            graph.floats(&format!("{scope}/{name}_cache"), &[positions, self.0.len()], &values)
        })
    }
}

impl Scaling {
    fn apply(self, Frequencies(frequencies): Frequencies, size: usize, theta: f64) -> Frequencies {
        let scale = |frequency: f64| match self {
            Self::Linear { factor } => frequency / factor,
            // As transformers' `_compute_llama3_parameters` has it.
            Self::Llama3 { factor, low, high, trained } => {
                let turns = trained * frequency / std::f64::consts::TAU;
                match () {
                    () if turns < low => frequency / factor,
                    () if turns > high => frequency,
                    () => {
                        let smooth = (turns - low) / (high - low);
                        (1.0 - smooth) * frequency / factor + smooth * frequency
                    }
                }
            }
            Self::Ntk { .. } => frequency,
        };
        match self {
            // As Alibaba's own code of GTE has it: fixed, whatever the length.
            Self::Ntk { factor } => {
                let Frequencies(frequencies) = Frequencies::new(size, theta * factor);
                let divisor = factor.powf(2.0 / size as f64);
                Frequencies(frequencies.into_iter().map(|frequency| frequency / divisor).collect())
            }
            _ => Frequencies(frequencies.into_iter().map(scale).collect()),
        }
    }
}

/// Cosines and sines for every token.
pub(super) struct Rotary {
    /// `[batch, sequence, 1, size]`.
    cos: Value,
    /// The same; those of a head's first half negative.
    sin: Value,
    /// The place of each number's partner.
    partner: Value,
}

impl Rotary {
    /// For positions from 0 on, `[batch, sequence]` in single precision, and
    /// below `places`. `scope` tells it from another one.
    pub(super) fn new(
        graph: &mut Builder,
        scope: &str,
        positions: &Value,
        frequencies: &Frequencies,
        places: usize,
    ) -> Self {
        Self::of_heads(graph, scope, positions, frequencies, places, frequencies.turned(), Pairs::Halves)
    }

    /// The same for heads of `width` numbers, of which only the first may be turned.
    pub(super) fn of_heads(
        graph: &mut Builder,
        scope: &str,
        positions: &Value,
        frequencies: &Frequencies,
        places: usize,
        width: usize,
        pairs: Pairs,
    ) -> Self {
        let places = places.clamp(1, PLACES_MAX);
        let heads = Places::new(frequencies, width, pairs);
        let name = match pairs {
            Pairs::Halves if frequencies.turned() == width => format!("int32s/partners_{width}"),
            Pairs::Halves => format!("int32s/partners_{}_of_{width}", frequencies.turned()),
            Pairs::Neighbours => format!("int32s/neighbours_{}_of_{width}", frequencies.turned()),
        };
        let partner = graph.int32s(&name, &heads.partners);
        if places <= STEP {
            let [cos, sin] = heads.look_up(graph, scope, ["cos", "sin"], positions, places, 1);
            return Self { cos, sin, partner };
        }
        let (share, step) = (graph.float(1.0 / STEP as f32), graph.float(STEP as f32));
        let steps = graph.node(&format!("{scope}/steps"), "Mul", &[positions, &share], &[]);
        let steps = graph.node(&format!("{scope}/steps"), "Floor", &[&steps], &[]);
        let start = graph.node(&format!("{scope}/start"), "Mul", &[&steps, &step], &[]);
        let rest = graph.node(&format!("{scope}/rest"), "Sub", &[positions, &start], &[]);
        let [cos, sin] = heads.look_up(graph, scope, ["cos", "sin"], &rest, STEP, 1);
        let rows = places.div_ceil(STEP);
        let [step_cos, step_sin] = heads.look_up(graph, scope, ["step_cos", "step_sin"], &steps, rows, STEP);
        let mut product =
            |name: &str, a: &Value, b: &Value| graph.node(&format!("{scope}/{name}"), "Mul", &[a, b], &[]);
        // A product of two sines has their common sign twice: its own.
        let (cos_cos, sin_sin) = (product("cos_cos", &step_cos, &cos), product("sin_sin", &step_sin, &sin));
        let (sin_cos, cos_sin) = (product("sin_cos", &step_sin, &cos), product("cos_sin", &step_cos, &sin));
        let cos = graph.node(&format!("{scope}/cos"), "Sub", &[&cos_cos, &sin_sin], &[]);
        let sin = graph.node(&format!("{scope}/sin"), "Add", &[&sin_cos, &cos_sin], &[]);
        Self { cos, sin, partner }
    }

    /// Turns `[batch, sequence, heads, size]`: the first half of a head's numbers
    /// with the second.
    pub(super) fn apply(&self, graph: &mut Builder, scope: &str, states: &Value) -> Value {
        let scope = format!("{scope}/rotary");
        let partner = graph.node(&scope, "Gather", &[states, &self.partner], &[("axis", Attribute::Int(3))]);
        let own = graph.node(&format!("{scope}/cos"), "Mul", &[states, &self.cos], &[]);
        let other = graph.node(&format!("{scope}/sin"), "Mul", &[&partner, &self.sin], &[]);
        graph.node(&scope, "Add", &[&own, &other], &[])
    }
}
