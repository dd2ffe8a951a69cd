//! Weights of 8 bits with one scale a column: as onnxruntime's dynamic quantiser
//! makes them with `per_channel` (symmetric, −127 to 127, halves to even).

use super::{blocks::NotFinite, table::even};

/// A weight `[K, N]` of integers.
#[derive(Clone, Debug, PartialEq)]
pub struct Integers {
    /// `[K, N]`, two's complement.
    pub codes: Vec<u8>,
    /// `[N]`.
    pub scales: Vec<f32>,
}

impl Integers {
    /// A weight of `n` columns.
    ///
    /// # Errors
    /// The first value found that is not finite.
    pub fn of_columns(weight: &[f32], n: usize) -> Result<Self, NotFinite> {
        let mut most = vec![0.0; n];
        farthest(weight, n, 0, false, &mut most)?;
        let scales = most.into_iter().map(scale).collect::<Vec<_>>();
        Ok(Self { codes: codes_of_columns(weight, &scales), scales })
    }
}

/// Takes the value farthest from zero of each output: of the columns of these
/// rows, or of the rows themselves (`start` is the first one's number) where the
/// weight is kept transposed.
pub(super) fn farthest(
    values: &[f32],
    columns: usize,
    start: usize,
    transposed: bool,
    farthest: &mut [f32],
) -> Result<(), NotFinite> {
    for (row, values) in values.chunks_exact(columns.max(1)).enumerate() {
        let mut odd = false;
        if transposed {
            for value in values {
                odd |= !value.is_finite();
                farthest[start + row] = farthest[start + row].max(value.abs());
            }
        } else {
            for (value, farthest) in values.iter().zip(farthest.iter_mut()) {
                odd |= !value.is_finite();
                *farthest = farthest.max(value.abs());
            }
        }
        if odd {
            let at = values.iter().position(|value| !value.is_finite()).unwrap_or_default();
            return Err(NotFinite { value: values[at], at: (row, at) });
        }
    }
    Ok(())
}

/// The scale of an output: 1 where its weights are (next to) nothing.
pub(super) fn scale(farthest: f32) -> f32 {
    let scale = f64::from(farthest + farthest) / 254.0;
    if scale < f64::from(f32::MIN_POSITIVE) { 1.0 } else { scale as f32 }
}

fn code(value: f32, scale: f32) -> u8 {
    even(value / scale).clamp(-127.0, 127.0) as i32 as u8
}

/// The codes of rows of a weight.
pub(super) fn codes_of_columns(values: &[f32], scales: &[f32]) -> Vec<u8> {
    let rows = values.chunks_exact(scales.len().max(1));
    rows.flat_map(|row| row.iter().zip(scales).map(|(value, scale)| code(*value, *scale))).collect()
}

/// The codes of rows of a transposed weight, put in the columns of one that is
/// not; `start` is the number of the first.
pub(super) fn codes_of_rows(values: &[f32], columns: usize, start: usize, scales: &[f32], codes: &mut [u8]) {
    let n = scales.len();
    for (row, values) in values.chunks_exact(columns.max(1)).enumerate() {
        for (k, value) in values.iter().enumerate() {
            codes[k * n + start + row] = code(*value, scales[start + row]);
        }
    }
}
