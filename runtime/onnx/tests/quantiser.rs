//! Quantised weights have the bytes that onnxruntime's own quantiser gives: those
//! kept in `fixtures/quantiser.json`, and, where there is Python, many more.
//!
//! `PELAGO_TEST_GOLDEN=1` writes the fixture anew from what Python gives.

#![allow(clippy::unwrap_used, reason = "a test panics where something is wrong")]

mod common;

use std::path::{Path, PathBuf};

use pelago_onnx::precision::{Blocks, Integers, Layout, Table};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Case {
    name: String,
    kind: String,
    bits: u8,
    block: usize,
    symmetric: bool,
    k: usize,
    n: usize,
}

struct Parts {
    packed: Vec<u8>,
    scales: Vec<f32>,
    zeros: Vec<u8>,
}

impl Case {
    fn quantise(&self, values: &[f32]) -> Parts {
        let Self { k, n, block, bits, symmetric, .. } = *self;
        match self.kind.as_str() {
            "weight" => {
                let layout = Layout { k, n, block, bits, symmetric };
                let columns = Blocks::of_columns(values, layout).unwrap();
                // A transposed weight gives the same.
                let turned = (0..n).flat_map(|column| (0..k).map(move |row| values[row * n + column]));
                let rows = Blocks::of_rows(&turned.collect::<Vec<_>>(), layout).unwrap();
                assert_eq!(columns.packed, rows.packed, "{self:?}");
                assert_eq!(bytes(&columns.scales), bytes(&rows.scales), "{self:?}");
                assert_eq!(columns.zero_points, rows.zero_points, "{self:?}");
                Parts { packed: columns.packed, scales: columns.scales, zeros: columns.zero_points }
            }
            "table" => {
                let table = Table::of_rows(values, k, block, symmetric).unwrap();
                let zeros = table.packed_zero_points();
                Parts { packed: table.packed, scales: table.scales, zeros }
            }
            _ => {
                let integers = Integers::of_columns(values, n).unwrap();
                Parts { packed: integers.codes, scales: integers.scales, zeros: vec![] }
            }
        }
    }
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Numbers that look random, the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}

/// Weights of many kinds.
fn values(kind: &str, count: usize, numbers: &mut Numbers) -> Vec<f32> {
    let value = |index: usize, numbers: &mut Numbers| match kind {
        "usual" => numbers.next() * 0.05,
        // Sums that fall on halves, which the two ways of rounding differ in.
        "halves" => (numbers.next() * 16.0).round() / 2.0,
        "constant" => 0.75,
        "zero" => [0.0, -0.0][index % 2],
        "positive" => numbers.next().abs(),
        "negative" => -numbers.next().abs() - 0.25,
        "tiny" => f32::from_bits((numbers.next().abs() * 40.0) as u32),
        "small" => numbers.next() * 1e-38,
        "huge" => numbers.next() * 1e38,
        "outlier" => numbers.next() * if index.is_multiple_of(17) { 1e4 } else { 1e-3 },
        _ => numbers.next() * 10f32.powi((numbers.next() * 30.0) as i32),
    };
    (0..count).map(|index| value(index, numbers)).collect()
}

const KINDS: [&str; 11] =
    ["usual", "halves", "constant", "zero", "positive", "negative", "tiny", "small", "huge", "outlier", "wild"];

fn cases() -> Vec<(Case, Vec<f32>)> {
    let mut cases = Vec::new();
    let mut numbers = Numbers(7);
    let mut add = |kind: &str, of: &str, bits, block, symmetric, k: usize, n: usize| {
        let name = format!("case{}", cases.len());
        let values = values(of, k * n, &mut numbers);
        cases.push((Case { name, kind: kind.to_owned(), bits, block, symmetric, k, n }, values));
    };
    for of in KINDS {
        for symmetric in [true, false] {
            for bits in [2, 4, 8] {
                for block in [16, 32, 128] {
                    for (k, n) in [(64, 5), (33, 3), (31, 4), (1, 7), (100, 6), (95, 3), (257, 2), (47, 131)] {
                        add("weight", of, bits, block, symmetric, k, n);
                    }
                }
            }
            for block in [16, 32] {
                for (k, n) in [(64, 5), (32, 3), (33, 4), (47, 3), (8, 7)] {
                    add("table", of, 4, block, symmetric, k, n);
                }
            }
        }
        for (k, n) in [(64, 5), (33, 3), (1, 7)] {
            add("integer", of, 8, 32, true, k, n);
        }
    }
    cases
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/quantiser.json")
}

#[test]
fn bytes_are_those_of_the_fixture() {
    let cases: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(fixture()).unwrap()).unwrap();
    assert!(cases.len() > 50, "{}", cases.len());
    for golden in cases {
        let case: Case = serde_json::from_value(golden.clone()).unwrap();
        let hex = |part: &str| golden.get(part).map(|text| from_hex(text.as_str().unwrap())).unwrap_or_default();
        let values = hex("weight").as_chunks::<4>().0.iter().map(|it| f32::from_le_bytes(*it)).collect::<Vec<_>>();
        let parts = case.quantise(&values);
        assert_eq!(parts.packed, hex("packed"), "{case:?}");
        assert_eq!(parts.zeros, hex("zeros"), "{case:?}");
        // The sign of a zero scale of a table is left to numpy.
        let scales = hex("scales").as_chunks::<4>().0.iter().map(|it| f32::from_le_bytes(*it)).collect::<Vec<_>>();
        assert_eq!(parts.scales, scales, "{case:?}");
    }
}

fn from_hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn bytes_are_those_of_the_quantiser_itself() {
    let folder = tempfile::tempdir().unwrap();
    let cases = cases();
    for (case, values) in &cases {
        let parts = case.quantise(values);
        let write = |part: &str, bytes: &[u8]| {
            std::fs::write(folder.path().join(format!("{}.{part}", case.name)), bytes).unwrap();
        };
        write("weight", &bytes(values));
        write("packed", &parts.packed);
        write("scales", &bytes(&parts.scales));
        write("zeros", &parts.zeros);
    }
    let list = cases.iter().map(|(case, _)| case).collect::<Vec<_>>();
    std::fs::write(folder.path().join("cases.json"), serde_json::to_vec(&list).unwrap()).unwrap();
    let out = common::python("check_quantiser.py", |command| {
        command.arg(folder.path());
        if std::env::var_os("PELAGO_TEST_GOLDEN").is_some() {
            command.arg("--golden").arg(fixture());
        }
    });
    assert_eq!(out.trim().parse(), Ok(cases.len()));
}

#[test]
fn what_is_not_finite_is_named_with_its_place() {
    for (value, at) in [(f32::NAN, 40), (f32::INFINITY, 0), (f32::NEG_INFINITY, 95)] {
        let mut weight = values("usual", 96, &mut Numbers(1));
        weight[at] = value;
        let layout = Layout { k: 48, n: 2, block: 32, bits: 4, symmetric: true };
        let found = Blocks::of_columns(&weight, layout).unwrap_err();
        assert_eq!((found.value.to_bits(), found.at), (value.to_bits(), (at / 2, at % 2)));
        let found = Blocks::of_rows(&weight, layout).unwrap_err();
        assert_eq!((found.value.to_bits(), found.at), (value.to_bits(), (at % 48, at / 48)));
        assert!(Table::of_rows(&weight, 48, 32, true).is_err());
        assert!(Integers::of_columns(&weight, 2).is_err());
    }
}
