//! An error's message: by Display where its type is known to have a good one,
//! else by Debug, which is all that `?` asks of an error.

use std::any::TypeId;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::OnceLock;

/// Explains errors of types that this crate does not know.
pub type Explainer = fn(TypeId, *const ()) -> Option<(String, String)>;

static MORE: OnceLock<Explainer> = OnceLock::new();

/// Asks `explainer` first from now on. It gets the error's type and where it is.
pub fn extend(explainer: Explainer) {
    // The first one stays.
    let _ = MORE.set(explainer);
}

/// How an error that `?` returned tells itself.
pub trait Explain {
    /// Its message, and what to do next.
    fn explain(&self) -> (String, String);
}

impl<E: Debug> Explain for E {
    fn explain(&self) -> (String, String) {
        let (kind, at) = (type_id::<E>(), std::ptr::from_ref(self).cast::<()>());
        if let Some(told) = MORE.get().and_then(|more| more(kind, at)) {
            return told;
        }
        let message = known(kind, at).unwrap_or_else(|| format!("{self:?}"));
        (message, String::new())
    }
}

/// The value, where its type is `T`.
///
/// # Safety
/// `at` is a value of the type `kind`, and lives as long as `'a`.
#[must_use]
pub unsafe fn downcast<'a, T: 'static>(kind: TypeId, at: *const ()) -> Option<&'a T> {
    // SAFETY: the types are the same.
    (kind == TypeId::of::<T>()).then(|| unsafe { &*at.cast::<T>() })
}

/// Whether a type is `T`.
pub(crate) fn is<E, T: 'static>() -> bool {
    type_id::<E>() == TypeId::of::<T>()
}

/// The id of a type that may hold references. Ids know no lifetimes.
fn type_id<E>() -> TypeId {
    trait Identified {
        fn id(&self) -> TypeId
        where
            Self: 'static;
    }
    impl<T> Identified for PhantomData<T> {
        fn id(&self) -> TypeId
        where
            Self: 'static,
        {
            TypeId::of::<T>()
        }
    }
    let phantom = PhantomData::<E>;
    let object: &dyn Identified = &phantom;
    // SAFETY: `id` uses the type alone, and no value of it.
    let object = unsafe { std::mem::transmute::<&dyn Identified, &(dyn Identified + 'static)>(object) };
    object.id()
}

fn known(kind: TypeId, at: *const ()) -> Option<String> {
    macro_rules! of {
        ($kind:ty) => {
            // SAFETY: the caller gives a value and its own type.
            unsafe { downcast::<$kind>(kind, at) }
        };
    }
    if let Some(text) = of!(String) {
        return Some(text.clone());
    }
    if let Some(text) = of!(&'static str) {
        return Some((*text).to_owned());
    }
    if let Some(error) = of!(Box<dyn std::error::Error>) {
        return Some(chain(error.as_ref()));
    }
    if let Some(error) = of!(Box<dyn std::error::Error + Send + Sync>) {
        return Some(chain(error.as_ref()));
    }
    macro_rules! told_by_display {
        ($($kind:ty),*) => {
            $(if let Some(error) = of!($kind) { return Some(chain(error)); })*
        };
    }
    told_by_display!(
        std::io::Error,
        std::fmt::Error,
        std::num::ParseIntError,
        std::num::ParseFloatError,
        std::num::TryFromIntError,
        std::str::ParseBoolError,
        std::char::ParseCharError,
        std::str::Utf8Error,
        std::string::FromUtf8Error,
        std::env::VarError,
        std::time::SystemTimeError,
        std::net::AddrParseError,
        std::sync::mpsc::RecvError
    );
    None
}

/// An error and its sources.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(next) = source {
        text.push_str(": ");
        text.push_str(&next.to_string());
        source = next.source();
    }
    text
}

/// `core::option::Option<alloc::string::String>` as `Option<String>`.
#[must_use]
pub fn short_type_name(name: &str) -> String {
    let mut short = String::with_capacity(name.len());
    for word in name.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_' && c != ':') {
        let from = word.rfind("::").map_or(0, |at| at + 2);
        short.push_str(&word[from..]);
    }
    short
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]
mod tests {
    use super::*;

    #[test]
    fn known_errors_tell_themselves_by_display() {
        let error = "x".parse::<i32>().unwrap_err();
        assert_eq!(error.explain().0, "invalid digit found in string");
        let boxed: Box<dyn std::error::Error + Send + Sync> = "plain".into();
        assert_eq!(boxed.explain().0, "plain");
        assert_eq!("text".explain().0, "text");
        assert_eq!(Some(1).explain().0, "Some(1)");
    }

    #[test]
    fn an_error_may_hold_a_reference() {
        let lock = std::sync::Mutex::new(1);
        let guard = lock.try_lock().unwrap();
        let error = lock.try_lock().unwrap_err();
        assert_eq!(error.explain().0, "\"WouldBlock\"");
        drop(guard);
    }

    #[test]
    fn a_type_loses_its_paths() {
        assert_eq!(short_type_name("core::option::Option<alloc::string::String>"), "Option<String>");
    }
}
