//! What fuzzers call, of all crates under this one; see `fuzz/README.md`.

use std::path::Path;

use pelago_dag::fuzzing::seeds as of_dag;
pub use pelago_dag::fuzzing::{car, cbor, cid, node};
use pelago_exchange::fuzzing::seeds as of_exchange;
pub use pelago_exchange::fuzzing::{query, record};

/// Writes a target's seeds into a folder, for a fuzzer that reads its corpus from there. The folder is
/// the one that `PELAGO_FUZZ_CORPUS` names; without it nothing is done.
///
/// # Panics
///
/// Where there is no such target, or the folder cannot be written.
pub fn sow(target: &str) {
    let Some(folder) = std::env::var_os("PELAGO_FUZZ_CORPUS") else { return };
    let Some(seeds) = of_dag(target).or_else(|| of_exchange(target)) else { panic!("no target {target}") };
    for (number, seed) in seeds.iter().enumerate() {
        std::fs::write(Path::new(&folder).join(format!("seed-{number}")), seed).expect("the corpus can be written");
    }
}
