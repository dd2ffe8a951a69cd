//! Whether a cell needs the prelude: a cell that names nothing of it is compiled
//! without, since reading what the compiler knows of Polars is most of a cell's time.
//!
//! It is a guess. A cell that does not compile without the prelude is compiled with it.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use ra_ap_rustc_lexer::{FrontmatterAllowed, TokenKind, tokenize};

/// What `pelago` offers without the prelude.
const BARE: &[&str] = &[
    "begin",
    "cell",
    "cell_dbg",
    "cell_eprint",
    "cell_eprintln",
    "cell_print",
    "cell_println",
    "enter",
    "prelude",
    "show",
];
/// How a public item begins that stands at the top of its file.
const ITEMS: &[&str] = &["const", "enum", "fn", "macro_rules!", "static", "struct", "trait", "type", "union"];

/// The names that crates offer, of the sources below `folder`, one a line.
pub(in crate::rust) fn words(folder: &Path) -> io::Result<String> {
    let (mut words, mut folders) = (HashSet::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                // What every cell has.
                let is_bare = path.file_name().is_some_and(|name| name == "pelago-cell");
                folders.extend((!is_bare).then_some(path));
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&path)?;
                words.extend(text.lines().filter_map(item).map(str::to_owned));
            }
        }
    }
    let mut words: Vec<_> = words.into_iter().filter(|word| word.len() > 1).collect();
    words.sort();
    Ok(words.join("\n"))
}

/// The name of the public item that a line begins.
fn item(line: &str) -> Option<&str> {
    let words = line.strip_prefix("pub ").or_else(|| line.starts_with("macro_rules!").then_some(line))?;
    let mut words = words.split_whitespace().peekable();
    let mut kind = words.find(|word| !["async", "extern", "unsafe", "\"C\""].contains(word))?;
    // `const` before a function is no kind of item, and its name is not `fn`.
    if kind == "const" && words.peek().is_some_and(|word| ["async", "extern", "fn", "unsafe"].contains(word)) {
        kind = words.find(|word| *word == "fn")?;
    }
    let name = words.next().filter(|_| ITEMS.contains(&kind))?;
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    Some(&name[..end])
}

/// Whether a compiled file may need the prelude, whose names are `words`.
pub(super) fn prelude(source: &str, words: &str) -> bool {
    let words: HashSet<&str> = words.lines().collect();
    // What evcxr puts into a file stands there for every cell.
    let own = source.find("mod evcxr_internal_runtime {").map(|start| {
        let end = source[start..].find("pub extern \"C\" fn run_user_code_").map_or(source.len(), |end| start + end);
        start..end
    });
    let (mut at, mut before, mut path) = (0, ["", ""], false);
    for token in tokenize(source, FrontmatterAllowed::No) {
        let text = &source[at..at + token.len as usize];
        let place = at;
        at += text.len();
        match token.kind {
            TokenKind::Whitespace | TokenKind::LineComment { .. } | TokenKind::BlockComment { .. } => continue,
            TokenKind::Ident if !own.as_ref().is_some_and(|own| own.contains(&place)) => {
                let is_next = before == [":", ":"];
                let is_found = if is_next {
                    path && !BARE.contains(&text)
                } else if text == "pelago" {
                    false
                } else {
                    before[1] != "." && (text == "polars" || words.contains(text))
                };
                if is_found && !is_listed(source, place) {
                    return true;
                }
                path = text == "pelago" && !is_next;
            }
            TokenKind::Colon => {}
            _ => path = false,
        }
        before = [before[1], text];
    }
    false
}

/// Whether this is the line that brings the macros for printing.
fn is_listed(source: &str, at: usize) -> bool {
    let start = source[..at].rfind('\n').map_or(0, |at| at + 1);
    source[start..].starts_with("#[allow(unused_imports)]use pelago::{")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sources_are_found() {
        let names: Vec<_> = [
            "pub fn col<S>(name: S) -> Expr {",
            "pub(crate) fn inner() {}",
            "    pub fn method(&self) {",
            "pub struct DataFrame {",
            "pub unsafe trait Raw: Sized",
            "pub const fn of(n: usize) -> Self {",
            "pub const unsafe extern \"C\" fn raw() {",
            "pub const MOST: usize = 1;",
            "macro_rules! df {",
            "pub use other::*;",
        ]
        .iter()
        .filter_map(|line| item(line))
        .collect();
        assert_eq!(names, ["col", "DataFrame", "Raw", "of", "raw", "MOST", "df"]);
    }

    #[test]
    fn a_cell_that_names_nothing_of_it_needs_no_prelude() {
        let words = "DataFrame\ncol\nlen";
        for bare in [
            "use pelago::prelude::*;\npelago::begin!(7);pelago::show!(1 + 1);",
            "let a = vec![1]; a.len();",
            "pelago::cell::attempt(f(), 1)?",
            "// DataFrame\n\"col\"",
        ] {
            assert!(!prelude(bare, words), "{bare}");
        }
        for needs in ["let d: DataFrame = f();", "d.filter(col(\"a\"))", "pelago::plot(&d)", "use polars::prelude::*;"]
        {
            assert!(prelude(needs, words), "{needs}");
        }
    }
}
