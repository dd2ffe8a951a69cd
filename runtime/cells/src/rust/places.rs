//! Places of compiled cells as places of the user's text.
//!
//! evcxr puts every item of the session and the cell's statements into one file,
//! each on lines of its own, with text around it. So the lines of that file are the
//! lines of cells, and the newest cell that has such a line is where it comes from.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::transform::Transformed;

/// Texts of cells that are kept.
const TEXTS: usize = 1000;
/// The file that the compiler names.
const FILE: &str = "lib.rs";

/// A cell that was compiled.
#[derive(Clone, Debug)]
pub(super) struct Text {
    /// What errors call it.
    pub(super) name: String,
    /// The number of its first line in what the user wrote.
    pub(super) first_line: usize,
    /// What the user wrote.
    pub(super) text: String,
    /// What was compiled.
    pub(super) transformed: Transformed,
}

/// A place in a cell.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) cell: Arc<Text>,
    /// The line within the text, from 0.
    pub(super) index: usize,
    /// The column, in characters from 1.
    pub(super) column: usize,
}

impl Place {
    /// The line's number, from 1, in what the user wrote.
    pub(super) fn line(&self) -> usize {
        self.index + self.cell.first_line
    }
}

/// The cells of a session, by their lines.
#[derive(Debug)]
pub(super) struct Places {
    /// The folder of the compiled files: one each below it.
    sources: PathBuf,
    texts: Mutex<VecDeque<Arc<Text>>>,
}

impl Places {
    pub(super) fn new(sources: PathBuf) -> Self {
        Self { sources, texts: Mutex::default() }
    }

    /// A cell is compiled.
    pub(super) fn add(&self, text: Arc<Text>) {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        if texts.len() == TEXTS {
            texts.pop_front();
        }
        texts.push_back(text);
    }

    /// The place in a cell of a place in a compiled file; `None` for what no user wrote.
    pub(super) fn find(&self, file: &str, line: usize, column: usize) -> Option<Place> {
        let path = Path::new(file);
        if !path.starts_with(&self.sources) {
            return None;
        }
        let source = std::fs::read_to_string(path).ok()?;
        let wanted = source.lines().nth(line.checked_sub(1)?)?;
        // Of several lines with the same text, it is as far along in the cell as in the file.
        let before = source.lines().take(line - 1).filter(|other| *other == wanted).count();
        let texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts.iter().rev().find_map(|cell| in_cell(cell, wanted, before, column))
    }

    /// Text in which the places of compiled files are places of cells.
    pub(super) fn translate(&self, text: String) -> String {
        let sources = self.sources.to_string_lossy();
        if !text.contains(&*sources) {
            return text;
        }
        let (mut translated, mut rest) = (String::with_capacity(text.len()), text.as_str());
        while let Some(at) = rest.find(&*sources) {
            translated.push_str(&rest[..at]);
            rest = &rest[at..];
            let Some((place, length)) = self.place_at(rest) else {
                translated.push_str(&rest[..sources.len()]);
                rest = &rest[sources.len()..];
                continue;
            };
            translated.push_str(&format!("{}:{}:{}", place.cell.name, place.line(), place.column));
            rest = &rest[length..];
        }
        translated.push_str(rest);
        translated
    }

    /// The place that a text begins with, as `file:line:column`, and its length.
    fn place_at(&self, text: &str) -> Option<(Place, usize)> {
        let end = text.find(FILE)? + FILE.len();
        let (file, rest) = text.split_at(end);
        let number = |text: &str| {
            let digits = text.strip_prefix(':')?;
            let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
            Some((digits[..length].parse::<usize>().ok()?, length + 1))
        };
        let (line, length) = number(rest)?;
        let (column, more) = number(&rest[length..]).unwrap_or((1, 0));
        Some((self.find(file, line, column)?, end + length + more))
    }
}

fn in_cell(cell: &Arc<Text>, wanted: &str, before: usize, column: usize) -> Option<Place> {
    let lines = cell.text.lines().count().max(1);
    let all = cell.transformed.code.lines().take(lines).enumerate();
    let same: Vec<_> = all.filter_map(|(index, line)| Some((index, shift(wanted, line)?))).collect();
    let (index, shift) = *same.get(before).or(same.last())?;
    let column = column.saturating_add_signed(shift).max(1);
    let column = cell.transformed.column(&cell.text, index + 1, column);
    Some(Place { cell: Arc::clone(cell), index, column })
}

/// How far the columns of a compiled line are from those of a cell's line that it is; evcxr puts each statement on a
/// line of its own and text around it.
fn shift(compiled: &str, line: &str) -> Option<isize> {
    if compiled == line {
        return Some(0);
    }
    let (trimmed, wanted) = (compiled.trim(), line.trim());
    if trimmed.len().min(wanted.len()) <= 3 {
        return None;
    }
    let characters = |text: &str| isize::try_from(text.chars().count()).ok();
    if let Some(at) = line.find(trimmed) {
        let indent = compiled.len() - compiled.trim_start().len();
        return Some(characters(&line[..at])? - characters(&compiled[..indent])?);
    }
    let at = compiled.find(wanted)?;
    let indent = line.len() - line.trim_start().len();
    Some(characters(&line[..indent])? - characters(&compiled[..at])?)
}
