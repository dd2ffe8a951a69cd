//! What is written into a cell before it is compiled: where it begins and ends,
//! its last expression as the value to show, `?` as the cell's error, `.await` as
//! a wait, and names for its items.
//!
//! Only insertions are made, and none has a line break: so a line that the
//! compiler names is the user's. What must go is put into a comment.

mod expressions;
mod items;
mod macros;
mod statics;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use ra_ap_syntax::ast::{self, AstNode};
use ra_ap_syntax::{Edition, SourceFile, SyntaxKind, SyntaxNode, TextSize};

pub(super) use self::macros::MacroKind;

/// What the parser needs around statements.
const OPEN: &str = "fn f(){";

/// What the session knows of earlier cells.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Macros that earlier cells defined or used, and what they make.
    pub(super) macros: HashMap<String, MacroKind>,
    /// Variables that were declared `mut` and moved away since.
    pub(super) moved: HashSet<String>,
    /// Whether there is a runtime of tokio to wait in.
    pub(super) has_tokio: bool,
}

/// A cell as it is compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Transformed {
    /// The code.
    pub(super) code: String,
    /// Macros that it defines, and what they make.
    pub(super) defines: Vec<(String, MacroKind)>,
    /// Macros that were taken to make items, though nobody said so.
    pub(super) guessed: Vec<String>,
    /// Variables that it declares at its outermost level, and whether they are `mut`.
    pub(super) declares: Vec<Declared>,
    /// What is wrong with it that the compiler would tell in words of what stands around the cell.
    pub(super) problems: Vec<Problem>,
    /// Whether it does not parse; the compiler says why.
    pub(super) is_broken: bool,
    /// Bytes that were put in: where in the user's text, and how many.
    insertions: Vec<(usize, usize)>,
}

/// A variable: its name, whether it is `mut`, and where it stands in the user's text.
pub(super) type Declared = (String, bool, std::ops::Range<usize>);

/// What is wrong with a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// What, in the compiler's manner.
    pub(super) message: String,
    /// What to do.
    pub(super) help: String,
    /// Bytes of the user's text.
    pub(super) range: std::ops::Range<usize>,
    /// Whether it is only worth a word.
    pub(super) is_warning: bool,
}

impl Transformed {
    /// The code without the cell's begin and end, for a cell of items alone.
    pub(super) fn items_alone(&self) -> String {
        let code = self.code.split_once(";").map_or(self.code.as_str(), |(_, code)| code);
        code.rsplit_once('\n').map_or(code, |(code, _)| code).to_owned()
    }

    /// The user's column (from 1, in characters) of a line and column of [`Transformed::code`].
    pub(super) fn column(&self, original: &str, line: usize, column: usize) -> usize {
        let start = |text: &str| {
            let lines = text.split_inclusive('\n').take(line.saturating_sub(1));
            lines.map(str::len).sum::<usize>()
        };
        let (from, to) = (start(&self.code), start(original));
        let bytes = self.code.get(from..).unwrap_or_default();
        let offset: usize = bytes.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum();
        let position = from + offset;
        let mut inserted = 0;
        for (at, length) in &self.insertions {
            if at + inserted >= position {
                break;
            }
            // Within what was put in, its place is the user's.
            inserted += (*length).min(position - (at + inserted));
        }
        let place = (position - inserted).max(to).min(original.len());
        original.get(to..place).map_or(1, |text| text.chars().count() + 1)
    }
}

/// Text that is put in.
struct Edit {
    at: usize,
    text: String,
    closes: bool,
}

/// What is put into a cell's text, and what is learned on the way.
struct Work<'a> {
    text: &'a str,
    number: u64,
    first_line: usize,
    known: &'a Known,
    edits: Vec<Edit>,
    /// Items so far.
    items: usize,
    defines: Vec<(String, MacroKind)>,
    guessed: Vec<String>,
    declares: Vec<Declared>,
    problems: Vec<Problem>,
}

impl Work<'_> {
    /// Opens something before what stands at a byte.
    fn open(&mut self, at: usize, text: impl Into<String>) {
        self.edits.push(Edit { at, text: text.into(), closes: false });
    }

    /// Closes something behind what ends at a byte. What was opened last is closed first.
    fn close(&mut self, at: usize, text: impl Into<String>) {
        self.edits.push(Edit { at, text: text.into(), closes: true });
    }

    /// Has a part of the text be a comment, and `instead` stand before it.
    fn replace(&mut self, range: std::ops::Range<usize>, instead: &str) {
        self.open(range.start, format!("{instead}/*"));
        self.close(range.end, "*/");
    }

    /// A comment that names an item from now on: its cell, and which of the cell's items it is.
    fn item_mark(&mut self) -> String {
        self.items += 1;
        format!("/*@item {}.{}*/", self.number, self.items)
    }
}

/// The cell `number`, as it is compiled. Its first line is line `first_line` of
/// what the user wrote. With `guess`, macros that nobody knows are taken to make items.
pub(super) fn transform(text: &str, number: u64, first_line: usize, known: &Known, guess: bool) -> Transformed {
    let parse = |end: &str| SourceFile::parse(&format!("{OPEN}{text}\n{end}"), Edition::Edition2024);
    // The last statement may be left open.
    let parsed = Some(parse("}")).filter(|parsed| parsed.errors().is_empty()).unwrap_or_else(|| parse(";}"));
    let tree = parsed.tree();
    let mut functions = tree.syntax().children();
    let list = functions.find_map(ast::Fn::cast).and_then(|function| function.body()).and_then(|body| body.stmt_list());
    // Anything after the function is what a closing delimiter too many left.
    let is_broken = !parsed.errors().is_empty() || functions.next().is_some();
    let mut work = Work {
        text,
        number,
        first_line,
        known,
        edits: Vec::new(),
        items: 0,
        defines: Vec::new(),
        guessed: Vec::new(),
        declares: Vec::new(),
        problems: Vec::new(),
    };
    // Where the cell's own attributes end.
    let mut start = 0;
    // Closes a statement that the user left open; an item must not be followed by one.
    let mut close = ";";
    if let Some(list) = list.filter(|_| !is_broken) {
        let tail = list.tail_expr().map(|tail| tail.syntax().clone());
        let mut shown = tail.clone();
        let mut ends_with_item = false;
        for child in list.syntax().children() {
            let is_last = Some(&child) == tail.as_ref();
            if child.kind() == SyntaxKind::ATTR {
                start = own(child.text_range().end());
            } else if let Some(item) =
                ast::Item::cast(child.clone()).filter(|_| !ast::MacroCall::can_cast(child.kind()))
            {
                items::item(&mut work, &item);
                ends_with_item = true;
            } else if macros::is_item(&mut work, &child, guess) {
                ends_with_item = true;
                shown = shown.filter(|_| !is_last);
            } else {
                expressions::statement(&mut work, &child);
                ends_with_item = false;
            }
        }
        if ends_with_item {
            close = "";
        }
        if let Some(last) = shown {
            let (from, to) = (own(last.text_range().start()), own(last.text_range().end()));
            // Around what else begins there.
            work.edits.insert(0, Edit { at: from, text: "pelago::show!(".to_owned(), closes: false });
            work.edits.insert(0, Edit { at: to, text: ");".to_owned(), closes: true });
        }
    }
    let enter = if known.has_tokio { "pelago::enter!(pelago_runtime.enter());" } else { "" };
    work.edits.insert(0, Edit { at: start, text: format!("pelago::begin!({number});{enter}"), closes: false });
    let mut edits: Vec<_> = work.edits.iter().enumerate().collect();
    // At one place what was found first is outermost.
    edits.sort_by_key(|(index, edit)| {
        let order = if edit.closes { work.edits.len() - index } else { work.edits.len() + index };
        (edit.at, order)
    });
    let (mut code, mut taken) = (String::with_capacity(text.len() + 200), 0);
    let mut insertions = Vec::with_capacity(edits.len());
    for (_, edit) in edits {
        let at = edit.at.min(text.len());
        code.push_str(&text[taken..at]);
        code.push_str(&edit.text);
        insertions.push((at, edit.text.len()));
        taken = at;
    }
    code.push_str(&text[taken..]);
    code.push_str(&format!("\n{close}pelago::cell::end({number});"));
    let Work { defines, guessed, declares, problems, .. } = work;
    Transformed { code, defines, guessed, declares, problems, is_broken, insertions }
}

/// An offset in the user's text.
fn own(offset: TextSize) -> usize {
    usize::from(offset).saturating_sub(OPEN.len())
}

/// Bytes of the user's text.
fn own_range(node: &SyntaxNode) -> std::ops::Range<usize> {
    own(node.text_range().start())..own(node.text_range().end())
}
