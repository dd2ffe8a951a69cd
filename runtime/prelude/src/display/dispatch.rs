//! The prelude's own way of showing the value of a cell's last expression, before
//! those that `pelago-cell` knows.

use pelago_cell::cell::Wrap;
use pelago_protocol::cells::Place;

use super::Show;
use crate::cell;

/// Shows what implements [`Show`].
#[doc(hidden)]
pub trait AsShown {
    fn show(&self);
}

impl<T: Show + ?Sized> AsShown for &&&&&Wrap<'_, T> {
    fn show(&self) {
        cell::show(Place::Result, self.0.content());
    }
}

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
