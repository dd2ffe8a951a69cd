//! How fast weights are quantised, on one core and in memory, for benchmarks.

use std::{hint::black_box, time::Instant};

use super::{Blocks, Integers, Layout, Table};

/// Rows and columns of the weight that is measured: 64 MiB of fp32, more than
/// any cache, in a shape that models have.
const SHAPE: (usize, usize) = (4096, 4096);
const RUNS: usize = 5;

/// One way of quantising.
#[derive(Clone, Debug, PartialEq)]
pub struct Speed {
    /// What was made.
    pub name: String,
    /// Megabytes (10⁶) of fp32 weights a second: the median of five runs.
    pub megabytes: f64,
}

/// Measures every way. Takes some seconds.
#[must_use]
pub fn measure() -> Vec<Speed> {
    let (k, n) = SHAPE;
    // Numbers that look random: no branch may learn them.
    let number = |index: usize| ((index as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32 - 0.5;
    let weight = (0..k * n).map(number).collect::<Vec<_>>();
    let mut found = Vec::new();
    let mut run = |name: String, quantise: &dyn Fn(&[f32])| {
        let mut seconds = [0.0; RUNS];
        for second in &mut seconds {
            let start = Instant::now();
            quantise(black_box(&weight));
            *second = start.elapsed().as_secs_f64();
        }
        seconds.sort_by(f64::total_cmp);
        found.push(Speed { name, megabytes: (weight.len() * 4) as f64 / seconds[RUNS / 2] / 1e6 });
    };
    for bits in [2, 4, 8] {
        for (symmetric, zero) in [(true, "symmetric"), (false, "asymmetric")] {
            let layout = Layout { k, n, block: 32, bits, symmetric };
            run(format!("{bits} bits, {zero}, [K, N]"), &|weight| drop(black_box(Blocks::of_columns(weight, layout))));
            run(format!("{bits} bits, {zero}, [N, K]"), &|weight| drop(black_box(Blocks::of_rows(weight, layout))));
        }
    }
    run("4 bits, table".to_owned(), &|weight| drop(black_box(Table::of_rows(weight, n, 32, true))));
    run("8 bits, integers".to_owned(), &|weight| drop(black_box(Integers::of_columns(weight, n))));
    run("16 bits".to_owned(), &|weight| drop(black_box(super::jobs::halves(weight))));
    found
}
