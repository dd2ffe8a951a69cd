//! Numbers as a cell's value shows them. It knows neither Polars nor the session.

use std::rc::Rc;
use std::sync::Arc;

/// A value that Display writes as if it were of another type: a float of a whole
/// number as an integer, 1e300 as 301 digits. Debug says what it is.
pub trait Plain {
    /// Its text.
    fn plain(&self) -> String;
}

macro_rules! by_debug {
    ($($float:ty)*) => {
        $(impl Plain for $float {
            fn plain(&self) -> String {
                format!("{self:?}")
            }
        })*
    };
}

by_debug!(f32 f64);

macro_rules! as_what_it_holds {
    ($($holder:ty)*) => {
        $(impl<T: Plain + ?Sized> Plain for $holder {
            fn plain(&self) -> String {
                (**self).plain()
            }
        })*
    };
}

as_what_it_holds!(&T &mut T Box<T> Rc<T> Arc<T>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_float_is_seen_to_be_one() {
        let found = [1.0, 6.0, 1e300, 1e-300, -0.0, 0.1, f64::NAN, f64::NEG_INFINITY].map(|float| float.plain());
        assert_eq!(found, ["1.0", "6.0", "1e300", "1e-300", "-0.0", "0.1", "NaN", "-inf"]);
        assert_eq!([1.0_f32.plain(), (&&0.1_f32).plain(), Box::new(2.0).plain()], ["1.0", "0.1", "2.0"]);
    }
}
