//! All of Pelago that knows the ONNX format. Browsers, sessions, content and
//! tables of results are not known here: files come through the trait
//! [`files::Files`], models go to a folder that the caller gives.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`proto`] | the messages of `onnx.proto`, all fields |
//! | [`read`] | a model's graph without its weights, from anyone's bytes |
//! | [`graph`] | checkpoint (`config.json`, safetensors) → graph that points into it |
//! | [`gguf`] | GGUF files: header, tokenizer, and the graph of the decoder in one |
//! | [`precision`] | fp32 model → 2, 4, 8, 16 bits, mixed; the search for a mix; memory |
//!
//! # Making a precision
//!
//! ```no_run
//! use std::path::Path;
//! use pelago_onnx::files::Folder;
//! use pelago_onnx::precision::{Destination, Recipe, convert};
//!
//! # fn main() -> Result<(), pelago_onnx::Error> {
//! let files = Folder("all-MiniLM-L6-v2".into());
//! let to = Destination { parent: Some("bafy…"), ..Destination::new(Path::new("out"), "model_q4.onnx") };
//! // Writes out/model_q4.onnx and out/model_q4.onnx_data (more where it exceeds 1 GiB).
//! let summary = convert(&files, "onnx/model.onnx", &Recipe::new(4).mixed(), to)?;
//! println!("{} bytes of weights were {}", summary.bytes_after, summary.bytes_before);
//! # Ok(())
//! # }
//! ```
//!
//! The files of a model may be anything that gives ranges of them: a folder, a
//! store of blocks, or a graph in memory ([`graph::build`]) beside the
//! safetensors that its weights are in. Recipes are JSON
//! ([`precision::Recipe::to_json`], [`precision::Recipe::from_json`]), which is
//! also kept in the model's `metadata_props` under `recipe`, beside `parent`.
//!
//! | recipe | becomes | runs on |
//! | --- | --- | --- |
//! | `{"bits":32}` | a copy, its weights in data files | all |
//! | `{"bits":16}` | half precision; norms, softmax, sums, residuals in fp32 | WebGPU with `shader-f16`, WebNN, wasm |
//! | `{"bits":8}` | `MatMulNBits`, `GatherBlockQuantized` | WebGPU, WebNN, wasm |
//! | `{"bits":8,"form":"integer"}` | `DynamicQuantizeLinear`, `MatMulInteger` | wasm |
//! | `{"bits":4}`, `{"bits":2}` | as 8, in blocks of 32 | WebGPU, WebNN (4), wasm |
//! | `{"bits":4,"half":true}` | 4 bits, computing in half precision | WebGPU with `shader-f16` |

mod error;
pub mod files;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod gguf;
pub mod graph;
pub mod precision;
pub mod proto;
pub mod read;

pub use error::Error;
