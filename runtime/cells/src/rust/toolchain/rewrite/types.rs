//! Types of variables, as evcxr writes them from what the analyser says: some are
//! no names that a cell can use.

use std::collections::BTreeMap;
use std::ops::Range;

/// The type of what never returns, which has no name of its own yet.
const NEVER: &str = "pelago::cell::Never";

/// The text with types that a cell can name; `traits` are paths of traits that are told without.
pub(super) fn named(source: &str, traits: &BTreeMap<String, String>) -> String {
    let lines = source.split_inclusive('\n').map(|line| match place(line) {
        Some(range) => {
            let kind = named_type(&line[range.clone()], traits);
            format!("{}{kind}{}", &line[..range.start], &line[range.end..])
        }
        None => line.to_owned(),
    });
    lines.collect()
}

/// Whether a line keeps or takes a variable.
pub(super) fn is_of_variable(line: &str) -> bool {
    place(line).is_some()
}

/// Where a line has the type of a variable.
fn place(line: &str) -> Option<Range<usize>> {
    let calls = ["put_variable::<", "take_variable::<", "check_variable::<"];
    let start =
        calls.iter().find_map(|call| Some(line.find(&format!("evcxr_variable_store.{call}"))? + 21 + call.len()))?;
    let end = line.rfind(">(stringify!(")?;
    (start <= end).then_some(start..end)
}

/// A type with `!` by a name, and traits by their paths.
pub(super) fn named_type(kind: &str, traits: &BTreeMap<String, String>) -> String {
    let kind = kind.replace('!', NEVER);
    let mut text = String::with_capacity(kind.len());
    let mut before = "";
    for word in kind.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_') {
        let name = word.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '_');
        // After `::` it has its path.
        match traits.get(name).filter(|_| !before.ends_with(':')) {
            Some(path) => text.push_str(&word.replacen(name, path, 1)),
            None => text.push_str(word),
        }
        before = word;
    }
    text
}

/// The path to take of those that the compiler offers.
pub(super) fn path_of(offered: &[String]) -> Option<&String> {
    let first = |start: &str| offered.iter().find(|path| path.starts_with(start));
    first("std::").or_else(|| first("core::")).or_else(|| first("alloc::")).or(offered.first())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_variables_can_be_named() {
        let traits = BTreeMap::from([("Error".to_owned(), "std::error::Error".to_owned())]);
        let line = "evcxr_variable_store.put_variable::<Vec<Box<dyn Error + Send>>>(stringify!(o), o);\n";
        assert_eq!(
            named(line, &traits),
            "evcxr_variable_store.put_variable::<Vec<Box<dyn std::error::Error + Send>>>(stringify!(o), o);\n"
        );
        let line = "let mut t = evcxr_variable_store.take_variable::<JoinHandle<!>>(stringify!(t));\n";
        assert!(named(line, &traits).contains("JoinHandle<pelago::cell::Never>"));
        assert_eq!(named_type("dyn a::Error", &traits), "dyn a::Error");
        assert_eq!(named("assert!(Error)\n", &traits), "assert!(Error)\n");
    }
}
