//! Measurements of many runs: sweeps, the search for a mix of precisions, and comparisons with other libraries.

pub(crate) mod distance;
pub(crate) mod golden;
mod reference;
mod samples;
pub(crate) mod sweep;
pub(crate) mod tune;
