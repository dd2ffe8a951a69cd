//! One value: a Rust literal, or else a text.

use ra_ap_syntax::ast::{self, LiteralKind, UnaryOp};
use ra_ap_syntax::{AstNode, Edition, SourceFile};

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A literal such as `-3`, `0x1F` or `3u8`.
    Integer {
        /// As it was written.
        literal: String,
        /// Whether it names its type.
        has_suffix: bool,
        /// Its value, where it fits.
        value: Option<i128>,
    },
    /// A literal such as `2.5` or `1e-3`.
    Float(String),
    /// A literal such as `'x'`.
    Char(String),
    /// A text.
    Text(String),
}

impl Value {
    /// What a person wrote: a Rust literal, or else a text as it stands.
    pub(crate) fn parse(text: &str) -> Self {
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
            LiteralKind::IntNumber(number) => {
                let magnitude = number.value().ok().and_then(|value| i128::try_from(value).ok());
                let value = magnitude.map(|value| if is_negative { -value } else { value });
                let has_suffix = number.suffix().is_some();
                let is_unsigned = number.suffix().is_some_and(|suffix| suffix.starts_with('u'));
                let fits = !(is_negative && is_unsigned);
                fits.then(|| Self::Integer { literal: text.to_owned(), has_suffix, value })
            }
            LiteralKind::FloatNumber(_) => Some(Self::Float(text.to_owned())),
            LiteralKind::Char(_) if !is_negative => Some(Self::Char(text.to_owned())),
            LiteralKind::String(string) if !is_negative => Some(Self::Text(string.value().ok()?.into_owned())),
            _ => None,
        }
    }

    /// As Rust, of the type that Rust gives it.
    pub(super) fn to_rust(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            // Without a suffix Rust takes i32.
            Self::Integer { literal, has_suffix: false, value: Some(value) } if i32::try_from(*value).is_err() => {
                let suffix = if i64::try_from(*value).is_ok() { "_i64" } else { "_i128" };
                format!("{literal}{suffix}")
            }
            Self::Integer { literal, .. } | Self::Float(literal) | Self::Char(literal) => literal.clone(),
            Self::Text(text) => format!("{text:?}"),
        }
    }
}

/// Whether a variable can have this name.
pub(crate) fn is_name(text: &str) -> bool {
    let parse = SourceFile::parse(&format!("static {text}: u8 = 0;"), Edition::CURRENT);
    let is_word = text.chars().all(|character| character.is_alphanumeric() || character == '_');
    is_word && parse.errors().is_empty() && text != "_"
}
