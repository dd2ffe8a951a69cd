//! A message of the compiler, as lines that point at the user's own text.

use serde_json::Value;

use super::places::{Places, Text};
use super::transform::Problem;

/// A message, in lines and columns of what the user wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CompileError {
    /// `error` or `warning`.
    level: &'static str,
    message: String,
    code: Option<String>,
    labels: Vec<Label>,
    help: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Label {
    /// What the cell is called.
    cell: String,
    /// The line's number in the cell.
    line: usize,
    /// The line's text.
    source: String,
    start: usize,
    /// Column after the last one; `None` where the span goes on in another line.
    end: Option<usize>,
    text: String,
    is_primary: bool,
}

impl Label {
    /// A label in `cell`; `index` is a line of its text, from 0.
    fn at(cell: &Text, index: usize, columns: (usize, Option<usize>), text: &str, is_primary: bool) -> Self {
        // What the compiler finds where the text is over, it finds at its end.
        let last = cell.text.trim_end().lines().count().saturating_sub(1);
        let is_behind = index > last;
        let index = index.min(last);
        let source = cell.text.lines().nth(index).unwrap_or_default().to_owned();
        let end = source.trim_end().chars().count() + 1;
        let (start, end) = if is_behind { (end, Some(end + 1)) } else { columns };
        Self {
            cell: cell.name.clone(),
            line: index + cell.first_line,
            source,
            start,
            end,
            text: text.to_owned(),
            is_primary,
        }
    }

    fn lines(&self, is_first: bool) -> Vec<String> {
        let Self { cell, line, source, text, .. } = self;
        let width = source.chars().count();
        let start = self.start.min(width + 1);
        let end = self.end.unwrap_or(width + 1).max(start + 1);
        let margin = " ".repeat(line.to_string().len());
        let mark = if self.is_primary { "^" } else { "-" };
        let under = format!("{}{}", " ".repeat(start - 1), mark.repeat(end - start));
        let place = is_first.then(|| format!("{margin}--> {cell}:{line}:{start}"));
        let shown = [
            format!("{margin} |"),
            format!("{line} | {source}"),
            format!("{margin} | {under} {text}").trim_end().to_owned(),
        ];
        place.into_iter().chain(shown).collect()
    }
}

impl CompileError {
    /// An error of evcxr, which knows lines and columns of the cell `text`. What it does not know, `places` may.
    pub(super) fn of(error: &evcxr::CompilationError, text: &Text, places: &Places) -> Self {
        let labels = error.spanned_messages().iter().filter_map(|message| {
            let span = message.span.as_ref()?;
            let column = |line, column| text.transformed.column(&text.text, line, column);
            let end = (span.end_line == span.start_line).then(|| column(span.end_line, span.end_column));
            let columns = (column(span.start_line, span.start_column), end);
            Some(Label::at(text, span.start_line.checked_sub(1)?, columns, &message.label, message.is_primary))
        });
        let labels: Vec<_> = labels.collect();
        let mut found = Self::of_json(&error.json, |file, line, column| {
            places.find(file, line, column).map(|place| (place.cell.as_ref().clone(), place.index, place.column))
        });
        if !labels.is_empty() {
            found.labels = labels;
        }
        found.message = error.message();
        found.level = "error";
        // evcxr repeats the message where the compiler said nothing.
        let repeated = format!("error: {}", found.message);
        found.labels.iter_mut().filter(|label| label.text == repeated).for_each(|label| label.text.clear());
        found.in_the_users_words();
        found
    }

    /// A message of rustc, whose places `place` finds: a cell, a line of its text from 0, and a column.
    pub(super) fn of_json(message: &Value, place: impl Fn(&str, usize, usize) -> Option<(Text, usize, usize)>) -> Self {
        let level = if message["level"] == "warning" { "warning" } else { "error" };
        let number = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok());
        let spans = message["spans"].as_array().into_iter().flatten();
        let labels = spans.filter_map(|span| {
            // Of what a macro makes, the place where the user calls it.
            let mut at = span;
            while at["expansion"].is_object() && !at["expansion"]["span"].is_null() {
                at = &at["expansion"]["span"];
            }
            let (line, start) = (number(&at["line_start"])?, number(&at["column_start"])?);
            let (cell, index, column) = place(at["file_name"].as_str()?, line, start)?;
            let length = number(&at["column_end"])?.saturating_sub(start);
            let end = (number(&at["line_end"]) == Some(line)).then_some(column + length);
            let text = span["label"].as_str().unwrap_or_default();
            Some(Label::at(&cell, index, (column, end), text, span["is_primary"] == true))
        });
        let mut error = Self {
            level,
            message: message["message"].as_str().unwrap_or_default().to_owned(),
            code: message["code"]["code"].as_str().map(str::to_owned),
            labels: labels.collect(),
            help: help(message),
        };
        error.in_the_users_words();
        error
    }

    /// What Pelago itself finds wrong.
    pub(super) fn of_problem(problem: &Problem, text: &Text) -> Self {
        let Problem { message, help, range, is_warning } = problem;
        let mut error =
            Self { level: if *is_warning { "warning" } else { "error" }, message: message.clone(), ..Self::default() };
        error.help.extend((!help.is_empty()).then(|| help.clone()));
        let before = text.text.get(..range.start).unwrap_or_default();
        let index = before.matches('\n').count();
        let start = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        let marked = text.text.get(range.clone()).unwrap_or_default();
        let end = (!marked.contains('\n')).then(|| start + marked.chars().count());
        error.labels.push(Label::at(text, index, (start, end), "", true));
        error
    }

    /// Whether it points at anything that the user wrote.
    pub(super) fn has_place(&self) -> bool {
        self.labels.iter().any(|label| label.is_primary)
    }

    /// Adds what to do.
    pub(super) fn with_help(mut self, help: String) -> Self {
        self.help.push(help);
        self
    }

    /// The name in back quotes that the message is about, where its code is `code`.
    pub(super) fn named(&self, code: &str) -> Option<&str> {
        let is_it = self.code.as_deref() == Some(code);
        self.message.split('`').nth(1).filter(|_| is_it)
    }

    /// `error[E0425]: …`
    pub(super) fn title(&self) -> String {
        let Self { level, message, .. } = self;
        match &self.code {
            // The name of a lint says nothing that its message does not.
            Some(code) if code.starts_with('E') => format!("{level}[{code}]: {message}"),
            _ => format!("{level}: {message}"),
        }
    }

    /// The message in the user's text.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.title()];
        let mut labels: Vec<&Label> = self.labels.iter().collect();
        labels.sort_by_key(|label| (!label.is_primary, label.line, label.start));
        for (index, label) in labels.iter().enumerate() {
            lines.extend(label.lines(index == 0));
        }
        lines.extend(self.help.iter().map(|help| format!("  = help: {help}")));
        lines
    }

    /// What the compiler says of things that only Pelago wrote, as what the user did.
    fn in_the_users_words(&mut self) {
        if let Some(found) = self.message.strip_prefix("the trait bound `").and_then(|rest| rest.split_once(": ")) {
            let (kind, wanted) = found;
            if wanted.starts_with("Attempt`") || wanted.starts_with("pelago::cell::Attempt`") {
                let kind = if kind == "{integer}" { "an integer".to_owned() } else { format!("`{kind}`") };
                self.message = format!("`?` needs a `Result` or an `Option`, and this is {kind}");
                self.labels.retain(|label| label.is_primary);
                self.labels.iter_mut().for_each(|label| label.text.clear());
                self.help.clear();
            }
        }
        let is_about_the_end = |text: &str| text.contains("`pelago`") || text.contains("`evcxr_variable_store`");
        for text in std::iter::once(&mut self.message).chain(self.labels.iter_mut().map(|label| &mut label.text)) {
            if is_about_the_end(text) {
                *text = text
                    .replace("`pelago`", "the end of the cell")
                    .replace("`evcxr_variable_store`", "the end of the cell");
            }
        }
        let borrowed = self.message.strip_prefix("The variable `");
        let borrowed = borrowed.and_then(|rest| rest.split_once("` contains a reference with a non-static lifetime"));
        if let Some(name) = borrowed.map(|(name, _)| name.to_owned()) {
            self.message = format!("the variable `{name}` holds a reference to something that ends with the cell");
            self.help = vec![format!(
                "keep an owned value in `{name}` (`.to_vec()`, `.to_owned()`), or put the code into braces, so that the variable ends with them"
            )];
        }
        self.help.retain(|help| !help.contains("pelago::") && !help.contains("evcxr"));
    }
}

/// What the compiler suggests, each on one line.
fn help(message: &Value) -> Vec<String> {
    let children = message["children"].as_array().into_iter().flatten();
    let children = children.filter(|child| child["level"] == "help");
    let text = |child: &Value| {
        let message = child["message"].as_str()?;
        let first = message.lines().next().unwrap_or_default();
        let replacements: Vec<&str> = child["spans"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|span| span["suggested_replacement"].as_str())
            .map(str::trim)
            .collect();
        Some(match replacements.as_slice() {
            // A part of a name says nothing alone.
            [one] if one.len() > 2 && !one.contains('\n') => format!("{first}: `{one}`"),
            _ => first.to_owned(),
        })
    };
    children.filter_map(text).collect()
}
