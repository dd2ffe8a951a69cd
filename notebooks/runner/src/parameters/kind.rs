//! What values a variable takes, by its type or its default, and how they are
//! written for it.

use ra_ap_syntax::ast::{self, HasGenericArgs};
use ra_ap_syntax::{AstNode, ToSmolStr};

use super::Value;
use super::number::{FloatType, I32, IntegerType};

/// The values that a variable takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    /// Of a type that is written down, as an annotation or as the suffix of the default.
    Integer(IntegerType),
    /// Of no type that is written down: `i32`, or the smallest that holds it.
    AnyInteger,
    Float(FloatType),
    /// Of no type that is written down.
    AnyFloat,
    Char,
    /// `&str`
    Str,
    /// `String`
    Owned,
    /// Its value, or `None`.
    Optional(Box<Kind>),
    /// No literal is of the type, such as a `Vec`.
    Never,
    /// Nobody knows here.
    Unknown,
}

/// Why a value is not one of a [`Kind`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mismatch {
    /// What was wanted, e.g. `a u8`.
    pub(super) expected: String,
    /// What to know of it, e.g. its range; may be empty.
    pub(super) note: String,
}

/// Types of the standard library and of cells' prelude that no literal has.
const WITHOUT_LITERALS: &[&str] = &[
    "Arc",
    "BTreeMap",
    "BTreeSet",
    "Box",
    "BrowserKind",
    "Cow",
    "DataFrame",
    "Duration",
    "HashMap",
    "HashSet",
    "Model",
    "OsString",
    "PathBuf",
    "Platform",
    "Precision",
    "Rc",
    "Result",
    "Series",
    "Vec",
    "VecDeque",
];

impl Kind {
    /// Of a type that is written down.
    pub(super) fn of_type(annotation: &ast::Type) -> Self {
        match annotation {
            ast::Type::PathType(own) => own.path().map_or(Self::Unknown, |path| Self::of_path(&path)),
            ast::Type::RefType(reference) => match reference.ty() {
                Some(ast::Type::PathType(own)) if reference.mut_token().is_none() && is_word(&own, "str") => Self::Str,
                Some(_) => Self::Never,
                None => Self::Unknown,
            },
            ast::Type::ParenType(inside) => inside.ty().map_or(Self::Unknown, |own| Self::of_type(&own)),
            ast::Type::InferType(_) | ast::Type::MacroType(_) | ast::Type::PatternType(_) => Self::Unknown,
            ast::Type::ArrayType(_)
            | ast::Type::DynTraitType(_)
            | ast::Type::FnPtrType(_)
            | ast::Type::ForType(_)
            | ast::Type::ImplTraitType(_)
            | ast::Type::NeverType(_)
            | ast::Type::PtrType(_)
            | ast::Type::SliceType(_)
            | ast::Type::TupleType(_) => Self::Never,
        }
    }

    /// A path outside the standard library may lead to any type, also to another name of a number.
    fn of_path(path: &ast::Path) -> Self {
        let is_known = path
            .first_segment()
            .and_then(|first| first.name_ref())
            .is_none_or(|first| path.qualifier().is_none() || matches!(first.text(), "std" | "core" | "alloc"));
        let Some(segment) = path.segment().filter(|_| is_known) else { return Self::Unknown };
        let name = segment.name_ref().map(|name| name.text().to_smolstr()).unwrap_or_default();
        let argument = segment.generic_arg_list().and_then(|list| list.generic_args().next());
        match (name.as_str(), argument) {
            ("bool", _) => Self::Bool,
            ("char", _) => Self::Char,
            ("String", _) => Self::Owned,
            ("Option", Some(ast::GenericArg::TypeArg(inside))) => {
                inside.ty().map_or(Self::Unknown, |own| Self::Optional(Box::new(Self::of_type(&own))))
            }
            (name, _) if WITHOUT_LITERALS.contains(&name) => Self::Never,
            (name, _) => {
                let integer = IntegerType::named(name).map(Self::Integer);
                integer.or_else(|| FloatType::named(name).map(Self::Float)).unwrap_or(Self::Unknown)
            }
        }
    }

    /// Of a default whose type is not written down.
    pub(super) fn of_default(default: &ast::Expr) -> Self {
        match default {
            ast::Expr::Literal(_) | ast::Expr::PrefixExpr(_) => {
                let text = default.syntax().text().to_string();
                match Value::parse(&text) {
                    Value::Bool(_) => Self::Bool,
                    Value::Integer(integer) => integer.suffix.map_or(Self::AnyInteger, Self::Integer),
                    Value::Float(float) => float.suffix.map_or(Self::AnyFloat, Self::Float),
                    Value::Char(_) => Self::Char,
                    // What is no literal, such as `!true`, comes back as it was.
                    Value::Text(same) if same == text => Self::Unknown,
                    Value::Text(_) => Self::Str,
                }
            }
            ast::Expr::MethodCallExpr(call) => {
                let name = call.name_ref().map(|name| name.text().to_string());
                let is_owned = matches!(name.as_deref(), Some("to_owned" | "to_string"));
                if is_owned { Self::Owned } else { Self::Unknown }
            }
            ast::Expr::CallExpr(call) => {
                let called = call.expr().map(|called| called.syntax().text().to_string());
                let is_owned = matches!(called.as_deref(), Some("String::from" | "String::new"));
                if is_owned { Self::Owned } else { Self::Unknown }
            }
            ast::Expr::MacroExpr(own) => match own.macro_call().and_then(|call| call.path()) {
                Some(path) if path.syntax().text() == "vec" => Self::Never,
                Some(path) if path.syntax().text() == "format" => Self::Owned,
                _ => Self::Unknown,
            },
            ast::Expr::ArrayExpr(_) | ast::Expr::TupleExpr(_) => Self::Never,
            _ => Self::Unknown,
        }
    }

    /// Whether the type of the value has to be written with it: of a default that had a suffix.
    pub(super) fn suffix(&self) -> &'static str {
        match self {
            Self::Integer(own) => own.name(),
            Self::Float(own) => own.name(),
            _ => "",
        }
    }

    /// A value in Rust. `name` is what the type is called where it is written down.
    ///
    /// # Errors
    /// [`Mismatch`] where the value is none of the kind, or beyond its type.
    pub(super) fn write(&self, value: &Value, name: Option<&str>) -> Result<String, Mismatch> {
        match (self, value) {
            (Self::Bool, Value::Bool(value)) => Ok(value.to_string()),
            (Self::Integer(own), Value::Integer(integer))
                if integer.fits(*own) && integer.suffix.is_none_or(|suffix| suffix == *own) =>
            {
                Ok(integer.bare().to_owned())
            }
            (Self::AnyInteger, Value::Integer(_)) | (Self::AnyFloat, Value::Float(_)) => natural(value),
            (Self::Float(_) | Self::AnyFloat, Value::Integer(integer)) if integer.suffix.is_none() => {
                integer.as_float().ok_or_else(|| self.mismatch(name))
            }
            (Self::Float(own), Value::Float(float))
                if own.holds(&float.decimal()) && float.suffix.is_none_or(|suffix| suffix == *own) =>
            {
                Ok(float.bare())
            }
            (Self::Char, Value::Char(literal)) => Ok(literal.clone()),
            (Self::Char, other) => {
                let text = other.text();
                let mut characters = text.chars();
                match (characters.next(), characters.next()) {
                    (Some(only), None) => Ok(format!("{only:?}")),
                    _ => Err(self.mismatch(name)),
                }
            }
            (Self::Str, other) => Ok(format!("{:?}", other.text())),
            (Self::Owned, other) => Ok(format!("{:?}.to_owned()", other.text())),
            (Self::Optional(_), Value::Text(text)) if text == "None" => Ok("None".to_owned()),
            (Self::Optional(inside), value) => match inside.write(value, None) {
                Ok(rust) => Ok(format!("Some({rust})")),
                Err(Mismatch { note, .. }) => Err(Mismatch { note, ..self.mismatch(name) }),
            },
            (Self::Unknown, value) => natural(value),
            _ => Err(self.mismatch(name)),
        }
    }

    fn mismatch(&self, name: Option<&str>) -> Mismatch {
        let word = match self {
            Self::Bool => "bool",
            Self::Char => "char",
            Self::Integer(own) => own.name(),
            Self::Float(own) => own.name(),
            Self::AnyInteger => "integer",
            Self::AnyFloat => "floating-point number",
            _ => "value like its default",
        };
        let word = name.unwrap_or(word);
        let expected = with_article(word);
        let note = match self {
            Self::Bool => "a bool is true or false".to_owned(),
            Self::Char => "a char is one character".to_owned(),
            Self::Integer(own) => format!("{} is {own}", with_article(own.name())),
            Self::Float(own) => format!("{} is {own}", with_article(own.name())),
            Self::Never => "a parameter can be a bool, a number, a char or a text".to_owned(),
            _ => String::new(),
        };
        Mismatch { expected, note }
    }
}

/// As Rust, of the type that Rust gives it.
///
/// # Errors
/// [`Mismatch`] where a number is beyond the type that it names, or beyond all.
fn natural(value: &Value) -> Result<String, Mismatch> {
    match value {
        Value::Bool(_) | Value::Char(_) | Value::Text(_) => Ok(value.shown()),
        Value::Integer(integer) => {
            let own = integer.suffix.or_else(|| IntegerType::holding(integer.is_negative, integer.magnitude?));
            match own.filter(|own| integer.fits(*own)) {
                Some(own) if integer.suffix.is_some() => Ok(format!("{}{}", integer.bare(), own.name())),
                // Without a suffix Rust takes i32.
                Some(I32) => Ok(integer.digits.clone()),
                Some(own) => Ok(format!("{}_{}", integer.digits, own.name())),
                None => match integer.suffix {
                    Some(own) => Err(Kind::Integer(own).mismatch(None)),
                    None => Err(Mismatch {
                        expected: "an integer that a type of Rust holds".to_owned(),
                        note: format!("the largest is {}, a u128", u128::MAX),
                    }),
                },
            }
        }
        Value::Float(float) => {
            let own = float.suffix.unwrap_or(FloatType::F64);
            if own.holds(&float.decimal()) { Ok(value.shown()) } else { Err(Kind::Float(own).mismatch(None)) }
        }
    }
}

fn is_word(own: &ast::PathType, word: &str) -> bool {
    own.path().is_some_and(|path| path.syntax().text() == word)
}

fn with_article(word: &str) -> String {
    let article = if word.starts_with(['i', 'I', 'O', 'A']) || matches!(word, "f32" | "f64") { "an" } else { "a" };
    format!("{article} {word}")
}
