//! The types of tensors: how many numbers share a block, and how many bytes that has.

/// The type of a tensor's numbers. A block's formula is beside its name: `d`, `m` are half precision numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TensorType {
    /// Single precision.
    F32,
    /// Half precision.
    F16,
    /// bfloat16.
    Bf16,
    /// 32 numbers `d (q - 8)`, `q` of 4 bits.
    Q4_0,
    /// 32 numbers `d q + m`, `q` of 4 bits.
    Q4_1,
    /// 32 numbers `d q`, `q` a signed byte.
    Q8_0,
    /// 256 numbers in 8 groups, each `d s q - m t` with `s` and `t` of 6 bits, `q` of 4.
    Q4K,
    /// 256 numbers in 16 groups, each `d s q` with `s` a signed byte, `q` of 6 bits from -32 on.
    Q6K,
}

impl TensorType {
    /// By its number in the file; its name, or the number, where it is not read.
    pub(super) fn of(number: u32) -> Result<Self, String> {
        const OTHERS: [(u32, &str); 19] = [
            (6, "Q5_0"),
            (7, "Q5_1"),
            (9, "Q8_1"),
            (10, "Q2_K"),
            (11, "Q3_K"),
            (13, "Q5_K"),
            (15, "Q8_K"),
            (16, "IQ2_XXS"),
            (17, "IQ2_XS"),
            (18, "IQ3_XXS"),
            (19, "IQ1_S"),
            (20, "IQ4_NL"),
            (21, "IQ3_S"),
            (22, "IQ2_S"),
            (23, "IQ4_XS"),
            (29, "IQ1_M"),
            (34, "TQ1_0"),
            (35, "TQ2_0"),
            (39, "MXFP4"),
        ];
        Ok(match number {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            8 => Self::Q8_0,
            12 => Self::Q4K,
            14 => Self::Q6K,
            30 => Self::Bf16,
            _ => {
                let name = OTHERS.iter().find(|(known, _)| *known == number);
                return Err(name.map_or_else(|| format!("number {number}"), |(_, name)| (*name).to_owned()));
            }
        })
    }

    /// Numbers of a block.
    #[must_use]
    pub fn block(self) -> usize {
        match self {
            Self::F32 | Self::F16 | Self::Bf16 => 1,
            Self::Q4_0 | Self::Q4_1 | Self::Q8_0 => 32,
            Self::Q4K | Self::Q6K => 256,
        }
    }

    /// Bytes of a block.
    #[must_use]
    pub fn block_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q8_0 => 34,
            Self::Q4K => 144,
            Self::Q6K => 210,
        }
    }
}
