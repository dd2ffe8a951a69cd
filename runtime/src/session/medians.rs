//! What runs of a model took on each route: from the results once, and from every run since. `auto` chooses by it.
//! Only runs that are alike are held against each other.

use std::collections::{HashMap, VecDeque};

use pelago_protocol::{Platform, Precision, Report, Request};
use polars::prelude::{DataFrame, IntoLazy, col, lit};

use super::SessionError;
use super::source::Prepared;

/// Runs of a route that are kept, the latest.
const KEPT: usize = 50;

/// What is alike: the model in one precision, and inputs of about one size.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Likeness {
    model_cid: String,
    precision: Precision,
    mixed: bool,
    recipe: Option<String>,
    /// Rows, up to the next power of two.
    batch: u64,
    /// Tokens a row, up to the next power of two; 0 where there are none.
    length: u64,
}

impl Likeness {
    /// Of a request before it runs; `tokens` are those of its texts.
    pub(super) fn of(request: &Request, prepared: &Prepared, tokens: Option<u64>) -> Self {
        Self {
            model_cid: prepared.source.cid.clone(),
            precision: request.precision.named().unwrap_or(Precision::Bits32),
            mixed: prepared.wanted.mixed(),
            recipe: request.recipe.clone(),
            ..Self::sized(request.input.items() as u64, tokens)
        }
    }

    fn of_run(report: &Report, asked: Option<String>) -> Self {
        Self {
            model_cid: report.model_cid.clone(),
            precision: report.precision,
            mixed: report.mixed_precision,
            recipe: asked,
            ..Self::sized(report.batch_size, report.tokens)
        }
    }

    fn sized(batch: u64, tokens: Option<u64>) -> Self {
        Self {
            model_cid: String::new(),
            precision: Precision::Bits32,
            mixed: false,
            recipe: None,
            batch: batch.next_power_of_two(),
            length: tokens.map_or(0, |tokens| tokens.div_ceil(batch.max(1)).next_power_of_two()),
        }
    }

    /// CID of the model.
    pub(super) fn model(&self) -> &str {
        &self.model_cid
    }
}

/// Where a run was.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) product: String,
    pub(super) version: String,
    pub(super) platform: Platform,
}

/// Seconds of the latest warm runs by likeness and place.
#[derive(Debug, Default)]
pub(super) struct Medians(HashMap<Likeness, HashMap<Place, VecDeque<f64>>>);

impl Medians {
    /// Whether the results were asked for these already.
    pub(super) fn knows(&self, likeness: &Likeness) -> bool {
        self.0.contains_key(likeness)
    }

    /// Takes what the results have, the latest run first.
    ///
    /// # Errors
    /// [`SessionError::Frame`].
    pub(super) fn learn(&mut self, likeness: Likeness, history: DataFrame) -> Result<(), SessionError> {
        let like = col("warm")
            .and(col("precision").eq(lit(likeness.precision.bits())))
            .and(col("mixed_precision").eq(lit(likeness.mixed)));
        // How a recipe was asked for is not in the results: its runs are known from this session alone.
        let like = if likeness.recipe.is_some() { lit(false) } else { like };
        let frame = history.lazy().filter(like).collect()?;
        let text = |name: &str| frame.column(name).and_then(|found| found.str().cloned());
        let number = |name: &str| frame.column(name).and_then(|found| found.u64().cloned());
        let (products, versions, platforms) = (text("browser_product")?, text("browser_version")?, text("platform")?);
        let (batches, tokens) = (number("batch_size")?, number("tokens")?);
        let seconds = frame.column("processing_time")?.f64()?.clone();
        let places = self.0.entry(likeness.clone()).or_default();
        for row in 0..frame.height() {
            let size = batches.get(row).map(|batch| Likeness::sized(batch, tokens.get(row)));
            let alike = size.is_some_and(|size| (size.batch, size.length) == (likeness.batch, likeness.length));
            let platform = platforms.get(row).and_then(|platform| platform.parse().ok());
            let (true, Some(product), Some(version), Some(platform), Some(seconds)) =
                (alike, products.get(row), versions.get(row), platform, seconds.get(row))
            else {
                continue;
            };
            let place = Place { product: product.to_owned(), version: version.to_owned(), platform };
            let times = places.entry(place).or_default();
            if times.len() < KEPT {
                times.push_front(seconds);
            }
        }
        Ok(())
    }

    /// Takes a run that just ended; `asked` is the recipe that it was asked for.
    pub(super) fn add(&mut self, report: &Report, asked: Option<String>) {
        if !report.warm {
            return;
        }
        // What nobody has asked for yet is read from the results when somebody does.
        let Some(places) = self.0.get_mut(&Likeness::of_run(report, asked)) else { return };
        let place = Place {
            product: report.browser_product.clone(),
            version: report.browser_version.clone(),
            platform: report.platform,
        };
        let times = places.entry(place).or_default();
        if times.len() == KEPT {
            times.pop_front();
        }
        times.push_back(report.processing_time);
    }

    /// The median of each place, in seconds.
    pub(super) fn of<'a>(&'a self, likeness: &Likeness) -> impl Iterator<Item = (&'a Place, f64)> {
        self.0.get(likeness).into_iter().flatten().filter_map(|(place, times)| {
            let times = times.iter().copied().collect::<Vec<_>>();
            Some((place, crate::statistics::median(&times)?))
        })
    }
}
