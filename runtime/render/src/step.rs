//! How a step of a session reads: one wording for progress bars, notebooks and logs.

use std::fmt::Write;

use bytesize::ByteSize;
use pelago_protocol::{Fit, Step};

/// What the numbers of a [`Line`] count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Runs of a sweep.
    Runs,
}

/// Something that goes on.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What goes on, by a name that stays the same while the label changes.
    pub key: String,
    /// What a person reads.
    pub label: String,
    /// How much is done.
    pub done: u64,
    /// How much there is to do, where that is known.
    pub total: Option<u64>,
    /// What is counted.
    pub unit: Unit,
}

impl Line {
    /// The share that is done, in whole percent; `None` where the total is not known.
    #[must_use]
    pub fn percent(&self) -> Option<u64> {
        let total = self.total.filter(|total| *total > 0)?;
        u64::try_from(u128::from(self.done.min(total)) * 100 / u128::from(total)).ok()
    }
}

/// A step as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// It goes on.
    Going(Line),
    /// What has this key is over.
    Over(String),
    /// A sentence that stays.
    Note(String),
}

/// How a step is shown.
#[must_use]
pub fn seen(step: &Step) -> Seen {
    let line = |key: &str, label: String, done, total, unit| {
        Seen::Going(Line { key: key.to_owned(), label, done, total, unit })
    };
    match step {
        Step::Opening { product } => line(product, format!("opening {product}"), 0, None, Unit::Bytes),
        Step::Opened { product } => Seen::Over(product.clone()),
        Step::Page { product, progress } => {
            let file = progress.file.as_deref().unwrap_or_default();
            let label = format!("{product}: {} {file}", progress.phase).trim_end().to_owned();
            line(product, label, progress.loaded, progress.total, Unit::Bytes)
        }
        Step::Fetching { model, loaded, total, sources } => {
            let from = if *sources > 1 { format!(" from {sources} sources") } else { String::new() };
            line("fetching", format!("fetching {model}{from}"), *loaded, *total, Unit::Bytes)
        }
        Step::Building { what } => line("building", what.clone(), 0, None, Unit::Bytes),
        Step::Chosen(fit) => Seen::Note(self::fit(fit)),
        Step::Measuring { what, done, total } => line("measuring", what.clone(), *done, Some(*total), Unit::Runs),
        Step::Adding { file, loaded, total } => {
            line("adding", format!("adding {file}"), *loaded, Some(*total), Unit::Bytes)
        }
    }
}

/// Which precision was chosen, and why no higher one.
#[must_use]
pub fn fit(fit: &Fit) -> String {
    let Fit { model, platform, precision, .. } = fit;
    let (predicted, limit) = (ByteSize(fit.predicted), ByteSize(fit.limit));
    let mut text = format!("{model} on {platform}: {precision} bit, {predicted} predicted of {limit}");
    for (precision, bytes) in &fit.refused {
        // Writing to a String does not fail.
        let _ = write!(text, "; {precision} bit would need {}", ByteSize(*bytes));
    }
    text
}

#[cfg(test)]
mod tests {
    use pelago_protocol::{Platform, Precision};

    use super::*;

    #[test]
    fn a_choice_says_what_the_higher_precisions_would_need() {
        let fit = Fit {
            model: "mini".to_owned(),
            platform: Platform::Wasm,
            precision: Precision::Bits8,
            predicted: 40 << 20,
            limit: 50 << 20,
            refused: vec![(Precision::Bits32, 120 << 20)],
        };
        let text = "mini on wasm: 8 bit, 40.0 MiB predicted of 50.0 MiB; 32 bit would need 120.0 MiB";
        assert_eq!(seen(&Step::Chosen(fit)), Seen::Note(text.to_owned()));
    }

    #[test]
    fn a_share_is_of_what_is_known() {
        let seen_of = |total| seen(&Step::Fetching { model: "m".to_owned(), loaded: 5, total, sources: 2 });
        let Seen::Going(line) = seen_of(Some(20)) else { panic!("it goes on") };
        assert_eq!((line.label.as_str(), line.percent()), ("fetching m from 2 sources", Some(25)));
        let Seen::Going(line) = seen_of(None) else { panic!("it goes on") };
        assert_eq!(line.percent(), None);
    }
}
