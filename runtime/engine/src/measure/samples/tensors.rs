//! Tensors for a graph, by the names that exporters give its inputs: two rows,
//! tokens of the vocabulary, images and sounds of noise, nothing masked out.
//!
//! Numbers are those of splitmix64 from a fixed seed (Steele, Lea and Flood,
//! "Fast splittable pseudorandom number generators", 2014).

use pelago_protocol::{DType, Tensor, TensorError};
use serde_json::Value;

use pelago_models::prepare::Declared;
use pelago_onnx::proto::DataType;
use pelago_onnx::read::{Input, Length};

/// Rows of the batch.
const ROWS: usize = 2;
/// Tokens of a text.
const TOKENS: usize = 8;
/// Tokens that a decoder is told it has seen before.
const PAST: usize = 4;
/// Places of an encoder's output.
const ENCODED: usize = 12;
/// Samples of a sound: a quarter of a second.
const SAMPLES: usize = 4000;
/// Frames of a spectrogram: the 30 seconds that Whisper takes.
const FRAMES: usize = 3000;
/// Sides of an image where the model does not say.
const PIXELS: usize = 224;
/// Tokens where the model does not say how many it has. The first few of a vocabulary are marks.
const VOCABULARY: u64 = 60;
const MARKS: u64 = 5;

/// The most elements of a tensor.
const ELEMENTS_MAX: usize = 1 << 28;

/// Why there is no tensor for an input.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoSample {
    #[error("{input} of shape {shape:?} has more than {ELEMENTS_MAX} elements")]
    TooLarge { input: String, shape: Vec<usize> },
    #[error("{input} has {}", dtype.map_or("a type that is not known".to_owned(), |dtype| format!("the type {dtype:?}")))]
    Type { input: String, dtype: Option<DataType> },
    #[error(transparent)]
    Tensor(#[from] TensorError),
}

/// A tensor for one input, or why there is none.
pub(super) fn tensor(input: &Input, declared: &Declared) -> Result<Tensor, NoSample> {
    let shape = input.shape.iter().map(|length| match length {
        Length::Fixed(length) => usize::try_from(*length).unwrap_or(usize::MAX),
        Length::Symbol(symbol) => length_of(&symbol.to_lowercase(), &input.name, declared),
    });
    let shape = shape.collect::<Vec<_>>();
    let count = shape.iter().try_fold(1_usize, |product, length| product.checked_mul(*length));
    let count = count.filter(|count| *count <= ELEMENTS_MAX);
    let count = count.ok_or_else(|| NoSample::TooLarge { input: input.name.clone(), shape: shape.clone() })?;
    let mut noise = Noise::of(&input.name);
    let name = input.name.as_str();
    let tensor = match input.dtype {
        Some(DataType::Float) => {
            let values = (0..count).map(|_| noise.float()).collect::<Vec<_>>();
            Tensor::from_f32(name, shape, &values)
        }
        Some(DataType::Int64) => {
            Tensor::from_i64(name, shape.clone(), &integers(name, &shape, count, declared, &mut noise))
        }
        Some(DataType::Int32) => {
            let values = integers(name, &shape, count, declared, &mut noise);
            let bytes = values.iter().flat_map(|value| i32::try_from(*value).unwrap_or_default().to_le_bytes());
            Tensor::new(name, DType::Int32, shape, bytes.collect::<Vec<_>>().into())
        }
        // `use_cache_branch`: the first step of a decoder, which has no cache yet.
        Some(DataType::Bool) => Tensor::new(name, DType::Bool, shape, vec![0; count].into()),
        dtype => return Err(NoSample::Type { input: name.to_owned(), dtype }),
    };
    Ok(tensor?)
}

fn integers(name: &str, shape: &[usize], count: usize, declared: &Declared, noise: &mut Noise) -> Vec<i64> {
    let vocabulary = setting(&declared.config, &["vocab_size"]).unwrap_or(VOCABULARY).max(MARKS + 1);
    let width = shape.last().copied().unwrap_or(1).max(1);
    let past = if has_past(declared) { PAST } else { 0 };
    let value = |place: usize| match () {
        () if name.contains("mask") => 1,
        () if name.contains("token_type") => 0,
        () if name.contains("position") => (past + place % width) as i64,
        () => i64::try_from(MARKS + noise.next() % (vocabulary - MARKS)).unwrap_or_default(),
    };
    (0..count).map(value).collect()
}

/// A length for a named dimension of an input.
fn length_of(symbol: &str, input: &str, declared: &Declared) -> usize {
    let config = &declared.config;
    let set =
        |names: &[&str], usual| setting(config, names).map_or(usual, |length| usize::try_from(length).unwrap_or(usual));
    if let Some((one, other)) = symbol.split_once('+') {
        return length_of(one.trim(), input, declared) + length_of(other.trim(), input, declared);
    }
    let past = if has_past(declared) { PAST } else { 0 };
    match () {
        () if symbol.contains("batch") => ROWS,
        () if symbol.contains("channel") => set(&["num_channels"], 3),
        () if symbol.contains("height") || symbol.contains("width") => set(&["image_size"], PIXELS),
        () if symbol.contains("encoder") => ENCODED,
        () if symbol.contains("past") => past,
        () if symbol.contains("total") => past + TOKENS,
        () if input == "input_values" => SAMPLES,
        () if input == "input_features" && symbol.contains("feature") => set(&["num_mel_bins"], 80),
        () if input == "input_features" => FRAMES,
        () => TOKENS,
    }
}

/// Whether the graph is told of earlier tokens. A decoder with a branch for that is asked for the other one.
fn has_past(declared: &Declared) -> bool {
    let names = || declared.inputs.iter().map(|input| input.name.as_str());
    names().any(|name| name.starts_with("past_key_values")) && !names().any(|name| name == "use_cache_branch")
}

fn setting(config: &Value, names: &[&str]) -> Option<u64> {
    let parts = [Some(config), config.get("text_config"), config.get("vision_config")];
    let mut found =
        parts.into_iter().flatten().flat_map(|part| names.iter().filter_map(|name| part.get(name)?.as_u64()));
    found.next()
}

/// splitmix64.
struct Noise(u64);

impl Noise {
    /// Numbers of its own for each input.
    fn of(name: &str) -> Self {
        Self(name.bytes().fold(0x9e37_79b9, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte))))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From -1 to 1.
    #[expect(clippy::cast_precision_loss, reason = "24 bits are what a float holds")]
    fn float(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    }
}
