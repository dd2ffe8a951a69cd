//! Bits a weight.

use serde::{Deserialize, Serialize};

/// Bits a weight of the model that runs: 4, 8, 16 or 32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "4 | 8 | 16 | 32"))]
pub enum Precision {
    /// 4 bit integers with a scale a block.
    Bits4,
    /// 8 bit integers with a scale a block.
    Bits8,
    /// IEEE half precision.
    Bits16,
    /// IEEE single precision: the reference that all others are measured against.
    #[default]
    Bits32,
}

/// A number of bits that no precision has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPrecision {
    /// What was found instead.
    pub found: String,
}

impl std::fmt::Display for UnknownPrecision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is not a precision: use 4, 8, 16 or 32", self.found)
    }
}

impl std::error::Error for UnknownPrecision {}

impl Precision {
    /// Bits a weight.
    #[must_use]
    pub fn bits(self) -> u8 {
        match self {
            Self::Bits4 => 4,
            Self::Bits8 => 8,
            Self::Bits16 => 16,
            Self::Bits32 => 32,
        }
    }
}

impl From<Precision> for u8 {
    fn from(precision: Precision) -> Self {
        precision.bits()
    }
}

impl TryFrom<u8> for Precision {
    type Error = UnknownPrecision;

    fn try_from(bits: u8) -> Result<Self, Self::Error> {
        match bits {
            4 => Ok(Self::Bits4),
            8 => Ok(Self::Bits8),
            16 => Ok(Self::Bits16),
            32 => Ok(Self::Bits32),
            other => Err(UnknownPrecision { found: other.to_string() }),
        }
    }
}

impl std::str::FromStr for Precision {
    type Err = UnknownPrecision;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bits: u8 = text.parse().map_err(|_| UnknownPrecision { found: format!("{text:?}") })?;
        Self::try_from(bits)
    }
}

impl std::fmt::Display for Precision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.bits())
    }
}
