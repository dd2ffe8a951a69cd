//! Showing values, in the middle of a cell or at its end.

pub(crate) mod dispatch;
mod frames;
mod holders;
mod known;
mod media;
mod plot;

use std::sync::atomic::{AtomicU64, Ordering};

use pelago_protocol::cells::{Content, Place};

pub use frames::Displayed;
pub use media::{Html, Image, Json, Markdown};
pub use plot::{Plot, plot};

use crate::{Run, cell};

/// A value that knows how it is shown. Implement it for a type of your own to
/// have its cells show it, e.g. as [`Html`].
pub trait Show {
    /// What is shown.
    #[doc(hidden)]
    fn content(&self) -> Content;
}

impl Show for Run {
    fn content(&self) -> Content {
        Run::content(self)
    }
}

pub(crate) fn text(text: String) -> Content {
    Content::Text { text: pelago_cell::cell::shortened(&text) }
}

/// Something that was shown and can be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisplayHandle {
    id: String,
}

impl DisplayHandle {
    /// Shows another value in the same place.
    pub fn update<By, T: Displayed<By>>(&self, value: T) {
        update_display(&self.id, value);
    }

    /// The name of the place.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Shows a value now, in order with what is printed: a DataFrame, a column, and a reference, `Result` or
/// `Option` of them as a table, a run with its report, [`Html`] and its like as what they are, a text
/// without quotes, all else by Debug.
pub fn display<By, T: Displayed<By>>(value: T) -> DisplayHandle {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let id = format!("pelago-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    display_with_id(id, value)
}

/// As [`display`], under a name of your own.
pub fn display_with_id<By, T: Displayed<By>>(id: impl Into<String>, value: T) -> DisplayHandle {
    let id = id.into();
    cell::show(Place::Display { id: Some(id.clone()), update: false }, value.displayed());
    DisplayHandle { id }
}

/// Shows a value in the place of that name, wherever it is on the page.
pub fn update_display<By, T: Displayed<By>>(id: &str, value: T) {
    cell::show(Place::Display { id: Some(id.to_owned()), update: true }, value.displayed());
}

/// Clears what the cell has shown: now, or with `wait` when it shows the next thing.
pub fn clear_output(wait: bool) {
    cell::show(Place::Display { id: None, update: false }, Content::Clear { wait });
}
