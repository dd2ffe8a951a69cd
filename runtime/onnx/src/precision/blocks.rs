//! Weights in blocks of one scale each: the bytes that onnxruntime's
//! `quantize_matmul_2bits`, `_4bits` and `_8bits` give (MLAS, `q4_dq.cpp`), which
//! `MatMulNBits` reads.
//!
//! A weight is `[K, N]`; its blocks run along K. Packed: `[N, ⌈K/block⌉,
//! block·bits/8]`, the first of the codes that share a byte lowest. Scales:
//! `[N, ⌈K/block⌉]`. Zero points, where asymmetric: `[N, ⌈⌈K/block⌉·bits/8⌉]`.
//!
//! Symmetric: `scale = −m / 2^(bits−1)`, where m is the value farthest from zero,
//! and the zero point is the middle of the codes. Asymmetric: `scale = (max −
//! min) / (2^bits − 1)`, of a range that is widened to have zero in it. A code is
//! `round(w · (1/scale) + zero)`, halves away from zero.

use super::layout::Layout;

/// Columns that are gone through together: enough for vector registers.
const TILE: usize = 64;
/// Bytes of the largest block: 256 weights of 8 bits.
const BLOCK_MAX: usize = 256;

/// A value that no code can stand for, and which of the values given it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NotFinite {
    /// The value.
    pub value: f32,
    /// Row (along K) and column (along N).
    pub at: (usize, usize),
}

/// A weight in blocks.
#[derive(Clone, Debug, PartialEq)]
pub struct Blocks {
    /// How they are laid out.
    pub layout: Layout,
    /// The codes.
    pub packed: Vec<u8>,
    /// One a block.
    pub scales: Vec<f32>,
    /// Empty where symmetric.
    pub zero_points: Vec<u8>,
}

impl Blocks {
    /// Room for rows `rows` of the packed weight (columns of `[K, N]`).
    #[must_use]
    pub fn room(layout: Layout, rows: usize) -> Self {
        let zero_points = if layout.symmetric { 0 } else { rows * layout.zero_row() };
        // Where a byte of zero points has more places than blocks, the others
        // hold the middle.
        let middle = match layout.bits {
            2 => 0b1010_1010,
            4 => 0x88,
            _ => 0x80,
        };
        Self {
            layout,
            packed: vec![0; rows * layout.packed_row()],
            scales: vec![0.0; rows * layout.blocks()],
            zero_points: vec![middle; zero_points],
        }
    }

    /// A weight `[K, N]`.
    ///
    /// # Errors
    /// The first value found that is not finite.
    pub fn of_columns(weight: &[f32], layout: Layout) -> Result<Self, NotFinite> {
        let mut blocks = Self::room(layout, layout.n);
        for (index, rows) in weight.chunks((layout.n * layout.block).max(1)).enumerate() {
            blocks.add_columns(rows, index)?;
        }
        blocks.finish();
        Ok(blocks)
    }

    /// A transposed weight, `[N, K]`.
    ///
    /// # Errors
    /// The first value found that is not finite.
    pub fn of_rows(weight: &[f32], layout: Layout) -> Result<Self, NotFinite> {
        let rows = weight.len().checked_div(layout.k).unwrap_or_default();
        let mut blocks = Self::room(layout, rows);
        for (index, row) in weight.chunks_exact(layout.k.max(1)).enumerate() {
            for (block, values) in row.chunks(layout.block).enumerate() {
                let range = Range::of(values)
                    .map_err(|(value, at)| NotFinite { value, at: (block * layout.block + at, index) })?;
                let scale = blocks.scale(index, block, range);
                let codes = &mut blocks.packed[index * layout.packed_row() + block * layout.block_bytes()..];
                match layout.bits {
                    2 => pack::<2>(values, scale, codes),
                    4 => pack::<4>(values, scale, codes),
                    _ => pack::<8>(values, scale, codes),
                }
            }
        }
        blocks.finish();
        Ok(blocks)
    }

    /// Takes block `block` of every column: up to `layout.block` rows of N.
    ///
    /// # Errors
    /// The first value found that is not finite.
    pub fn add_columns(&mut self, rows: &[f32], block: usize) -> Result<(), NotFinite> {
        let n = self.layout.n;
        for start in (0..n).step_by(TILE) {
            let width = TILE.min(n - start);
            let (mut least, mut most, mut odd) = ([f32::MAX; TILE], [f32::MIN; TILE], 0);
            for row in rows.chunks_exact(n) {
                for ((value, least), most) in row[start..start + width].iter().zip(&mut least).zip(&mut most) {
                    *least = if *value < *least { *value } else { *least };
                    *most = if *value > *most { *value } else { *most };
                    odd |= u32::from(value.to_bits() & EXPONENT == EXPONENT);
                }
            }
            if odd != 0 {
                return Err(self.find(rows, block));
            }
            let (mut factors, mut zeros) = ([0.0; TILE], [0.0; TILE]);
            for column in 0..width {
                let scale = self.scale(start + column, block, Range { least: least[column], most: most[column] });
                (factors[column], zeros[column]) = (scale.factor, scale.zero);
            }
            match self.layout.bits {
                2 => self.tile::<2>(rows, block, start, width, (&factors, &zeros)),
                4 => self.tile::<4>(rows, block, start, width, (&factors, &zeros)),
                _ => self.tile::<8>(rows, block, start, width, (&factors, &zeros)),
            }
        }
        Ok(())
    }

    /// To be called after the last block. Where K ends within a byte, the places
    /// past it hold what MLAS leaves there: the codes of the byte before, if
    /// that belongs to the same group of blocks.
    pub fn finish(&mut self) {
        let layout = self.layout;
        let (group, bits) = (8 / layout.bits as usize, layout.bits as usize);
        let (over, last) = (layout.k % group, layout.k / group);
        let start = (last * group) / (layout.block * group) * (layout.block * group);
        if over == 0 || last * group < start + group {
            return;
        }
        let mask = !0u8 << (over * bits);
        for row in self.packed.chunks_exact_mut(layout.packed_row()) {
            row[last] = row[last] & !mask | row[last - 1] & mask;
        }
    }

    fn find(&self, rows: &[f32], block: usize) -> NotFinite {
        let n = self.layout.n;
        let at = rows.iter().position(|value| !value.is_finite()).unwrap_or_default();
        NotFinite { value: rows[at], at: (block * self.layout.block + at / n, at % n) }
    }

    /// Keeps a block's scale and zero point.
    fn scale(&mut self, row: usize, block: usize, range: Range) -> Scale {
        let layout = self.layout;
        let (scale, zero) = if layout.symmetric { range.symmetric(layout.bits) } else { range.asymmetric(layout.bits) };
        self.scales[row * layout.blocks() + block] = scale;
        if !layout.symmetric {
            let (bits, group) = (layout.bits as usize, 8 / layout.bits as usize);
            let byte = &mut self.zero_points[row * layout.zero_row() + block / group];
            let shift = block % group * bits;
            let mask = ((1u16 << bits) - 1) as u8;
            *byte = *byte & !(mask << shift) | zero << shift;
        }
        Scale { factor: if scale == 0.0 { 0.0 } else { 1.0 / scale }, zero: f32::from(zero) }
    }

    fn tile<const BITS: usize>(
        &mut self,
        rows: &[f32],
        block: usize,
        start: usize,
        width: usize,
        (factors, zeros): (&[f32; TILE], &[f32; TILE]),
    ) {
        let (n, stride, group) = (self.layout.n, self.layout.packed_row(), 8 / BITS);
        let length = self.layout.block_bytes();
        // The bytes of a column lie together, those of columns far apart: often so
        // that all fall into one set of the cache. So they are put together here.
        let mut tile = [0u8; TILE * BLOCK_MAX];
        for (byte, rows) in rows.chunks(n * group).enumerate() {
            let mut bytes = [0u8; TILE];
            for (place, row) in rows.chunks_exact(n).enumerate() {
                let row = &row[start..start + width];
                for (((byte, value), factor), zero) in bytes.iter_mut().zip(row).zip(factors).zip(zeros) {
                    *byte |= code::<BITS>(*value, *factor, *zero) << (place * BITS);
                }
            }
            for (column, found) in bytes[..width].iter().enumerate() {
                tile[column * length + byte] = *found;
            }
        }
        for (column, bytes) in tile.chunks_exact(length).take(width).enumerate() {
            let at = (start + column) * stride + block * length;
            self.packed[at..at + length].copy_from_slice(bytes);
        }
    }
}

const EXPONENT: u32 = 0x7f80_0000;

#[derive(Clone, Copy)]
struct Scale {
    factor: f32,
    zero: f32,
}

#[derive(Clone, Copy)]
struct Range {
    least: f32,
    most: f32,
}

impl Range {
    /// Of values one after the other; or one that is not finite, and its place.
    fn of(values: &[f32]) -> Result<Self, (f32, usize)> {
        const LANES: usize = 16;
        let (mut least, mut most, mut odd) = ([f32::MAX; LANES], [f32::MIN; LANES], [0u32; LANES]);
        let (chunks, rest) = values.as_chunks::<LANES>();
        for chunk in chunks {
            for lane in 0..LANES {
                let value = chunk[lane];
                least[lane] = if value < least[lane] { value } else { least[lane] };
                most[lane] = if value > most[lane] { value } else { most[lane] };
                odd[lane] |= u32::from(value.to_bits() & EXPONENT == EXPONENT);
            }
        }
        for (lane, value) in rest.iter().enumerate() {
            least[lane] = if *value < least[lane] { *value } else { least[lane] };
            most[lane] = if *value > most[lane] { *value } else { most[lane] };
            odd[lane] |= u32::from(value.to_bits() & EXPONENT == EXPONENT);
        }
        if odd.iter().any(|odd| *odd != 0) {
            let at = values.iter().position(|value| !value.is_finite()).unwrap_or_default();
            return Err((values[at], at));
        }
        let least = least.into_iter().fold(f32::MAX, |least, value| if value < least { value } else { least });
        let most = most.into_iter().fold(f32::MIN, |most, value| if value > most { value } else { most });
        // Of zeros of both signs the first counts, as where one goes through them in order.
        if least == 0.0 && most == 0.0 {
            Ok(Self { least: values[0], most: values[0] })
        } else {
            Ok(Self { least, most })
        }
    }

    fn symmetric(self, bits: u8) -> (f32, u8) {
        let middle = 1u8 << (bits - 1);
        let farthest = if self.most.abs() > self.least.abs() { self.most } else { self.least };
        (-farthest / f32::from(middle), middle)
    }

    fn asymmetric(self, bits: u8) -> (f32, u8) {
        let least = if 0.0 < self.least { 0.0 } else { self.least };
        let most = if self.most < 0.0 { 0.0 } else { self.most };
        let top = f32::from(u8::MAX >> (8 - bits));
        let scale = (most - least) / top;
        let zero = if scale == 0.0 { least } else { 0.0 - least / scale };
        (scale, zero.clamp(0.0, top).round() as u8)
    }
}

/// One weight's code. What is not a number, from an infinite factor, is 0, as
/// the conversion of x86 makes it.
#[inline]
fn code<const BITS: usize>(value: f32, factor: f32, zero: f32) -> u8 {
    let top = f32::from(u8::MAX >> (8 - BITS));
    let place = value * factor + zero;
    let place = if place > 0.0 { place } else { 0.0 };
    let place = if place < top { place } else { top };
    // Halves away from zero, without the call that `round` would be.
    let whole = place as i32;
    (whole + i32::from(place - whole as f32 >= 0.5)) as u8
}

fn pack<const BITS: usize>(values: &[f32], scale: Scale, codes: &mut [u8]) {
    for (byte, values) in codes.iter_mut().zip(values.chunks(8 / BITS)) {
        let codes = values.iter().map(|value| code::<BITS>(*value, scale.factor, scale.zero));
        *byte = codes.enumerate().fold(0, |byte, (place, code)| byte | code << (place * BITS));
    }
}
