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

impl Frequencies {
    /// Cosines and signed sines, `[batch, sequence, 1, size]`, from tables of so many rows, `step` positions
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
        let half = self.0.len();
        let index = graph.cast(&format!("{scope}/{}/index", names[0]), rows, DataType::Int32);
        [0, 1].map(|function| {
            let value = |row: usize, place: usize| {
                let angle = (row * step) as f64 * self.0[place % half];
                match (function, place < half) {
                    (0, _) => angle.cos() as f32,
                    (_, true) => -angle.sin() as f32,
                    (_, false) => angle.sin() as f32,
                }
            };
            let values = (0..count).flat_map(|row| (0..2 * half).map(move |place| (row, place)));
            let values = values.map(|(row, place)| value(row, place)).collect::<Vec<_>>();
            let name = format!("{scope}/{}", names[function]);
            let table = graph.floats(&name, &[count, 1, 2 * half], &values);
            graph.node(&name, "Gather", &[&table, &index], &[("axis", Attribute::Int(0))])
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
        let (half, places) = (frequencies.0.len(), places.clamp(1, PLACES_MAX));
        let size = 2 * half;
        let partner = (0..size).map(|place| ((place + half) % size) as i32).collect::<Vec<_>>();
        let partner = graph.int32s(&format!("int32s/partners_{size}"), &partner);
        if places <= STEP {
            let [cos, sin] = frequencies.look_up(graph, scope, ["cos", "sin"], positions, places, 1);
            return Self { cos, sin, partner };
        }
        let (share, step) = (graph.float(1.0 / STEP as f32), graph.float(STEP as f32));
        let steps = graph.node(&format!("{scope}/steps"), "Mul", &[positions, &share], &[]);
        let steps = graph.node(&format!("{scope}/steps"), "Floor", &[&steps], &[]);
        let start = graph.node(&format!("{scope}/start"), "Mul", &[&steps, &step], &[]);
        let rest = graph.node(&format!("{scope}/rest"), "Sub", &[positions, &start], &[]);
        let [cos, sin] = frequencies.look_up(graph, scope, ["cos", "sin"], &rest, STEP, 1);
        let rows = places.div_ceil(STEP);
        let [step_cos, step_sin] = frequencies.look_up(graph, scope, ["step_cos", "step_sin"], &steps, rows, STEP);
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
