//! What a `parameters` cell declares: the names and types of its `let`s.

use ra_ap_syntax::ast::{self, HasName};
use ra_ap_syntax::{AstNode, Edition, SourceFile};

use super::super::error::NotebookError;
use super::Value;
use super::kind::{Kind, Mismatch};

/// One `let`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) name: String,
    is_mut: bool,
    /// Its type, where it is written down.
    annotation: Option<String>,
    /// What it takes: by its type, else by its default.
    kind: Kind,
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
    let annotation = statement.ty();
    let kind = match (&annotation, statement.initializer()) {
        // `let n: _ = 3;`
        (Some(ast::Type::InferType(_)) | None, Some(default)) => Kind::of_default(&default),
        (Some(annotation), _) => Kind::of_type(annotation),
        (None, None) => Kind::Unknown,
    };
    Some(Declared {
        name: pattern.name()?.text().to_string(),
        is_mut: pattern.mut_token().is_some(),
        annotation: annotation.map(|own| own.syntax().text().to_string()),
        kind,
    })
}

impl Declared {
    /// A parameter of which no cell says anything.
    pub(super) fn unknown(name: &str) -> Self {
        Self { name: name.to_owned(), is_mut: false, annotation: None, kind: Kind::Unknown }
    }

    /// The `let` with another value.
    ///
    /// # Errors
    /// [`NotebookError::Parameter`] where the value is not of the type that the `let` declares.
    pub(super) fn with(&self, value: &Value) -> Result<String, NotebookError> {
        let own = self.annotation.as_deref().filter(|own| *own != "_");
        let rust = self.kind.write(value, own).map_err(|Mismatch { expected, note }| {
            let note = if note.is_empty() { note } else { format!("; {note}") };
            NotebookError::Parameter { name: self.name.clone(), expected, found: value.shown(), note }
        })?;
        let suffix = if own.is_none() { self.kind.suffix() } else { "" };
        let keyword = if self.is_mut { "let mut" } else { "let" };
        let annotation = self.annotation.as_ref().map(|own| format!(": {own}")).unwrap_or_default();
        Ok(format!("{keyword} {}{annotation} = {rust}{suffix};", self.name))
    }
}
