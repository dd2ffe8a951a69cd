//! What end-to-end tests and the benchmark share: a session in a folder of its
//! own, the fixtures, and the processes that belong to a browser.
//!
//! Nothing here stands in for a browser: tests open real ones, and fail where
//! one is missing (`make deps` installs them).

pub mod lab;
pub mod processes;

use std::path::{Path, PathBuf};

/// The text whose embedding is known.
pub const SENTENCE: &str = "The quick brown fox jumps over the lazy dog";

/// The first values of all-MiniLM-L6-v2's embedding of [`SENTENCE`], mean pooled
/// and normalised, as onnxruntime computes it natively.
pub const REFERENCE: [f32; 5] = [0.035_497, 0.061_286, 0.052_692, 0.070_705, 0.033_101];

/// A checked-in file or folder.
#[must_use]
pub fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}
