//! The types that `display` knows, by their type alone: a function has no way to ask
//! whether a type is shown in a way of its own, as the last expression of a cell has.

use std::any::TypeId;
use std::borrow::Cow;
use std::error::Error as StdError;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use pelago_protocol::cells::Content;
use polars::prelude::{Column, DataFrame, PolarsError, Schema, Series};

use super::{Html, Image, Json, Markdown, Plot, Show, text};
use crate::{Error, Model, Run, Sweep};

/// What a value of a known type shows.
pub(super) fn content<T>(value: &T) -> Option<Content> {
    // SAFETY: the type is the value's own, but for lifetimes, and nothing that is
    // found by it outlives the borrow of the value.
    unsafe { of(typeid::of::<T>(), std::ptr::from_ref(value).cast()) }
}

/// # Safety
/// `value` points to a value of that type, lifetimes aside.
unsafe fn of(id: TypeId, value: *const ()) -> Option<Content> {
    macro_rules! shown {
        ($($kind:ty),* $(,)?) => {
            $(if id == typeid::of::<$kind>() {
                // SAFETY: as the caller says.
                return Some(Show::content(unsafe { &*value.cast::<$kind>() }));
            })*
        };
    }
    macro_rules! held {
        ($($kind:ty),* $(,)?) => {
            $(shown!(
                $kind, &$kind, &mut $kind, &&$kind, Box<$kind>, Rc<$kind>, Arc<$kind>, &Arc<$kind>, Cow<'_, $kind>,
                Option<$kind>, Option<&$kind>, Result<$kind, PolarsError>, Result<&$kind, PolarsError>,
                &Result<$kind, PolarsError>, Result<$kind, Error>, &Result<$kind, Error>, Result<$kind, io::Error>,
                Result<$kind, String>, Result<$kind, &str>, Result<$kind, Box<dyn StdError>>,
                Result<$kind, Box<dyn StdError + Send + Sync>>,
            );)*
        };
    }
    macro_rules! written {
        ($($kind:ty),* $(,)?) => {
            $(if id == typeid::of::<$kind>() {
                // SAFETY: as the caller says.
                return Some(text(unsafe { &*value.cast::<$kind>() }.to_string()));
            })*
        };
    }
    held!(DataFrame, Series, Column, Schema, Run, Model, Sweep, Plot, Html, Markdown, Image, Json);
    written!(&str, String, char, &&str, &String, &mut String, &char, Box<str>, Rc<str>, Arc<str>, Cow<'_, str>);
    None
}

#[cfg(test)]
mod tests {
    use polars::df;

    use super::*;

    fn is_table<T>(value: &T) -> bool {
        matches!(content(value), Some(Content::Table { height: 2, .. }))
    }

    fn words<T>(value: &T) -> Option<String> {
        match content(value)? {
            Content::Text { text } => Some(text),
            _ => None,
        }
    }

    #[test]
    fn frames_and_what_holds_them_are_tables() {
        let frame = df!("a" => [1, 2]).unwrap();
        assert!(is_table(&frame) && is_table(&&frame) && is_table(&&&frame) && is_table(&Some(&frame)));
        assert!(is_table(&Box::new(frame.clone())) && is_table(&Some(frame.clone())));
        assert!(is_table(&Ok::<_, PolarsError>(frame.clone())) && is_table(&Ok::<_, String>(frame.clone())));
        assert!(is_table(&frame.column("a")) && is_table(&frame.column("a").unwrap()));
        assert!(is_table(&frame.columns()[0].as_materialized_series()));
        assert!(!is_table(&frame.columns()) && content(&vec![frame]).is_none());
    }

    #[test]
    fn an_error_or_nothing_is_what_it_is() {
        let frame = df!("a" => [1, 2]).unwrap();
        let missing = words(&frame.column("b")).unwrap();
        assert!(missing.starts_with("Err(ColumnNotFound("), "{missing}");
        assert_eq!(words(&None::<DataFrame>).unwrap(), "None");
    }

    #[test]
    fn texts_stand_without_quotes_and_other_types_are_unknown() {
        let found = [words(&"a"), words(&"b".to_owned()), words(&'c'), words(&Cow::Borrowed("d"))];
        assert_eq!(found.map(Option::unwrap), ["a", "b", "c", "d"]);
        assert!(content(&1.0).is_none() && content(&Some("a")).is_none());
    }
}
