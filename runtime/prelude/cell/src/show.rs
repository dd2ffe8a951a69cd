//! How the value of a cell's last expression finds the richest way to be shown.
//!
//! Rust has no specialisation, but method lookup prefers the candidate that
//! needs the fewest references: each way is a trait on [`Wrap`] behind one
//! reference more than the next, and `show!` calls them through all of them.
//! `pelago-prelude` adds its own way before these.

use std::fmt::{Debug, Display};

use crate::explain::short_type_name;
use crate::host::{self, Bytes};
use crate::plain::Plain;
use crate::print::flush;

/// Characters of a text that are shown.
const TEXT: usize = 100_000;

/// A value on its way to be shown.
#[derive(Debug)]
pub struct Wrap<'a, T: ?Sized>(pub &'a T);

/// Shows what the JSON of a `CellShown` says, with its body.
pub fn show_content(json: &[u8], body: &[u8]) {
    if let Some(table) = host::table() {
        (table.show)(Bytes::raw(json), Bytes::raw(body), flush);
    }
}

/// What a type without an `evcxr_display` of its own answers to it.
#[derive(Debug)]
pub struct NotShown;

/// Answers `evcxr_display` for every type that has none of its own: an inherent
/// method is found before a trait's.
pub trait HasNoEvcxrDisplay {
    /// Says that there is none.
    fn evcxr_display(&self) -> NotShown {
        NotShown
    }
}

impl<T: ?Sized> HasNoEvcxrDisplay for T {}

/// Whether `evcxr_display` was a type's own, by what it gave.
pub trait WasShown {
    /// False for [`NotShown`] alone.
    fn was_shown(&self) -> bool;
}

impl WasShown for NotShown {
    fn was_shown(&self) -> bool {
        false
    }
}

impl WasShown for () {
    fn was_shown(&self) -> bool {
        true
    }
}

/// Shows text as the value of the cell.
pub fn text(text: &str) {
    if let Some(table) = host::table() {
        (table.show_text)(Bytes::of(&shortened(text)), flush);
    }
}

/// What of a text is shown.
#[must_use]
pub fn shortened(text: &str) -> String {
    let Some((cut, _)) = text.char_indices().nth(TEXT) else { return text.to_owned() };
    let left = text[cut..].chars().count();
    format!("{}… ({left} more characters)", &text[..cut])
}

macro_rules! way {
    ($name:ident, $bound:path, $value:ident, $show:expr; $($reference:tt)*) => {
        #[doc(hidden)]
        pub trait $name {
            fn show(&self);
        }
        impl<T: $bound + ?Sized> $name for $($reference)* Wrap<'_, T> {
            fn show(&self) {
                let $value = self.0;
                $show
            }
        }
    };
}

#[doc(hidden)]
pub trait Anything {}
impl<T: ?Sized> Anything for T {}

#[doc(hidden)]
pub trait Unit {
    fn show(&self);
}

impl Unit for &&&&&&Wrap<'_, ()> {
    fn show(&self) {}
}

way!(AsPlain, Plain, value, text(&value.plain()); &&&&);
way!(AsDisplay, Display, value, text(&value.to_string()); &&&);
way!(AsDebug, Debug, value, text(&format!("{value:?}")); &&);
way!(AsName, Anything, value, text(&short_type_name(std::any::type_name_of_val(value))); &);

/// Shows the value of an expression as the result of the cell.
#[doc(hidden)]
#[macro_export]
macro_rules! show {
    ($value:expr) => {
        match &$value {
            value => {
                #[allow(unused_imports)]
                use $crate::cell::{
                    AsDebug as _, AsDisplay as _, AsName as _, AsPlain as _, HasNoEvcxrDisplay as _, Unit as _,
                    WasShown as _,
                };
                if !value.evcxr_display().was_shown() {
                    (&&&&&&&$crate::cell::Wrap(value)).show();
                }
            }
        }
    };
}
