//! What options take: words of closed sets, numbers, bytes. A value that does not do is refused with what would.

use std::ffi::OsStr;
use std::io;
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use bytesize::ByteSize;
use clap::builder::{PossibleValue, PossibleValuesParser, StringValueParser, TypedValueParser};
use clap::{Arg, Command};
use pelago_protocol::{
    BrowserKind, EarlyStopping, Family, OnLong, Platform, Precision, PrecisionChoice, Task, UnknownPrecision,
};

use pelago_content::Profile;

/// `auto`, `webgpu`, `webnn` or `wasm`.
pub(super) fn platform() -> impl TypedValueParser<Value = Platform> {
    PossibleValuesParser::new(Platform::WORDS).try_map(|word| word.parse::<Platform>())
}

/// `truncate`, `error` or `split`.
pub(super) fn on_long() -> impl TypedValueParser<Value = OnLong> {
    PossibleValuesParser::new(OnLong::WORDS).try_map(|word| word.parse::<OnLong>())
}

/// `first`, `likely` or `never`.
pub(super) fn early_stopping() -> impl TypedValueParser<Value = EarlyStopping> {
    PossibleValuesParser::new(EarlyStopping::WORDS).try_map(|word| word.parse::<EarlyStopping>())
}

/// `text-generation`, `feature-extraction`, …
pub(super) fn task() -> impl TypedValueParser<Value = Task> {
    PossibleValuesParser::new(Task::WORDS).try_map(|word| word.parse::<Task>())
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

/// Bytes, as `500000`, `20M` or `1.5Gi`; one at least.
///
/// # Errors
/// What was found, and how to write it.
pub fn bytes(text: &str) -> Result<NonZeroU64, String> {
    let expected = || format!("{text:?} is no number of bytes: write e.g. 500000, 20M or 1.5Gi");
    let size: ByteSize = text.parse().map_err(|_| expected())?;
    NonZeroU64::new(size.as_u64()).ok_or_else(expected)
}

/// JSON of an object, as it was typed, or what a file of `folder` has.
///
/// # Errors
/// The file's path, and why it cannot be read.
pub(super) fn json_or_file(given: &str, folder: &Path) -> Result<String, (PathBuf, io::Error)> {
    if given.trim_start().starts_with('{') {
        return Ok(given.to_owned());
    }
    let path = folder.join(given);
    std::fs::read_to_string(&path).map_err(|source| (path, source))
}

/// The JSON of an object.
pub(super) fn object() -> impl TypedValueParser<Value = serde_json::Map<String, serde_json::Value>> {
    StringValueParser::new().try_map(|text| {
        serde_json::from_str(&text).map_err(|error| format!("write a JSON object, e.g. {{\"a\": true}}: {error}"))
    })
}

/// A whole number of a range, which the refusal of any other names.
pub fn whole<T>(range: RangeInclusive<u64>) -> impl TypedValueParser<Value = T>
where
    T: TryFrom<u64> + Clone + Send + Sync + 'static,
{
    StringValueParser::new().try_map(move |text| {
        let number = text.parse::<u64>().ok().filter(|number| range.contains(number));
        let (least, most) = (range.start(), range.end());
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| match *most {
            u64::MAX => format!("write a whole number that is {least} or more"),
            most => format!("write a whole number from {least} to {most}"),
        })
    })
}

/// A number with a fraction, from `least` on.
pub fn number(least: f64, example: &'static str) -> impl TypedValueParser<Value = f64> {
    StringValueParser::new().try_map(move |text| {
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= least);
        number.ok_or_else(|| format!("write a number that is {least} or more, e.g. {example}"))
    })
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Given {
        #[arg(long, value_parser = whole::<u32>(1..=9))]
        few: Option<u32>,
        #[arg(long, value_parser = whole::<u64>(1..=u64::MAX))]
        many: Option<u64>,
        #[arg(long, value_parser = number(1.0, "1.10"))]
        ratio: Option<f64>,
    }

    #[test]
    fn bytes_have_multiples_and_are_some() {
        let read = |text| bytes(text).map(NonZeroU64::get);
        assert_eq!((read("500"), read("20M"), read("1.5KiB")), (Ok(500), Ok(20_000_000), Ok(1536)));
        for wrong in ["", "M", "-1", "0", "nan", "5 apples", "inf"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_number_that_is_none_is_refused_with_what_would_do() {
        let refused = |arguments: &[&str]| {
            let words = ["x"].iter().chain(arguments);
            Given::try_parse_from(words).map(|given| format!("{given:?}")).unwrap_err().to_string()
        };
        for wrong in ["many", "", "0", "10", "1.5", "99999999999999999999999"] {
            let said = refused(&[&format!("--few={wrong}")]);
            assert!(said.contains("write a whole number from 1 to 9"), "{said}");
        }
        assert!(refused(&["--many=x"]).contains("write a whole number that is 1 or more"));
        for wrong in ["x", "nan", "inf", "0.9", "-2"] {
            let said = refused(&[&format!("--ratio={wrong}")]);
            assert!(said.contains("write a number that is 1 or more, e.g. 1.10"), "{said}");
        }
        let given = Given::try_parse_from(["x", "--few", "9", "--many", "1", "--ratio", "1"]).unwrap();
        assert_eq!((given.few, given.many, given.ratio), (Some(9), Some(1), Some(1.0)));
    }
}
