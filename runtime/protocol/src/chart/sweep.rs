//! Charts of a sweep. What was not measured has no mark, and a broken result is
//! never drawn as a success.

use super::{Bar, Chart, Figure, Lane, Point, Span};
use crate::{ParityVerdict, PhaseName, Phases, SweepOutcome, SweepRow};

impl Chart {
    /// Median latency of each combination, with the span from the fastest run to the 90th percentile.
    #[must_use]
    pub fn latency(rows: &[SweepRow]) -> Self {
        let bars = measured(rows).filter_map(|row| {
            let interval = row.min_ms.zip(row.p90_ms).map(|(min, p90)| [min, p90]);
            Some(Bar { label: label(row), group: row.platform.to_string(), value: row.p50_ms?, interval })
        });
        Self {
            title: format!("Latency by route{}", of(rows)),
            figure: Figure::Bars { axis: "p50 (fastest to p90), ms".to_owned(), bars: bars.collect() },
        }
    }

    /// Accuracy against latency, one mark a combination: to the left is faster, below is nearer to fp32.
    #[must_use]
    pub fn accuracy(rows: &[SweepRow]) -> Self {
        let points = rows.iter().filter_map(|row| {
            let parity = row.parity.as_ref()?;
            let is_broken = row.outcome == SweepOutcome::Broken || parity.verdict == ParityVerdict::Broken;
            Some(Point {
                label: label(row),
                mark: format!("{}{}", row.precision.bits(), if row.mixed_precision { "m" } else { "" }),
                group: row.platform.to_string(),
                x: row.p50_ms?,
                y: (1.0 - parity.cosine).max(0.0),
                is_broken,
            })
        });
        let (x_axis, y_axis) = ("p50, ms".to_owned(), "1 − cosine with fp32".to_owned());
        Self {
            title: format!("Accuracy against latency{}", of(rows)),
            figure: Figure::Scatter { x_axis, y_axis, points: points.collect() },
        }
    }

    /// The least median latency of each model on each browser, of all platforms and precisions
    /// whose result is one of the model.
    #[must_use]
    pub fn heat_map(rows: &[SweepRow]) -> Self {
        let (browsers, models) = (distinct(rows, product), distinct(rows, |row| row.model_name.clone()));
        let best = |browser: &String, model: &String| {
            let fits = measured(rows).filter(|row| product(row) == *browser && row.model_name == *model);
            fits.filter_map(|row| row.p50_ms).min_by(f64::total_cmp)
        };
        let cells = browsers.iter().map(|browser| models.iter().map(|model| best(browser, model)).collect()).collect();
        let axis = "best p50, ms".to_owned();
        Self {
            title: "Latency by browser and model".to_owned(),
            figure: Figure::HeatMap { axis, rows: browsers, columns: models, cells },
        }
    }

    /// The phases of each combination's cold start.
    #[must_use]
    pub fn phases(rows: &[SweepRow]) -> Self {
        let lanes = rows.iter().map(|row| Lane { label: label(row), spans: spans(&row.phases) });
        Self {
            title: format!("Phases of a cold start{}", of(rows)),
            figure: Figure::Waterfall {
                axis: "ms".to_owned(),
                lanes: lanes.filter(|lane| !lane.spans.is_empty()).collect(),
            },
        }
    }
}

/// The phases of a start that happened, in their order.
fn spans(phases: &Phases) -> Vec<Span> {
    let all = [
        ("open", PhaseName::Open),
        ("fetch", PhaseName::Fetch),
        ("compile", PhaseName::Compile),
        ("first run", PhaseName::FirstRun),
    ];
    all.into_iter()
        .filter_map(|(name, phase)| Some(Span { name: name.to_owned(), length: phases.ms(phase)? }))
        .collect()
}

fn measured(rows: &[SweepRow]) -> impl Iterator<Item = &SweepRow> {
    rows.iter().filter(|row| row.outcome == SweepOutcome::Measured)
}

fn product(row: &SweepRow) -> String {
    if row.browser_product.is_empty() { row.browser.to_string() } else { row.browser_product.clone() }
}

fn label(row: &SweepRow) -> String {
    let mixed = if row.mixed_precision { " mixed" } else { "" };
    format!("{} {} {} bit{mixed}", product(row), row.platform, row.precision.bits())
}

/// `: model`, where all rows are of one.
fn of(rows: &[SweepRow]) -> String {
    match distinct(rows, |row| row.model_name.clone()).as_slice() {
        [model] => format!(": {model}"),
        _ => String::new(),
    }
}

/// In the order of their first row.
fn distinct(rows: &[SweepRow], of: impl Fn(&SweepRow) -> String) -> Vec<String> {
    let mut found = Vec::new();
    for name in rows.iter().map(of) {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}
