//! The session at a terminal: a prompt, a cell, what it shows, and again.

use std::process::ExitCode;
use std::time::Instant;

use pelago_cells::interpreter::{ExecuteOptions, Interpreter};

use super::Session;
use super::above::{Above, Bell};
use super::cell;
use super::editor::{Editor, Typed};
use super::late::{Late, Lines, Threads};
use crate::failure::Failure;
use crate::output::screen::{Screen, Stream};
use pelago_render::paint::Ink;

/// Runs cells until the user leaves with Ctrl-D. A cell that fails is shown and
/// does not end the session.
pub(super) async fn run(interpreter: &Interpreter, session: &mut Session) -> Result<ExitCode, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    session.screen.say(Ink::Dim, &format!("Pelago {version} · :help lists the commands, Ctrl-D leaves"))?;
    let above = Above::default();
    let mut editor = Editor::open(interpreter, &session.terminal, above.clone())?;
    let mut number = 1_u32;
    loop {
        let prompt = format!("[{number}]> ");
        let bell = editor.bell();
        let reading = tokio::task::spawn_blocking({
            let prompt = prompt.clone();
            move || {
                let typed = editor.read(&prompt);
                (editor, typed)
            }
        });
        tokio::pin!(reading);
        let mut meanwhile = Meanwhile { above: &above, bell, prompt, lines: Lines::default() };
        let Session { screen, threads, .. } = session;
        // The editor cannot be told to stop, so a stream that is gone is told when the line is read.
        let mut shown = Ok(());
        let read = loop {
            tokio::select! {
                read = &mut reading => break read,
                now = meanwhile.show(threads, screen), if shown.is_ok() => shown = now,
            }
        };
        shown?;
        let (returned, typed) = read.map_err(std::io::Error::other)?;
        editor = returned;
        // What came too late for the editor stands before the cell's own output.
        let rest = above.take() + &meanwhile.lines.rest();
        if !rest.is_empty() {
            screen.text(Stream::Out, &rest)?;
        }
        let code = match typed? {
            Typed::Cell(code) if code.trim().is_empty() => continue,
            Typed::Cell(code) => code,
            Typed::Cleared => continue,
            Typed::Left => return Ok(ExitCode::SUCCESS),
        };
        let late = Some(session.threads.sender());
        let options = ExecuteOptions { label: format!("[{number}]"), allow_input: true, late };
        cell::run(interpreter, session, code, options).await?;
        number = number.saturating_add(1);
    }
}

/// What threads of cells print while the user types.
struct Meanwhile<'a> {
    above: &'a Above,
    bell: Option<Bell>,
    prompt: String,
    lines: Lines,
}

impl Meanwhile<'_> {
    /// Waits for one thing to show. It may be dropped while it waits.
    async fn show(&mut self, threads: &mut Threads, screen: &mut Screen) -> std::io::Result<()> {
        let late = tokio::select! {
            late = async {
                self.above.room().await;
                threads.next().await
            } => late,
            () = until(self.lines.due()) => {
                let rest = self.lines.rest();
                return self.draw(&rest, screen);
            }
        };
        if !screen.is_terminal(late.stream()) {
            return late.show(screen);
        }
        let whole = match late {
            Late::Text(_, text) => self.lines.add(&text),
            Late::Value(shown) => self.lines.rest() + &screen.rendered(&shown),
        };
        if whole.is_empty() { Ok(()) } else { self.draw(&whole, screen) }
    }

    fn draw(&self, lines: &str, screen: &mut Screen) -> std::io::Result<()> {
        let Some(bell) = &self.bell else {
            // The cursor cannot be moved: the prompt comes again below, and what was typed stays above.
            return screen.text(Stream::Out, &format!("\n{lines}{}", self.prompt));
        };
        self.above.add(lines);
        bell.ring();
        Ok(())
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
