//! The closed sets of words that options choose from.

use std::ffi::OsStr;
use std::marker::PhantomData;
use std::str::FromStr;

use bytesize::ByteSize;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Arg, Command};
use pelago_protocol::{BrowserKind, Family, OnLong, Platform, Precision, PrecisionChoice, UnknownPrecision};

use pelago_content::Profile;

/// `auto`, `webgpu`, `webnn` or `wasm`.
pub(super) fn platform() -> impl TypedValueParser<Value = Platform> {
    PossibleValuesParser::new(Platform::WORDS).try_map(|word| word.parse::<Platform>())
}

/// `truncate`, `error` or `split`.
pub(super) fn on_long() -> impl TypedValueParser<Value = OnLong> {
    PossibleValuesParser::new(OnLong::WORDS).try_map(|word| word.parse::<OnLong>())
}

/// `auto`, `chrome`, `firefox`, `edge` or `safari`.
pub(super) fn browser() -> impl TypedValueParser<Value = BrowserKind> {
    PossibleValuesParser::new(BrowserKind::WORDS).try_map(|word| word.parse::<BrowserKind>())
}

/// `2`, `4`, `8`, `16` or `32`.
pub(super) fn precision() -> impl TypedValueParser<Value = Precision> {
    Bits { words: &PrecisionChoice::WORDS[1..], kind: PhantomData }
}

/// One of these, or `auto`.
pub(super) fn precision_choice() -> impl TypedValueParser<Value = PrecisionChoice> {
    Bits { words: PrecisionChoice::WORDS, kind: PhantomData }
}

/// Words of a closed set whose refusal says more than which others there are: there is no precision of 3 bits
/// for a reason.
#[derive(Clone)]
struct Bits<T> {
    words: &'static [&'static str],
    kind: PhantomData<fn() -> T>,
}

impl<T> TypedValueParser for Bits<T>
where
    T: FromStr<Err = UnknownPrecision> + Clone + Send + Sync + 'static,
{
    type Value = T;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        let parse = |word: &str| word.parse::<T>();
        parse.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.words.iter().map(PossibleValue::new)))
    }
}

/// Bytes, as `500000`, `20M` or `1.5Gi`.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let size: Result<ByteSize, _> = text.parse();
    let size = size.map_err(|_| format!("{text:?} is no number of bytes: write e.g. 500000, 20M or 1.5Gi"))?;
    Ok(size.as_u64())
}

/// `text_embedding`, …
pub(super) fn family() -> impl TypedValueParser<Value = Family> {
    PossibleValuesParser::new(Family::WORDS).try_map(|word| word.parse::<Family>())
}

/// `unixfs-v1-2025` or `unixfs-v0-2015`.
pub(super) fn profile() -> impl TypedValueParser<Value = Profile> {
    let names = Profile::ALL.map(Profile::as_str);
    PossibleValuesParser::new(names).map(|word| Profile::by_name(&word).unwrap_or_default())
}
