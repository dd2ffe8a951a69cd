//! One value: a Rust literal, or else a text.

use ra_ap_syntax::ast::{self, IntNumber, LiteralKind, Radix, UnaryOp};
use ra_ap_syntax::{AstNode, Edition, SourceFile};

use super::number::{FloatType, IntegerType};

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A literal such as `-3`, `0x1F` or `3u8`.
    Integer(Integer),
    /// A literal such as `2.5`, `1e-3` or `3f32`.
    Float(Float),
    /// A literal such as `'x'`.
    Char(String),
    /// A text.
    Text(String),
}

/// An integer as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integer {
    pub(super) literal: String,
    /// Sign and digits, without a suffix.
    pub(super) digits: String,
    pub(super) is_negative: bool,
    /// Its value without the sign; `None` where no type of Rust holds it.
    pub(super) magnitude: Option<u128>,
    /// The type that it names.
    pub(super) suffix: Option<IntegerType>,
}

/// A floating-point number as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Float {
    pub(super) literal: String,
    /// Sign and digits, without a suffix.
    pub(super) digits: String,
    /// The type that it names.
    pub(super) suffix: Option<FloatType>,
}

impl Value {
    /// What a person wrote: a Rust literal, or else a text as it stands.
    pub fn parse(text: &str) -> Self {
        Self::literal(text).unwrap_or_else(|| Self::Text(text.to_owned()))
    }

    fn literal(text: &str) -> Option<Self> {
        let file = SourceFile::parse(&format!("const X: u8 = {text};"), Edition::CURRENT);
        let constant = file.tree().syntax().children().find_map(ast::Const::cast)?;
        let value = constant.body()?;
        // Comments and further items are part of a text.
        if !file.errors().is_empty() || value.syntax().text() != text {
            return None;
        }
        let (literal, is_negative) = match value {
            ast::Expr::Literal(literal) => (literal, false),
            ast::Expr::PrefixExpr(prefix) if prefix.op_kind() == Some(UnaryOp::Neg) => match prefix.expr()? {
                ast::Expr::Literal(literal) => (literal, true),
                _ => return None,
            },
            _ => return None,
        };
        match literal.kind() {
            LiteralKind::Bool(value) if !is_negative => Some(Self::Bool(value)),
            LiteralKind::IntNumber(number) => integer(text, is_negative, &number),
            LiteralKind::FloatNumber(number) => {
                let suffix = number.suffix().unwrap_or_default();
                float(text, suffix)
            }
            LiteralKind::Char(_) if !is_negative => Some(Self::Char(text.to_owned())),
            LiteralKind::String(string) if !is_negative => Some(Self::Text(string.value().ok()?.into_owned())),
            _ => None,
        }
    }

    /// As it was written, for a message. A text is quoted.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Integer(Integer { literal, .. }) | Self::Float(Float { literal, .. }) => literal.clone(),
            Self::Char(literal) => literal.clone(),
            Self::Text(text) => format!("{text:?}"),
        }
    }

    /// As the text that it stands for where a text is wanted.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            other => other.shown(),
        }
    }
}

/// `None` for what only begins as a number, such as `12ab`: that is a text.
fn integer(text: &str, is_negative: bool, number: &IntNumber) -> Option<Value> {
    let suffix = number.suffix().unwrap_or_default();
    if FloatType::named(suffix).is_some() && number.radix() == Radix::Decimal {
        return float(text, suffix);
    }
    let named = IntegerType::named(suffix);
    if named.is_none() && !suffix.is_empty() {
        return None;
    }
    let (_, digits, _) = number.split_into_parts();
    let magnitude = u128::from_str_radix(&digits.replace('_', ""), number.radix() as u32);
    let digits = text.strip_suffix(suffix)?.to_owned();
    Some(Value::Integer(Integer {
        literal: text.to_owned(),
        digits,
        is_negative,
        magnitude: magnitude.ok(),
        suffix: named,
    }))
}

fn float(text: &str, suffix: &str) -> Option<Value> {
    let named = FloatType::named(suffix);
    if named.is_none() && !suffix.is_empty() {
        return None;
    }
    let digits = text.strip_suffix(suffix)?.to_owned();
    Some(Value::Float(Float { literal: text.to_owned(), digits, suffix: named }))
}

impl Integer {
    /// Whether a type holds it.
    pub(super) fn fits(&self, own: IntegerType) -> bool {
        self.magnitude.is_some_and(|magnitude| own.holds(self.is_negative, magnitude))
    }

    /// As a literal that takes its type from where it stands. Nothing negative
    /// is written for an unsigned type, not even a zero.
    pub(super) fn bare(&self) -> &str {
        if self.magnitude == Some(0) { self.digits.trim_start_matches(['-', ' ']) } else { &self.digits }
    }

    /// Its digits as a floating-point number of the same value.
    pub(super) fn as_float(&self) -> Option<String> {
        let sign = if self.is_negative { "-" } else { "" };
        self.magnitude.map(|magnitude| format!("{sign}{magnitude}.0"))
    }
}

impl Float {
    /// As a literal that a suffix can follow: `2.` would be a field's beginning.
    pub(super) fn bare(&self) -> String {
        if self.digits.ends_with('.') { format!("{}0", self.digits) } else { self.digits.clone() }
    }

    /// As a decimal that the standard library reads.
    pub(super) fn decimal(&self) -> String {
        self.digits.replace(['_', ' '], "")
    }
}
