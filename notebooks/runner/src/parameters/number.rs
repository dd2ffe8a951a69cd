//! Rust's types of numbers, and what each of them holds.

use std::fmt;

/// A type of integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IntegerType {
    name: &'static str,
    bits: u32,
    is_signed: bool,
}

/// A type of floating-point numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FloatType {
    F32,
    F64,
}

const fn signed(name: &'static str, bits: u32) -> IntegerType {
    IntegerType { name, bits, is_signed: true }
}

const fn unsigned(name: &'static str, bits: u32) -> IntegerType {
    IntegerType { name, bits, is_signed: false }
}

/// The type of an integer whose literal has no suffix.
pub(super) const I32: IntegerType = signed("i32", 32);

const INTEGERS: [IntegerType; 12] = [
    signed("i8", 8),
    signed("i16", 16),
    I32,
    signed("i64", 64),
    signed("i128", 128),
    signed("isize", isize::BITS),
    unsigned("u8", 8),
    unsigned("u16", 16),
    unsigned("u32", 32),
    unsigned("u64", 64),
    unsigned("u128", 128),
    unsigned("usize", usize::BITS),
];

impl IntegerType {
    /// The type of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        INTEGERS.into_iter().find(|own| own.name == name)
    }

    /// The smallest of `i32`, `i64`, `i128` and `u128` that holds a value.
    pub(super) fn holding(is_negative: bool, magnitude: u128) -> Option<Self> {
        [I32, signed("i64", 64), signed("i128", 128), unsigned("u128", 128)]
            .into_iter()
            .find(|own| own.holds(is_negative, magnitude))
    }

    /// Its name, which is also the suffix of its literals.
    pub(super) fn name(self) -> &'static str {
        self.name
    }

    /// Whether it holds a value of this sign and size.
    pub(super) fn holds(self, is_negative: bool, magnitude: u128) -> bool {
        magnitude <= if is_negative { self.lowest() } else { self.highest() }
    }

    fn highest(self) -> u128 {
        u128::MAX >> (128 - self.bits + u32::from(self.is_signed))
    }

    /// The size of its lowest value.
    fn lowest(self) -> u128 {
        if self.is_signed { self.highest() + 1 } else { 0 }
    }
}

/// What it holds, for a person.
impl fmt::Display for IntegerType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_signed { "-" } else { "" };
        write!(f, "from {sign}{} to {}", self.lowest(), self.highest())
    }
}

impl FloatType {
    /// The type of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "f32" => Some(Self::F32),
            "f64" => Some(Self::F64),
            _ => None,
        }
    }

    /// Its name, which is also the suffix of its literals.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }

    /// Whether a decimal is within its range, as rustc wants it.
    pub(super) fn holds(self, decimal: &str) -> bool {
        match self {
            Self::F32 => decimal.parse::<f32>().is_ok_and(f32::is_finite),
            Self::F64 => decimal.parse::<f64>().is_ok_and(f64::is_finite),
        }
    }
}

/// What it holds, for a person.
impl fmt::Display for FloatType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::F32 => write!(f, "from {:e} to {:e}", f32::MIN, f32::MAX),
            Self::F64 => write!(f, "from {:e} to {:e}", f64::MIN, f64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_types() {
        macro_rules! check {
            ($($type:ident)*) => {$(
                let own = IntegerType::named(stringify!($type)).unwrap();
                assert_eq!(own.to_string(), format!("from {} to {}", $type::MIN, $type::MAX));
                #[allow(clippy::cast_lossless, reason = "of each type")]
                let (low, high) = ((0 as $type).abs_diff($type::MIN) as u128, $type::MAX as u128);
                assert!(own.holds(true, low) && own.holds(false, high));
                assert!(!own.holds(true, low + 1));
                assert!(high == u128::MAX || !own.holds(false, high + 1));
            )*};
        }
        check!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);
    }

    #[test]
    fn a_float_is_finite() {
        assert!(FloatType::F32.holds("3.4e38") && !FloatType::F32.holds("3.5e38"));
        assert!(FloatType::F64.holds("-1.7e308") && !FloatType::F64.holds("-1.8e308"));
        assert_eq!(FloatType::F32.to_string(), "from -3.4028235e38 to 3.4028235e38");
    }
}
