//! Values that hold another: references and pointers are shown as what they point
//! to, `Ok` and `Some` as what they hold, `Err` and `None` as what they are.

use std::borrow::Cow;
use std::fmt::Debug;
use std::rc::Rc;
use std::sync::Arc;

use pelago_protocol::cells::Content;

use super::{Show, text};

macro_rules! as_what_it_points_to {
    ($($pointer:ty)*) => {
        $(impl<T: Show + ?Sized> Show for $pointer {
            fn content(&self) -> Content {
                (**self).content()
            }
        })*
    };
}

as_what_it_points_to!(&T &mut T Box<T> Rc<T> Arc<T>);

impl<T: Show + Clone> Show for Cow<'_, T> {
    fn content(&self) -> Content {
        (**self).content()
    }
}

impl<T: Show> Show for Option<T> {
    fn content(&self) -> Content {
        self.as_ref().map_or_else(|| text("None".to_owned()), Show::content)
    }
}

impl<T: Show, E: Debug> Show for Result<T, E> {
    fn content(&self) -> Content {
        match self {
            Ok(value) => value.content(),
            Err(error) => text(format!("Err({error:?})")),
        }
    }
}
