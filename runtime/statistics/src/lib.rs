//! What is said of repeated measurements: order statistics, outliers, ratios and
//! how sure they are. Pure functions of samples; what was measured is not known here.
//!
//! - **Quantiles** interpolate between the two nearest samples (Hyndman and Fan's
//!   definition 7): those of numpy's `percentile` and of DuckDB's `quantile_cont`,
//!   so that a query over the rows gives the same figures.
//! - **Outliers** are marked by Tukey's fences and kept: no figure leaves any out.
//! - **Parity** is the distance of an output from its reference ([`parity`]).
//! - **Scores** are what a model says of the tokens of a text ([`scores`]).
//! - **Ratios** are of medians, with a bootstrap interval ([`ratio`]).

mod load;
mod order;
pub mod parity;
mod ratio;
pub mod scores;

pub use load::load_average;
pub use order::{Summary, median, min, outliers, quantile, summary};
pub use ratio::{Comparison, LEAST_SAMPLES, LEVEL, RESAMPLES, Ratio, independent, paired};
