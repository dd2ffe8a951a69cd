//! Charts that a cell shows.

use pelago_protocol::SweepRow;
use pelago_protocol::cells::Content;
use pelago_protocol::chart::Chart;

use super::Show;

/// A chart, drawn by the front end that shows it: Vega-Lite and SVG in a notebook, bars and
/// dots in a terminal.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot(pub Chart);

/// Accuracy against latency of a sweep's rows, one mark a combination.
#[must_use]
pub fn plot(rows: &[SweepRow]) -> Plot {
    Plot(Chart::accuracy(rows))
}

impl Plot {
    /// Median latency by route.
    #[must_use]
    pub fn latency(rows: &[SweepRow]) -> Self {
        Self(Chart::latency(rows))
    }

    /// Accuracy against latency, as [`plot`].
    #[must_use]
    pub fn accuracy(rows: &[SweepRow]) -> Self {
        plot(rows)
    }

    /// The best latency of each model on each browser.
    #[must_use]
    pub fn heat_map(rows: &[SweepRow]) -> Self {
        Self(Chart::heat_map(rows))
    }

    /// The phases of each combination's cold start.
    #[must_use]
    pub fn phases(rows: &[SweepRow]) -> Self {
        Self(Chart::phases(rows))
    }
}

impl Show for Plot {
    fn content(&self) -> Content {
        Content::Chart { chart: Box::new(self.0.clone()) }
    }
}
