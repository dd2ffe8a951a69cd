//! What every benchmark prints: Markdown tables, order statistics, targets met
//! or missed, and the machine that it ran on. What was measured is not known here.

#![allow(clippy::print_stdout, reason = "its tables are what it is for")]

pub mod host;
pub mod stats;
pub mod table;
pub mod verdict;
