//! A cell that did not run, as the cell's error.

use super::compile_error::CompileError;
use super::places::Text;
use super::toolchain::REFUSED;
use super::transform::Problem;
use crate::interpreter::CellError;

/// The compiler's errors as the cell's.
pub(super) fn compile_errors(errors: &[CompileError]) -> CellError {
    let mut error = CellError::new("CompileError", errors.first().map(CompileError::title).unwrap_or_default());
    let mut told: Vec<Vec<String>> = Vec::new();
    for lines in errors.iter().map(CompileError::lines) {
        if !told.contains(&lines) {
            told.push(lines);
        }
    }
    error.traceback = told.concat();
    error
}

/// What cargo said, where it did not build a crate.
pub(super) fn cargos(detail: &str) -> String {
    match detail.split_once(REFUSED) {
        Some((_, said)) => said.split("\nSTDOUT:").next().unwrap_or(said).trim().to_owned(),
        None => detail.to_owned(),
    }
}

/// evcxr's words for a variable that cannot be kept, as an error at the variable's place.
pub(super) fn refused(detail: &str, cell: &Text) -> CellError {
    let variable = || detail.split('`').nth(1).unwrap_or_default().to_owned();
    let (message, help) = if detail.contains("is a closure, which cannot be persisted") {
        let name = variable();
        (
            format!("the variable `{name}` is a closure, and later cells cannot name its type"),
            format!(
                "box it (`let {name}: Box<dyn Fn(i32) -> i32> = Box::new(…);`), make it a function, or put the code into braces"
            ),
        )
    } else if detail.starts_with("Couldn't automatically determine type of variable") {
        let name = variable();
        (
            format!("the type of the variable `{name}` is not known, and later cells have to name it"),
            format!("give it a type: `let {name}: … = …;`"),
        )
    } else if detail.contains("which cannot be persisted") {
        let (name, kind) = (variable(), detail.split('`').nth(3).unwrap_or_default());
        (
            format!("the variable `{name}` has the type `{kind}`, which later cells cannot name"),
            "box it as a trait object, or put the code into braces, so that the variable ends with them".to_owned(),
        )
    } else if detail.starts_with("Failed to determine type of variable") {
        let name = variable();
        (format!("the type of the variable `{name}` is private"), format!("give it a type: `let {name}: … = …;`"))
    } else {
        return CellError::new("CompileError", cargos(detail));
    };
    let name = variable();
    let range = cell.transformed.declares.iter().rev().find(|(declared, ..)| *declared == name);
    let range = range.map_or(0..0, |(.., range)| range.clone());
    compile_errors(&[CompileError::of_problem(&Problem { message, help, range, is_warning: false }, cell)])
}
