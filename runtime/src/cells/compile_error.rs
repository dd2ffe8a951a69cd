//! An error of the compiler, as lines that point at the user's own text.

use super::transform::Transformed;

/// An error of the compiler, in lines and columns of what was compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CompileError {
    message: String,
    code: Option<String>,
    labels: Vec<Label>,
    help: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Label {
    line: usize,
    start: usize,
    /// Column after the last one; `None` where the span goes on in another line.
    end: Option<usize>,
    text: String,
    is_primary: bool,
}

impl CompileError {
    pub(super) fn of(error: &evcxr::CompilationError) -> Self {
        let labels = error.spanned_messages().iter().filter_map(|message| {
            let span = message.span.as_ref()?;
            Some(Label {
                line: span.start_line,
                start: span.start_column,
                end: (span.end_line == span.start_line).then_some(span.end_column),
                text: message.label.clone(),
                is_primary: message.is_primary,
            })
        });
        Self {
            message: error.message(),
            code: error.code().map(str::to_owned),
            labels: labels.collect(),
            help: error.help(),
        }
    }

    /// `error[E0425]: …`
    pub(super) fn title(&self) -> String {
        match &self.code {
            Some(code) => format!("error[{code}]: {}", self.message),
            None => format!("error: {}", self.message),
        }
    }

    /// The error in the user's text, which begins on line `first_line` of the cell `name`.
    pub(super) fn lines(&self, text: &str, transformed: &Transformed, name: &str, first_line: usize) -> Vec<String> {
        let mut lines = vec![self.title()];
        let mut labels: Vec<&Label> = self.labels.iter().collect();
        labels.sort_by_key(|label| (!label.is_primary, label.line, label.start));
        for (index, label) in labels.iter().enumerate() {
            let Some(source) = text.lines().nth(label.line.saturating_sub(1)) else { continue };
            let width = source.chars().count();
            let start = transformed.column(text, label.line, label.start).min(width + 1);
            let end = label.end.map_or(width + 1, |end| transformed.column(text, label.line, end)).max(start + 1);
            let number = label.line + first_line - 1;
            let margin = " ".repeat(number.to_string().len());
            if index == 0 {
                lines.push(format!("{margin}--> {name}:{number}:{start}"));
            }
            let mark = if label.is_primary { "^" } else { "-" };
            lines.push(format!("{margin} |"));
            lines.push(format!("{number} | {source}"));
            let under = format!("{}{}", " ".repeat(start - 1), mark.repeat(end - start));
            lines.push(format!("{margin} | {under} {}", label.text).trim_end().to_owned());
        }
        lines.extend(self.help.iter().map(|help| format!("  = help: {help}")));
        lines
    }
}
