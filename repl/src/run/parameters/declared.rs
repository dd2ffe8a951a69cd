//! What a `parameters` cell declares: the names and types of its `let`s.

use ra_ap_syntax::ast::{self, HasName};
use ra_ap_syntax::{AstNode, Edition, SourceFile};

use super::super::error::RunError;
use super::Value;

/// One `let`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) name: String,
    is_mut: bool,
    /// Its type, where it is written down.
    annotation: Option<String>,
    /// Its type, written down or seen in the default.
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bool,
    Integer,
    Float,
    Char,
    /// `&str`
    Str,
    /// `String`
    Owned,
    Other,
}

/// The `let`s of a cell's text; of Rust that does not parse, those that are whole.
pub(super) fn read(source: &str) -> Vec<Declared> {
    let file = SourceFile::parse(&format!("fn cell() {{\n{source}\n}}"), Edition::CURRENT).tree();
    let body = file.syntax().descendants().find_map(ast::StmtList::cast);
    let statements = body.into_iter().flat_map(|body| body.statements());
    statements
        .filter_map(|statement| if let ast::Stmt::LetStmt(own) = statement { declared(&own) } else { None })
        .collect()
}

fn declared(statement: &ast::LetStmt) -> Option<Declared> {
    let Some(ast::Pat::IdentPat(pattern)) = statement.pat() else { return None };
    let annotation = statement.ty().map(|own| own.syntax().text().to_string());
    let kind = match (&annotation, statement.initializer()) {
        (Some(annotation), _) => of_type(annotation),
        (None, Some(default)) => of_default(&default),
        (None, None) => Kind::Other,
    };
    Some(Declared { name: pattern.name()?.text().to_string(), is_mut: pattern.mut_token().is_some(), annotation, kind })
}

fn of_type(annotation: &str) -> Kind {
    match annotation {
        "bool" => Kind::Bool,
        "f32" | "f64" => Kind::Float,
        "char" => Kind::Char,
        "String" => Kind::Owned,
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" | "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => {
            Kind::Integer
        }
        _ if annotation.starts_with('&') && annotation.ends_with("str") => Kind::Str,
        _ => Kind::Other,
    }
}

fn of_default(default: &ast::Expr) -> Kind {
    match default {
        ast::Expr::Literal(_) | ast::Expr::PrefixExpr(_) => match Value::parse(&default.syntax().text().to_string()) {
            Value::Bool(_) => Kind::Bool,
            Value::Integer { .. } => Kind::Integer,
            Value::Float(_) => Kind::Float,
            Value::Char(_) => Kind::Char,
            Value::Text(_) => Kind::Str,
        },
        ast::Expr::MethodCallExpr(call) => {
            let name = call.name_ref().map(|name| name.text().to_string());
            let is_owned = matches!(name.as_deref(), Some("to_owned" | "to_string"));
            if is_owned { Kind::Owned } else { Kind::Other }
        }
        ast::Expr::CallExpr(call) => {
            let called = call.expr().map(|called| called.syntax().text().to_string());
            if called.as_deref() == Some("String::from") { Kind::Owned } else { Kind::Other }
        }
        _ => Kind::Other,
    }
}

impl Declared {
    /// A parameter of which no cell says anything.
    pub(super) fn unknown(name: &str) -> Self {
        Self { name: name.to_owned(), is_mut: false, annotation: None, kind: Kind::Other }
    }

    /// The `let` with another value.
    ///
    /// # Errors
    /// [`RunError::Parameter`] where the value is not of the type that is written down.
    pub(super) fn with(&self, value: &Value) -> Result<String, RunError> {
        let rust = match (self.kind, value) {
            (Kind::Float, Value::Integer { value: Some(value), .. }) => format!("{value}.0"),
            (Kind::Integer, Value::Integer { literal, .. }) if self.annotation.is_some() => literal.clone(),
            (Kind::Str, Value::Text(_)) => value.to_rust(),
            (Kind::Str, Value::Char(literal)) => format!("{literal:?}"),
            (Kind::Str, other) => format!("{:?}", other.to_rust()),
            (Kind::Owned, Value::Text(text)) => format!("{text:?}.to_owned()"),
            (Kind::Owned, other) => format!("{:?}.to_owned()", other.to_rust()),
            (Kind::Bool, Value::Bool(_)) | (Kind::Float, Value::Float(_)) | (Kind::Char, Value::Char(_)) => {
                value.to_rust()
            }
            (Kind::Other, _) => value.to_rust(),
            // A type that is only seen in the default binds nobody.
            _ if self.annotation.is_none() => value.to_rust(),
            _ => {
                let expected = format!("a {}", self.annotation.as_deref().unwrap_or_default());
                return Err(RunError::Parameter { name: self.name.clone(), expected, found: value.to_rust() });
            }
        };
        let keyword = if self.is_mut { "let mut" } else { "let" };
        let annotation = self.annotation.as_ref().map(|own| format!(": {own}")).unwrap_or_default();
        Ok(format!("{keyword} {}{annotation} = {rust};", self.name))
    }
}
