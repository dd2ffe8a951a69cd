//! Charts: Vega-Lite for a notebook that draws it, an SVG beside it for any other viewer.

use crate::plots;
use pelago_protocol::chart::{Chart, Figure};
use serde_json::{Map, Value};

use super::PLAIN;

const VEGA_LITE: &str = "application/vnd.vegalite.v5+json";
const SVG: &str = "image/svg+xml";

pub(super) fn bundle(chart: &Chart) -> Map<String, Value> {
    let plot = plots::draw(chart);
    Map::from_iter([
        (VEGA_LITE.to_owned(), plot.vega_lite),
        (SVG.to_owned(), plot.svg.into()),
        (PLAIN.to_owned(), plain(chart).into()),
    ])
}

/// Its title and how many marks it has: what the picture says in figures is the DataFrame's to say.
pub(super) fn plain(chart: &Chart) -> String {
    let (marks, word) = match &chart.figure {
        Figure::Bars { bars, .. } => (bars.len(), "bars"),
        Figure::Scatter { points, .. } => (points.len(), "points"),
        Figure::HeatMap { cells, .. } => (cells.iter().flatten().flatten().count(), "cells"),
        Figure::Waterfall { lanes, .. } => (lanes.len(), "lanes"),
    };
    format!("<{}, {marks} {word}>", chart.title)
}

#[cfg(test)]
mod tests {
    use pelago_protocol::chart::Bar;

    use super::*;

    #[test]
    fn a_chart_is_vega_lite_svg_and_text() {
        let bar = Bar { label: "Firefox <b>".to_owned(), group: "wasm".to_owned(), value: 1.5, interval: None };
        let figure = Figure::Bars { axis: "ms".to_owned(), bars: vec![bar] };
        let bundle = bundle(&Chart { title: "Latency".to_owned(), figure });
        assert_eq!(bundle.keys().collect::<Vec<_>>(), [VEGA_LITE, SVG, PLAIN]);
        assert_eq!(bundle[VEGA_LITE]["data"]["values"][0]["value"], 1.5);
        assert!(bundle[SVG].as_str().unwrap().contains("Firefox &lt;b&gt;"));
        assert_eq!(bundle[PLAIN], "<Latency, 1 bars>");
    }
}
