//! Charts as documents: Vega-Lite for notebooks that draw it, SVG for everyone
//! else. It knows neither a front end nor where figures come from.
//!
//! The SVG is text, shapes and one style sheet, by code of our own: a plotting
//! crate's fixed fonts, pixels and colours would neither follow a reader's dark
//! theme nor keep text as text. All texts are escaped; they come from outside.

mod bars;
mod canvas;
mod heat;
mod scale;
mod scatter;
pub(crate) mod terminal;
mod vega;

use pelago_protocol::chart::{Chart, Figure};
use serde_json::Value;

/// A chart as documents.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// What it shows.
    pub title: String,
    /// A specification of Vega-Lite 5, its data within: `application/vnd.vegalite.v5+json`.
    pub vega_lite: Value,
    /// A whole SVG document: `image/svg+xml`.
    pub svg: String,
}

/// Draws a chart.
#[must_use]
pub fn draw(chart: &Chart) -> Plot {
    Plot { title: chart.title.clone(), vega_lite: vega::specification(chart), svg: svg(chart) }
}

/// A chart as an SVG document, which may also stand within HTML.
#[must_use]
pub fn svg(chart: &Chart) -> String {
    let canvas = match &chart.figure {
        Figure::Bars { axis, bars } => bars::bars(axis, bars),
        Figure::Waterfall { axis, lanes } => bars::waterfall(axis, lanes),
        Figure::Scatter { x_axis, y_axis, points } => scatter::scatter(x_axis, y_axis, points),
        Figure::HeatMap { axis, rows, columns, cells } => heat::heat_map(axis, rows, columns, cells),
    };
    canvas.finish(&chart.title)
}

/// Names in the order of their first mark: their places are their colours.
fn groups<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found = Vec::new();
    for name in names {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

#[cfg(test)]
mod tests;
