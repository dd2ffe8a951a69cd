//! A decoder so small that a GPU's dispatches, and what is done around a run, are all that a token takes: eight layers of
//! 128 numbers. Its weights are random, and the same each time.

use std::fs;

use pelago_content::Store;
use pelago_onnx::graph::{Folder, GenerationOptions, build_decoder_in};
use pelago_onnx::precision::{Destination, Recipe, convert};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Map, Value, json};

use super::decoder::Decoder;
use crate::Failure;

const LAYERS: usize = 8;
const HIDDEN: usize = 128;
const HEADS: usize = 4;
const KEY_HEADS: usize = 2;
const INTERMEDIATE: usize = 256;
pub(super) const VOCABULARY: usize = 512;
/// Tokens that it takes: more than any prompt here has.
const POSITIONS: usize = 4096;
const SEED: u64 = 7;

pub(super) async fn decoder(store: &Store) -> Result<Decoder, Failure> {
    let checkpoint = tempfile::tempdir()?;
    let config = config();
    fs::write(checkpoint.path().join("config.json"), config.to_string())?;
    fs::write(checkpoint.path().join("model.safetensors"), safetensors()?)?;
    let files = Folder(checkpoint.path().to_owned());
    let built = build_decoder_in(&files, "", &GenerationOptions::default())?;
    fs::write(checkpoint.path().join("graph.onnx"), built.model.onnx)?;
    let folder = tempfile::tempdir()?;
    convert(&files, "graph.onnx", &Recipe::new(32), Destination::new(folder.path(), "model.onnx"))?;
    Decoder::add(store, folder, "toy", built.generation.context, &config).await
}

fn config() -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": HIDDEN,
        "intermediate_size": INTERMEDIATE,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KEY_HEADS,
        "head_dim": HIDDEN / HEADS,
        "max_position_embeddings": POSITIONS,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10_000.0,
        "tie_word_embeddings": false,
        "vocab_size": VOCABULARY,
    })
}

/// Shapes by name, as transformers names them.
fn shapes() -> Vec<(String, Vec<usize>)> {
    let narrow = HIDDEN / HEADS * KEY_HEADS;
    let mut shapes = vec![("model.embed_tokens.weight".to_owned(), vec![VOCABULARY, HIDDEN])];
    for layer in 0..LAYERS {
        let parts: [(&str, &[usize]); 9] = [
            ("input_layernorm", &[HIDDEN]),
            ("self_attn.q_proj", &[HIDDEN, HIDDEN]),
            ("self_attn.k_proj", &[narrow, HIDDEN]),
            ("self_attn.v_proj", &[narrow, HIDDEN]),
            ("self_attn.o_proj", &[HIDDEN, HIDDEN]),
            ("post_attention_layernorm", &[HIDDEN]),
            ("mlp.gate_proj", &[INTERMEDIATE, HIDDEN]),
            ("mlp.up_proj", &[INTERMEDIATE, HIDDEN]),
            ("mlp.down_proj", &[HIDDEN, INTERMEDIATE]),
        ];
        shapes.extend(parts.map(|(part, shape)| (format!("model.layers.{layer}.{part}.weight"), shape.to_vec())));
    }
    shapes.push(("model.norm.weight".to_owned(), vec![HIDDEN]));
    shapes.push(("lm_head.weight".to_owned(), vec![VOCABULARY, HIDDEN]));
    shapes
}

/// The file: the length of its header, the header, the numbers.
fn safetensors() -> Result<Vec<u8>, Failure> {
    let mut random = StdRng::seed_from_u64(SEED);
    let (mut header, mut numbers) = (Map::new(), Vec::new());
    for (name, shape) in shapes() {
        let start = numbers.len();
        // Norms scale by 1; matrices neither make states larger nor smaller.
        let spread = if shape.len() == 1 { 0.0 } else { (3.0 / HIDDEN as f32).sqrt() };
        for _ in 0..shape.iter().product() {
            let value: f32 = if spread == 0.0 { 1.0 } else { random.random_range(-spread..spread) };
            numbers.extend(value.to_le_bytes());
        }
        header.insert(name, json!({"dtype": "F32", "shape": shape, "data_offsets": [start, numbers.len()]}));
    }
    let header = serde_json::to_vec(&header)?;
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(numbers);
    Ok(file)
}
