//! Blocks of few bits as the numbers that they stand for, in the order of operations of ggml's own dequantisers, so that
//! every number is the same to the last bit.

use half::{bf16, f16};

use super::TensorType;

/// The numbers of whole blocks. Bytes after the last whole block are left out.
#[must_use]
pub fn dequantise(kind: TensorType, bytes: &[u8]) -> Vec<f32> {
    let blocks = bytes.chunks_exact(kind.block_bytes());
    let mut numbers = Vec::with_capacity(blocks.len() * kind.block());
    for block in blocks {
        match kind {
            TensorType::F32 => numbers.push(f32::from_le_bytes([block[0], block[1], block[2], block[3]])),
            TensorType::F16 => numbers.push(half_at(block, 0)),
            TensorType::Bf16 => numbers.push(bf16::from_le_bytes([block[0], block[1]]).to_f32()),
            TensorType::Q4_0 => {
                let scale = half_at(block, 0);
                numbers.extend(codes(&block[2..]).map(|code| scale * (f32::from(code) - 8.0)));
            }
            TensorType::Q4_1 => {
                let (scale, least) = (half_at(block, 0), half_at(block, 2));
                numbers.extend(codes(&block[4..]).map(|code| scale * f32::from(code) + least));
            }
            TensorType::Q8_0 => {
                let scale = half_at(block, 0);
                numbers.extend(block[2..].iter().map(|code| scale * f32::from(*code as i8)));
            }
            TensorType::Q4K => q4_k(block, &mut numbers),
            TensorType::Q6K => q6_k(block, &mut numbers),
        }
    }
    numbers
}

/// The 32 codes of 4 bits of 16 bytes: the lower halves of all, then the upper ones.
pub(super) fn codes(bytes: &[u8]) -> impl Iterator<Item = u8> + '_ {
    bytes.iter().map(|byte| byte & 15).chain(bytes.iter().map(|byte| byte >> 4))
}

pub(super) fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

fn q4_k(block: &[u8], numbers: &mut Vec<f32>) {
    let (scale, least) = (half_at(block, 0), half_at(block, 2));
    let (packed, codes) = (&block[4..16], &block[16..]);
    // Six bits each: those of the first four groups lie plainly, the others' upper two above those.
    let group = |group: usize| match group {
        0..4 => (packed[group] & 63, packed[group + 4] & 63),
        _ => (packed[group + 4] & 15 | packed[group - 4] >> 6 << 4, packed[group + 4] >> 4 | packed[group] >> 6 << 4),
    };
    for (pair, codes) in codes.chunks_exact(32).enumerate() {
        for half in 0..2 {
            let (factor, offset) = group(2 * pair + half);
            let (factor, offset) = (scale * f32::from(factor), least * f32::from(offset));
            let code = |byte: &u8| if half == 0 { byte & 15 } else { byte >> 4 };
            numbers.extend(codes.iter().map(|byte| factor * f32::from(code(byte)) - offset));
        }
    }
}

fn q6_k(block: &[u8], numbers: &mut Vec<f32>) {
    let (lower, upper, scales, scale) = (&block[..128], &block[128..192], &block[192..208], half_at(block, 208));
    for (part, ((lower, upper), scales)) in
        lower.chunks_exact(64).zip(upper.chunks_exact(32)).zip(scales.chunks_exact(8)).enumerate()
    {
        debug_assert!(part < 2);
        for quarter in 0..4 {
            for place in 0..32 {
                let low = lower[place + 32 * (quarter % 2)];
                let low = if quarter < 2 { low & 15 } else { low >> 4 };
                let high = upper[place] >> (2 * quarter) & 3;
                let code = f32::from(low | high << 4) - 32.0;
                let factor = scale * f32::from(scales[2 * quarter + place / 16] as i8);
                numbers.push(factor * code);
            }
        }
    }
}
