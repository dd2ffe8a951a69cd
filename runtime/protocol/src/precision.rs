//! Bits a weight.

use serde::{Deserialize, Serialize};

/// Bits a weight of the model that runs: 2, 4, 8, 16 or 32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "2 | 4 | 8 | 16 | 32"))]
pub enum Precision {
    /// 2 bit integers with a scale a block.
    Bits2,
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
        match self.found.as_str() {
            "3" => f.write_str("no execution provider of onnxruntime-web multiplies with weights of 3 bits")?,
            found => write!(f, "{found} is not a precision")?,
        }
        write!(f, ": use one of {}", PrecisionChoice::WORDS.join(", "))
    }
}

impl std::error::Error for UnknownPrecision {}

impl Precision {
    /// Bits a weight.
    #[must_use]
    pub fn bits(self) -> u8 {
        match self {
            Self::Bits2 => 2,
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
            2 => Ok(Self::Bits2),
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

/// The precision that is asked for, as a word: `auto`, `4`, ….
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "string"))]
pub enum PrecisionChoice {
    /// This one.
    Bits(Precision),
    /// The highest that fits the adapter and the memory.
    Auto,
}

impl PrecisionChoice {
    /// The text form of every choice.
    pub const WORDS: &'static [&'static str] = &["auto", "2", "4", "8", "16", "32"];

    /// The precision, where it is named.
    #[must_use]
    pub fn named(self) -> Option<Precision> {
        match self {
            Self::Bits(precision) => Some(precision),
            Self::Auto => None,
        }
    }
}

impl Default for PrecisionChoice {
    fn default() -> Self {
        Self::Bits(Precision::default())
    }
}

impl From<Precision> for PrecisionChoice {
    fn from(precision: Precision) -> Self {
        Self::Bits(precision)
    }
}

impl From<PrecisionChoice> for String {
    fn from(choice: PrecisionChoice) -> Self {
        choice.to_string()
    }
}

impl TryFrom<String> for PrecisionChoice {
    type Error = UnknownPrecision;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        word.parse()
    }
}

impl std::str::FromStr for PrecisionChoice {
    type Err = UnknownPrecision;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" { Ok(Self::Auto) } else { text.parse().map(Self::Bits) }
    }
}

impl std::fmt::Display for PrecisionChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bits(precision) => precision.fmt(f),
            Self::Auto => f.write_str("auto"),
        }
    }
}

impl std::fmt::Display for Precision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.bits())
    }
}
