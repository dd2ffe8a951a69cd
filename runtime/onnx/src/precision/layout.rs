//! How long the parts of a weight in blocks are.

/// A weight `[K, N]` in blocks along K.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    /// What is summed over.
    pub k: usize,
    /// Outputs.
    pub n: usize,
    /// Weights that share a scale.
    pub block: usize,
    /// 2, 4 or 8.
    pub bits: u8,
    /// Whether the zero point is the middle of the codes.
    pub symmetric: bool,
}

impl Layout {
    /// Blocks of one output.
    #[must_use]
    pub fn blocks(self) -> usize {
        self.k.div_ceil(self.block)
    }

    /// Bytes of a block.
    #[must_use]
    pub fn block_bytes(self) -> usize {
        self.block * self.bits as usize / 8
    }

    /// Bytes of one output.
    #[must_use]
    pub fn packed_row(self) -> usize {
        self.blocks() * self.block_bytes()
    }

    /// Bytes of the zero points of one output.
    #[must_use]
    pub fn zero_row(self) -> usize {
        (self.blocks() * self.bits as usize).div_ceil(8)
    }

    /// Bytes of all, with scales of 32 bits.
    #[must_use]
    pub fn bytes(self) -> u64 {
        let zeros = if self.symmetric { 0 } else { self.zero_row() };
        (self.packed_row() + self.blocks() * 4 + zeros) as u64 * self.n as u64
    }
}
