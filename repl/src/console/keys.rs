//! Keys that depend on what is typed: Enter runs a whole cell and else begins
//! an indented line, `}` goes back a level, Tab indents at a line's beginning,
//! Ctrl-C keeps the text that it takes away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pelago_cells::interpreter::{Completeness, completeness};
use rustyline::history::DefaultHistory;
use rustyline::{
    Cmd, ConditionalEventHandler, Editor, Event, EventContext, EventHandler, Helper, KeyCode, KeyEvent, Modifiers,
    Movement, RepeatCount,
};

/// One level.
const INDENT: &str = "    ";

/// Whether the line that was accepted last was cleared by Ctrl-C instead.
#[derive(Clone, Debug, Default)]
pub(super) struct Cleared(Arc<AtomicBool>);

impl Cleared {
    /// Whether it was; asks once.
    pub(super) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// Binds the keys.
pub(super) fn bind<H: Helper>(editor: &mut Editor<H, DefaultHistory>) -> Cleared {
    let cleared = Cleared::default();
    let newline = Event::from(KeyEvent(KeyCode::Enter, Modifiers::ALT));
    editor.bind_sequence(newline, EventHandler::Simple(Cmd::Newline));
    // What was typed while a cell ran ends its lines with Ctrl-J.
    for enter in [KeyEvent(KeyCode::Enter, Modifiers::NONE), KeyEvent::ctrl('J'), KeyEvent::ctrl('M')] {
        editor.bind_sequence(enter, EventHandler::Conditional(Box::new(Enter)));
    }
    editor.bind_sequence(KeyEvent::from('}'), EventHandler::Conditional(Box::new(Brace)));
    editor.bind_sequence(KeyEvent(KeyCode::Tab, Modifiers::NONE), EventHandler::Conditional(Box::new(Tab)));
    editor.bind_sequence(KeyEvent::ctrl('C'), EventHandler::Conditional(Box::new(cleared.clone())));
    cleared
}

struct Enter;

impl ConditionalEventHandler for Enter {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext) -> Option<Cmd> {
        Some(match after_enter(context.line(), context.pos()) {
            Some(line) => Cmd::Insert(1, line),
            None => Cmd::AcceptLine,
        })
    }
}

/// What Enter inserts, or that it runs the cell.
fn after_enter(text: &str, cursor: usize) -> Option<String> {
    let (before, after) = text.split_at_checked(cursor)?;
    if after.contains('\n') {
        // Above the last line, one edits.
        let line = before.rsplit('\n').next().unwrap_or_default();
        let blank = &line[..line.len() - line.trim_start().len()];
        return Some(format!("\n{blank}"));
    }
    match completeness(text) {
        Completeness::Incomplete { indent } => Some(format!("\n{indent}")),
        // What no line can mend, the compiler explains best.
        Completeness::Complete | Completeness::Invalid { .. } => None,
    }
}

struct Brace;

impl ConditionalEventHandler for Brace {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext) -> Option<Cmd> {
        let line = context.line().get(..context.pos())?.rsplit('\n').next()?;
        let outer = line.strip_suffix(INDENT).filter(|_| line.trim().is_empty())?;
        Some(Cmd::Replace(Movement::BeginningOfLine, Some(format!("{outer}}}"))))
    }
}

struct Tab;

impl ConditionalEventHandler for Tab {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext) -> Option<Cmd> {
        let line = context.line().get(..context.pos())?.rsplit('\n').next()?;
        line.trim().is_empty().then(|| Cmd::Insert(1, INDENT.to_owned()))
    }
}

impl ConditionalEventHandler for Cleared {
    /// Accepts the line, so that its text is not lost and no hint stays behind it.
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, _: &EventContext) -> Option<Cmd> {
        self.0.store(true, Ordering::Relaxed);
        Some(Cmd::AcceptLine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enter_edits_above_the_last_line() {
        assert_eq!(after_enter("  let a = 1;\nb", 3), Some("\n  ".to_owned()));
        assert_eq!(after_enter(":help", 2), None);
    }
}
