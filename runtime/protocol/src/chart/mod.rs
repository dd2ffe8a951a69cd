//! A chart as a value: what is to be seen, and nothing of how it is drawn. Texts
//! in it come from outside, model names among them: whoever draws escapes them.

mod sweep;

use serde::{Deserialize, Serialize};

/// A chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// Its marks.
    pub figure: Figure,
}

/// The marks of a chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "figure", rename_all = "snake_case")]
pub enum Figure {
    /// One bar a line, from zero.
    Bars {
        /// What the length is, with its unit, e.g. `p50, ms`.
        axis: String,
        /// The bars, from the top.
        bars: Vec<Bar>,
    },
    /// Points on two logarithmic axes.
    Scatter {
        /// What lies to the right, with its unit.
        x_axis: String,
        /// What lies upwards, with its unit.
        y_axis: String,
        /// The points. One that has no place on a logarithmic axis is drawn at its edge.
        points: Vec<Point>,
    },
    /// A table whose cells are the darker the less they hold.
    HeatMap {
        /// What a cell holds, with its unit.
        axis: String,
        /// Names of the rows.
        rows: Vec<String>,
        /// Names of the columns.
        columns: Vec<String>,
        /// `[rows][columns]`; `None` where nothing was measured.
        cells: Vec<Vec<Option<f64>>>,
    },
    /// Lanes of spans, one after the other from zero.
    Waterfall {
        /// What the length is, with its unit.
        axis: String,
        /// The lanes, from the top.
        lanes: Vec<Lane>,
    },
}

/// A bar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// Its name.
    pub label: String,
    /// Bars of one group have one colour.
    pub group: String,
    /// Its length.
    pub value: f64,
    /// From where to where the value may lie, or how it spreads.
    pub interval: Option<[f64; 2]>,
}

/// A point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Its name.
    pub label: String,
    /// What is written beside it.
    pub mark: String,
    /// Points of one group have one colour.
    pub group: String,
    /// To the right.
    pub x: f64,
    /// Upwards.
    pub y: f64,
    /// Whether it is no success: drawn as a cross.
    pub is_broken: bool,
}

/// A line of a waterfall.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lane {
    /// Its name.
    pub label: String,
    /// Its spans in their order.
    pub spans: Vec<Span>,
}

/// A span of a lane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// Its name; spans of one name have one colour.
    pub name: String,
    /// Its length.
    pub length: f64,
}
