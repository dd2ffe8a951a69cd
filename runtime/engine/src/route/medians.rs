//! What runs of a model took on each route: from earlier sessions once, and from every run since. `auto` chooses by it.
//! Only runs that are alike are held against each other.

use std::collections::{HashMap, VecDeque};

use pelago_models::Prepared;
use pelago_protocol::{MeasuredRun, ModelCid, Platform, Precision, Report, Request};

/// Runs of a route that are kept, the latest.
const KEPT: usize = 50;

/// What is alike: the model in one precision, and inputs of about one size.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Likeness {
    model_cid: ModelCid,
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
    pub(crate) fn of(request: &Request, prepared: &Prepared, tokens: Option<u64>) -> Self {
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
            model_cid: ModelCid::default(),
            precision: Precision::Bits32,
            mixed: false,
            recipe: None,
            batch: batch.next_power_of_two(),
            length: tokens.map_or(0, |tokens| tokens.div_ceil(batch.max(1)).next_power_of_two()),
        }
    }

    /// CID of the model.
    pub(crate) fn model(&self) -> &str {
        &self.model_cid
    }
}

/// Where a run was.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) product: String,
    pub(crate) version: String,
    pub(crate) platform: Platform,
}

/// Seconds of the latest warm runs by likeness and place.
#[derive(Debug, Default)]
pub(crate) struct Medians(HashMap<Likeness, HashMap<Place, VecDeque<f64>>>);

impl Medians {
    /// Whether earlier sessions were asked for these already.
    pub(crate) fn knows(&self, likeness: &Likeness) -> bool {
        self.0.contains_key(likeness)
    }

    /// Takes what earlier sessions measured, the latest run first.
    pub(crate) fn learn(&mut self, likeness: Likeness, earlier: Vec<MeasuredRun>) {
        let places = self.0.entry(likeness.clone()).or_default();
        // How a recipe was asked for is not recorded: its runs are known from this session alone.
        if likeness.recipe.is_some() {
            return;
        }
        for run in earlier {
            let size = Likeness::sized(run.batch_size, run.tokens);
            let is_alike = (run.precision, run.mixed_precision) == (likeness.precision, likeness.mixed)
                && (size.batch, size.length) == (likeness.batch, likeness.length);
            if !is_alike {
                continue;
            }
            let place = Place { product: run.product, version: run.version, platform: run.platform };
            let times = places.entry(place).or_default();
            if times.len() < KEPT {
                times.push_front(run.seconds);
            }
        }
    }

    /// Takes a run that just ended; `asked` is the recipe that it was asked for.
    pub(crate) fn add(&mut self, report: &Report, asked: Option<String>) {
        if !report.warm {
            return;
        }
        // What nobody has asked for yet is read from the records when somebody does.
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
    pub(crate) fn of<'a>(&'a self, likeness: &Likeness) -> impl Iterator<Item = (&'a Place, f64)> {
        self.0.get(likeness).into_iter().flatten().filter_map(|(place, times)| {
            let times = times.iter().copied().collect::<Vec<_>>();
            Some((place, pelago_statistics::median(&times)?))
        })
    }
}
