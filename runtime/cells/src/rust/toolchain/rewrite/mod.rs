//! The file that evcxr wrote, as it is compiled. Lines stay where they are, so
//! that evcxr finds its own lines in what the compiler says.
//!
//! - evcxr's own words go to its protocol and not to the cell's streams.
//! - An item that a later one takes the place of is left out.
//! - A static is defined in one cell, and named by all later ones.
//! - Items that a macro makes stand at the top.

mod evcxr;
mod items;
mod statics;
mod types;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::path::PathBuf;

use ra_ap_syntax::ast::{self, HasModuleItem};
use ra_ap_syntax::{Edition, SourceFile};

use self::items::Item;
pub(super) use self::items::{Conflict, Replaced};

/// What is known of the cells before.
#[derive(Clone, Debug, Default)]
pub(super) struct Before {
    /// What later items took the place of.
    pub(super) replaced: BTreeSet<Replaced>,
    /// The shared object of each static that was defined.
    pub(super) statics: HashMap<String, PathBuf>,
    /// Paths of traits that the analyser names without.
    pub(super) traits: BTreeMap<String, String>,
}

/// A trait that the compiler does not find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) name: String,
    /// Line of the file, from 1.
    pub(super) line: usize,
    /// Paths that the compiler offers.
    pub(super) offered: Vec<String>,
}

/// A file to compile.
#[derive(Clone, Debug, Default)]
pub(super) struct Rewritten {
    /// Its text.
    pub(super) text: String,
    /// Statics that it defines.
    pub(super) defines: Vec<String>,
    /// Shared objects with the statics that it names.
    pub(super) links: BTreeSet<PathBuf>,
    items: Vec<Item>,
}

impl Rewritten {
    /// The file for this source.
    pub(super) fn of(source: &str, before: &Before, is_check: bool) -> Self {
        let source = types::named(&evcxr::translate(source, &before.traits, is_check), &before.traits);
        let parsed = SourceFile::parse(&source, Edition::Edition2024);
        let mut edits = Edits::default();
        let mut rewritten = Self::default();
        let mut macros = Vec::new();
        for item in parsed.tree().items() {
            if let ast::Item::MacroRules(rules) = &item {
                macros.extend(ast::HasName::name(rules).map(|name| name.text().to_string()));
            }
            let Some(found) = Item::of(&item) else {
                items::use_of_macros(&item, &mut edits);
                continue;
            };
            let is_whole = !items::leave_out(&item, &found, &before.replaced, &mut edits);
            if is_whole {
                items::at_the_top(&item, &mut edits);
                statics::share(&item, &found, before, &mut rewritten, &mut edits);
            }
            rewritten.items.push(found);
        }
        rewritten.text = edits.apply(&source);
        rewritten.text.push_str(&evcxr::imports(&source, &macros));
        rewritten
    }

    /// The path of a trait that the compiler misses in a variable's type.
    pub(super) fn trait_of(&self, missing: &Missing) -> Option<(String, String)> {
        let line = self.text.lines().nth(missing.line.checked_sub(1)?)?;
        let path = types::path_of(&missing.offered)?;
        (types::is_of_variable(line) || evcxr::is_parameter(line)).then(|| (missing.name.clone(), path.clone()))
    }

    /// What of an older cell two lines that exclude each other show to be replaced.
    pub(super) fn older_of(&self, conflict: &Conflict) -> Option<Replaced> {
        items::older_of(&self.items, &self.text, conflict)
    }
}

/// Parts of a text and what takes their place.
#[derive(Debug, Default)]
struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    /// Has `text`, which has no line break, take the place of a part of `source`.
    fn replace(&mut self, range: Range<usize>, text: String) {
        self.0.push((range, text));
    }

    /// Leaves a part out.
    fn remove(&mut self, range: Range<usize>) {
        self.replace(range, String::new());
    }

    /// The text with all of it done. Of two parts that overlap, the first one found counts.
    fn apply(self, source: &str) -> String {
        let mut edits = self.0;
        edits.sort_by_key(|(range, _)| (range.start, range.end));
        let (mut text, mut taken) = (String::with_capacity(source.len()), 0);
        for (range, instead) in edits {
            if range.start < taken {
                continue;
            }
            text.push_str(&source[taken..range.start]);
            text.push_str(&instead);
            text.extend(source[range.clone()].chars().filter(|c| *c == '\n'));
            taken = range.end;
        }
        text.push_str(&source[taken..]);
        text
    }
}

/// The bytes of a node.
fn range_of(node: &ra_ap_syntax::SyntaxNode) -> Range<usize> {
    node.text_range().start().into()..node.text_range().end().into()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn rewrite(source: &str, before: &Before) -> Rewritten {
        let rewritten = Rewritten::of(source, before, false);
        let lines = |text: &str| text.matches('\n').count();
        let own = rewritten.text.rfind("use pelago::").unwrap_or(rewritten.text.len());
        assert_eq!(lines(&rewritten.text[..own]), lines(source), "{}", rewritten.text);
        rewritten
    }

    fn check(source: &str, before: &Before, expected: Expect) {
        let rewritten = rewrite(source, before);
        let end = rewritten.text.rfind("#[allow(unused_imports)]use pelago").unwrap_or(rewritten.text.len());
        expected.assert_eq(&rewritten.text[..end]);
    }

    #[test]
    fn a_static_is_defined_once() {
        let source = "use std::sync::atomic::*;\npub static N: AtomicU32 = AtomicU32::new(0)/*@item 7.1*/;\n\
                      fn f(a: &str) -> u32 {\n    static M: &str\n = \"x\";\n    1 /*@item 7.2*/}\n";
        check(
            source,
            &Before::default(),
            expect![[r#"
                use std::sync::atomic::*;
                #[unsafe(export_name="pelago_static_7_1_0")]pub static N: AtomicU32 = AtomicU32::new(0)/*@item 7.1*/;
                fn f(a: &str) -> u32 {
                    #[unsafe(export_name="pelago_static_7_2_0")]static M: &str
                 = "x";
                    1 /*@item 7.2*/}
            "#]],
        );
        let mut before = Before::default();
        before.statics.insert("pelago_static_7_1_0".to_owned(), "a.so".into());
        before.statics.insert("pelago_static_7_2_0".to_owned(), "b.so".into());
        check(
            source,
            &before,
            expect![[r#"
                use std::sync::atomic::*;
                unsafe extern "C"{#[allow(improper_ctypes)]#[link_name="pelago_static_7_1_0"]pub safe static N: AtomicU32;}
                fn f(a: &str) -> u32 {
                    unsafe extern "C"{#[allow(improper_ctypes)]#[link_name="pelago_static_7_2_0"]safe static M: &'static str;}

                    1 /*@item 7.2*/}
            "#]],
        );
        assert_eq!(rewrite(source, &before).links.len(), 2);
    }

    #[test]
    fn what_a_later_item_replaces_is_left_out() {
        let source = "struct Q;\nimpl Q {\n    fn a(&self) {}\n    fn b(&self) {}\n/*@item 3.1*/}\n\
                      impl Q {\n    fn a(&self) {}\n/*@item 4.1*/}\n";
        let rewritten = rewrite(source, &Before::default());
        let conflict = Conflict { lines: vec![3, 7], is_in_item: true };
        let replaced = rewritten.older_of(&conflict).unwrap();
        let mut before = Before::default();
        before.replaced.insert(replaced);
        check(
            source,
            &before,
            expect![[r#"
                struct Q;
                impl Q {
                    
                    fn b(&self) {}
                /*@item 3.1*/}
                impl Q {
                    fn a(&self) {}
                /*@item 4.1*/}
            "#]],
        );
    }

    #[test]
    fn items_of_macros_stand_at_the_top() {
        let source = "macro_rules! mk { ($n:ident) => { struct $n; }/*@item 1.1*/}\n\
                      mod pelago_items_2_1{use super::*;mk!(Foo);/*@item 2.1*/}\nuse pelago_items_2_1::*;\n";
        check(
            source,
            &Before::default(),
            expect![[r#"
                macro_rules! mk { ($n:ident) => { struct $n; }/*@item 1.1*/}
                mk!(Foo);/*@item 2.1*/

            "#]],
        );
    }

    #[test]
    fn evcxrs_words_are_its_protocols() {
        let source = "match std::panic::catch_unwind(\n  std::panic::AssertUnwindSafe(||{\n})) { \n  Ok(_) => {}\n  Err(_) => {\n    \
                      println!(\"EVCXR_PANIC_NOTIFICATION\");\n}}\n";
        check(
            source,
            &Before::default(),
            expect![[r#"
                match std::panic::catch_unwind(
                  std::panic::AssertUnwindSafe(||{
                })) { 
                  Ok(_) => {}
                  Err(payload) => {
                    pelago::cell::unwound(payload);
                }}
            "#]],
        );
    }
}
