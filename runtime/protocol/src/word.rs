//! Closed sets of words (`webgpu`, `firefox`, …) and their one text form, used
//! on the wire, on the command line and in tables alike.

/// A word that is not one of the set that was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownWord {
    /// What kind of word was expected, e.g. `platform`.
    pub kind: &'static str,
    /// The word that was found.
    pub found: String,
    /// Every word that would have done.
    pub expected: &'static [&'static str],
}

impl std::fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} is not a {}: use one of {}", self.found, self.kind, self.expected.join(", "))
    }
}

impl std::error::Error for UnknownWord {}

/// Declares an enum whose variants have one text form each.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident, $kind:literal { $($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(test, derive(ts_rs::TS))]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The text form of every value, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The text form: the one on the wire, on the command line and in tables.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::UnknownWord { kind: $kind, found: text.to_owned(), expected: Self::WORDS }),
                }
            }
        }
    };
}
pub(crate) use words;
