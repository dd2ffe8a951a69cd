//! The closed sets of words that options choose from.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use pelago_protocol::{BrowserKind, Family, Platform, Precision};

use crate::content::Profile;

/// `auto`, `webgpu`, `webnn` or `wasm`.
pub(super) fn platform() -> impl TypedValueParser<Value = Platform> {
    PossibleValuesParser::new(Platform::WORDS).try_map(|word| word.parse::<Platform>())
}

/// `auto`, `chrome`, `firefox`, `edge` or `safari`.
pub(super) fn browser() -> impl TypedValueParser<Value = BrowserKind> {
    PossibleValuesParser::new(BrowserKind::WORDS).try_map(|word| word.parse::<BrowserKind>())
}

/// `4`, `8`, `16` or `32`.
pub(super) fn precision() -> impl TypedValueParser<Value = Precision> {
    PossibleValuesParser::new(["4", "8", "16", "32"]).try_map(|word| word.parse::<Precision>())
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
