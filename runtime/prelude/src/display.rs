//! Showing values, in the middle of a cell or at its end.

pub(crate) mod dispatch;
mod media;
mod plot;

use std::any::Any;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};

use pelago_protocol::cells::{Content, Place};
use polars::prelude::{DataFrame, LazyFrame, Series};

pub use media::{Html, Image, Json, Markdown};
pub use plot::{Plot, plot};

use crate::{Model, Run, Sweep, cell, ipc};

/// Rows of a DataFrame that travel to be looked at: as many as a table shows.
const ROWS: usize = 60;

/// A value that knows how it is shown. Implement it for a type of your own to
/// have its cells show it, e.g. as [`Html`].
pub trait Show {
    /// What is shown, and its body.
    #[doc(hidden)]
    fn content(&self) -> (Content, Vec<u8>);
}

impl Show for DataFrame {
    fn content(&self) -> (Content, Vec<u8>) {
        let height = self.height();
        let mut ends = if height <= ROWS {
            self.clone()
        } else {
            let head = self.head(Some(ROWS / 2));
            head.vstack(&self.tail(Some(ROWS / 2))).unwrap_or(head)
        };
        match ipc::write(&mut ends) {
            Ok(body) => (Content::Table { height }, body),
            Err(error) => (text(format!("{self}\n({error})")), Vec::new()),
        }
    }
}

impl Show for Series {
    fn content(&self) -> (Content, Vec<u8>) {
        self.clone().into_frame().content()
    }
}

impl Show for LazyFrame {
    fn content(&self) -> (Content, Vec<u8>) {
        let plan = self.describe_plan().unwrap_or_else(|error| error.to_string());
        (text(format!("a plan; `.collect()?` runs it\n\n{plan}")), Vec::new())
    }
}

impl Show for Run {
    fn content(&self) -> (Content, Vec<u8>) {
        Run::content(self)
    }
}

pub(crate) fn text(text: String) -> Content {
    Content::Text { text: pelago_cell::cell::shortened(&text) }
}

/// Of a value of any type: what is known to be shown in a way of its own, or its Debug.
fn content_of<T: Debug + Any>(value: &T) -> (Content, Vec<u8>) {
    let any: &dyn Any = value;
    macro_rules! first_of {
        ($($kind:ty),*) => {
            $(if let Some(value) = any.downcast_ref::<$kind>() { return Show::content(value); })*
        };
    }
    first_of!(DataFrame, Run, Model, Sweep, Plot, Html, Markdown, Image, Json, Series);
    if let Some(value) = any.downcast_ref::<&str>() {
        return (text((*value).to_owned()), Vec::new());
    }
    if let Some(value) = any.downcast_ref::<String>() {
        return (text(value.clone()), Vec::new());
    }
    (text(format!("{value:?}")), Vec::new())
}

/// Something that was shown and can be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisplayHandle {
    id: String,
}

impl DisplayHandle {
    /// Shows another value in the same place.
    pub fn update<T: Debug + Any>(&self, value: T) {
        update_display(&self.id, value);
    }

    /// The name of the place.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Shows a value now, in order with what is printed: a DataFrame as a table, a
/// run with its report, [`Html`] and its like as what they are, all else by Debug.
pub fn display<T: Debug + Any>(value: T) -> DisplayHandle {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let id = format!("pelago-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    display_with_id(id, value)
}

/// As [`display`], under a name of your own.
pub fn display_with_id<T: Debug + Any>(id: impl Into<String>, value: T) -> DisplayHandle {
    let id = id.into();
    let (content, body) = content_of(&value);
    cell::show(Place::Display { id: Some(id.clone()), update: false }, content, &body);
    DisplayHandle { id }
}

/// Shows a value in the place of that name, wherever it is on the page.
pub fn update_display<T: Debug + Any>(id: &str, value: T) {
    let (content, body) = content_of(&value);
    cell::show(Place::Display { id: Some(id.to_owned()), update: true }, content, &body);
}

/// Clears what the cell has shown: now, or with `wait` when it shows the next thing.
pub fn clear_output(wait: bool) {
    cell::show(Place::Display { id: None, update: false }, Content::Clear { wait }, &[]);
}
