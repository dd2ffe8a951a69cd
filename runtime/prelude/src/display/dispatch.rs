//! How the value of a cell's last expression finds the richest way to be shown.
//!
//! Rust has no specialisation, but method lookup prefers the candidate that
//! needs the fewest references: each way is a trait on [`Wrap`] behind one
//! reference more than the next, and `show!` calls them through all of them.

use std::fmt::{Debug, Display};

use pelago_protocol::cells::Place;

use super::plain::Plain;
use super::{Show, text};
use crate::cell::{self, short_type_name};

/// A value on its way to be shown.
#[derive(Debug)]
pub struct Wrap<'a, T: ?Sized>(pub &'a T);

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

way!(AsShown, Show, value, { let (content, body) = value.content(); cell::show(Place::Result, content, &body) }; &&&&&);
way!(AsPlain, Plain, value, cell::show(Place::Result, text(value.plain()), &[]); &&&&);
way!(AsDisplay, Display, value, cell::show(Place::Result, text(value.to_string()), &[]); &&&);
way!(AsDebug, Debug, value, cell::show(Place::Result, text(format!("{value:?}")), &[]); &&);
way!(AsName, Anything, value, cell::show(Place::Result, text(short_type_name(std::any::type_name_of_val(value))), &[]); &);

/// Shows the value of an expression as the result of the cell.
#[doc(hidden)]
#[macro_export]
macro_rules! show {
    ($value:expr) => {
        match &$value {
            value => {
                #[allow(unused_imports)]
                use $crate::cell::{
                    AsDebug as _, AsDisplay as _, AsName as _, AsPlain as _, AsShown as _, HasNoEvcxrDisplay as _,
                    Unit as _, WasShown as _,
                };
                if !value.evcxr_display().was_shown() {
                    (&&&&&&&$crate::cell::Wrap(value)).show();
                }
            }
        }
    };
}
