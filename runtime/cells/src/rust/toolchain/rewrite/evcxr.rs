//! What evcxr itself writes around a cell.

use std::collections::BTreeMap;

use super::types;

/// What it writes, and what is compiled instead. The words of its protocol go to
/// its descriptor, and a panic tells its payload.
const INSTEAD: [(&str, &str); 8] = [
    (
        "  Err(_) => {\n    println!(\"EVCXR_PANIC_NOTIFICATION\");\n",
        "  Err(payload) => {\n    pelago::cell::unwound(payload);\n",
    ),
    ("}).is_err() {\n    println!(\"EVCXR_PANIC_NOTIFICATION\");\n", "}) {\n    pelago::cell::unwound(payload);\n"),
    ("if std::panic::catch_unwind(||{\n", "if let Err(payload) = std::panic::catch_unwind(||{\n"),
    (
        "                fn from(error: T) -> Self {\n                    eprintln!(\"{:?}\", error);\n",
        "                #[track_caller] fn from(error: T) -> Self {\n                    pelago::cell::question(&error);\n",
    ),
    (
        "println!(\"{}\", evcxr_internal_runtime::USER_ERROR_OCCURRED);\n",
        "pelago::cell::protocol(evcxr_internal_runtime::USER_ERROR_OCCURRED);\n",
    ),
    (
        "println!(\"{VARIABLE_CHANGED_TYPE}{name}\");\n",
        "pelago::cell::protocol(&format!(\"{VARIABLE_CHANGED_TYPE}{name}\"));\n",
    ),
    ("eprintln!(\"The type of the variable {name} was redefined, so was lost.\",);\n", "\n"),
    // Its first cell, whose value nobody sees: as written it would be compiled twice.
    ("(\n42\n).evcxr_display();\n", "\n42\n;\n"),
];

/// The function that variables are checked in, and where its parameters end.
const CHECKED: (&str, &str) = ("async fn evcxr_analysis_wrapper(\n", ") -> Result<(), EvcxrUserCodeError> {\n");

/// Its text with [`INSTEAD`]; only the last of each is its own: a user may write the same before.
pub(super) fn translate(source: &str, traits: &BTreeMap<String, String>, is_check: bool) -> String {
    let mut text = source.to_owned();
    for (written, instead) in INSTEAD {
        if let Some(at) = text.rfind(written) {
            text.replace_range(at..at + written.len(), instead);
        }
    }
    if is_check
        && let Some(start) = text.rfind(CHECKED.0).map(|at| at + CHECKED.0.len())
        && let Some(length) = text[start..].find(CHECKED.1)
    {
        // Variables are kept, so the references in them live as long as the process. Without that word, every
        // other fault is told as one of theirs.
        let parameters = text[start..start + length].lines();
        let parameters = parameters.map(|line| format!("{}\n", types::named_type(&with_lifetimes(line), traits)));
        let parameters: String = parameters.collect();
        text.replace_range(start..start + length, &parameters);
    }
    text
}

/// Whether a line may be a parameter of the function that variables are checked in.
pub(super) fn is_parameter(line: &str) -> bool {
    let name = line.split(':').next().unwrap_or_default().trim_start_matches("mut ");
    line.ends_with(',') && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// A parameter whose references are `'static`.
fn with_lifetimes(parameter: &str) -> String {
    let mut text = String::with_capacity(parameter.len() + 16);
    let mut rest = parameter;
    while let Some(at) = rest.find('&') {
        text.push_str(&rest[..=at]);
        rest = &rest[at + 1..];
        if !rest.trim_start().starts_with('\'') {
            text.push_str("'static ");
        }
    }
    text.push_str(rest);
    text
}

/// What cells print with, at the end of the file; and macros of cells by name, so that items use them in any order.
pub(super) fn imports(source: &str, macros: &[String]) -> String {
    let mut imports = String::from("#[allow(unused_imports)]use pelago::{");
    for name in ["print", "println", "eprint", "eprintln", "dbg"] {
        let is_users = macros.iter().any(|own| own == name)
            || source.lines().any(|line| line.starts_with("use ") && line.contains(&format!("::{name}")));
        if !is_users {
            imports.push_str(&format!("cell_{name} as {name},"));
        }
    }
    imports.push_str("};\n");
    for name in macros {
        imports.push_str(&format!("#[allow(unused_imports)]use {name};\n"));
    }
    imports
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_of_checked_variables_are_static() {
        assert_eq!(with_lifetimes("w: Vec<&str>,"), "w: Vec<&'static str>,");
        assert_eq!(with_lifetimes("w: &'static mut i32,"), "w: &'static mut i32,");
    }

    #[test]
    fn only_evcxrs_own_words_are_translated() {
        let mine = "println!(\"{}\", evcxr_internal_runtime::USER_ERROR_OCCURRED);\n";
        let translated = translate(&format!("{mine}{mine}"), &BTreeMap::new(), false);
        assert!(translated.starts_with(mine) && translated.contains("protocol("), "{translated}");
    }
}
