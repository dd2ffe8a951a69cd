//! Embedding tables of 4 bits in blocks along their last axis: the bytes that
//! onnxruntime's `matmul_nbits_quantizer` gives for `GatherBlockQuantized` (in
//! numpy, which rounds halves to even and divides, other than for `MatMul`).
//!
//! Codes of all rows follow each other, two a byte, the first lowest; signed
//! where symmetric. So do zero points.

use super::blocks::NotFinite;

/// Some rows of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The codes.
    pub packed: Vec<u8>,
    /// One a block.
    pub scales: Vec<f32>,
    /// One code a block, unpacked; empty where symmetric.
    pub zero_points: Vec<u8>,
}

impl Table {
    /// Rows of `width` values. Rows that are to be put together come in even
    /// numbers, except the last.
    ///
    /// # Errors
    /// The first value found that is not finite, with row and column swapped as
    /// in a weight of `[K, N]`.
    pub fn of_rows(values: &[f32], width: usize, block: usize, symmetric: bool) -> Result<Self, NotFinite> {
        let mut table = Self::default();
        let mut codes = vec![0u8; values.len()];
        for (index, (row, codes)) in values.chunks_exact(width).zip(codes.chunks_exact_mut(width)).enumerate() {
            for (number, (values, codes)) in row.chunks(block).zip(codes.chunks_mut(block)).enumerate() {
                if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                    return Err(NotFinite { value: values[at], at: (number * block + at, index) });
                }
                let least = values.iter().copied().fold(f32::MAX, f32::min);
                let most = values.iter().copied().fold(f32::MIN, f32::max);
                if symmetric {
                    let farthest = if most.abs() > least.abs() { most } else { least };
                    let scale = farthest / -8.0;
                    table.scales.push(scale);
                    signed(values, scale, codes);
                } else {
                    let (least, most) = (least.min(0.0), most.max(0.0));
                    let scale = (most - least) / 15.0;
                    let zero = if scale == 0.0 { 8.0 } else { even(-least / scale).clamp(0.0, 15.0) };
                    table.scales.push(scale);
                    table.zero_points.push(zero as u8);
                    unsigned(values, scale, zero, codes);
                }
            }
        }
        table.packed = pairs(&codes);
        Ok(table)
    }

    /// The zero points, two a byte.
    #[must_use]
    pub fn packed_zero_points(&self) -> Vec<u8> {
        pairs(&self.zero_points)
    }
}

/// Codes of 4 bits, two a byte.
pub(super) fn pairs(codes: &[u8]) -> Vec<u8> {
    codes.chunks(2).map(|pair| pair[0] & 0xf | pair.get(1).map_or(0, |high| high << 4)).collect()
}

fn signed(values: &[f32], scale: f32, codes: &mut [u8]) {
    for (value, code) in values.iter().zip(codes) {
        let place = if scale == 0.0 { 0.0 } else { even((value / scale).clamp(-9.0, 9.0)).clamp(-8.0, 7.0) };
        *code = place as i32 as u8;
    }
}

fn unsigned(values: &[f32], scale: f32, zero: f32, codes: &mut [u8]) {
    for (value, code) in values.iter().zip(codes) {
        let place = if scale == 0.0 { 8.0 } else { even((value / scale + zero).clamp(-1.0, 16.0)).clamp(0.0, 15.0) };
        *code = place as i32 as u8;
    }
}

/// Rounds halves to even, for numbers far below 2²²: adding this many leaves no
/// bits for a fraction. Quicker than the call that `round_ties_even` would be.
pub(super) fn even(value: f32) -> f32 {
    const WHOLE: f32 = 12_582_912.0;
    if value.abs() < 4_194_304.0 { (value + WHOLE) - WHOLE } else { value }
}
