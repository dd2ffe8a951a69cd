//! The results from outside: rows and DataFrames, many processes, and faults.

// Processes of these tests talk to them over stdout.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;
mod faults;
mod migration;
mod processes;
mod queries;
mod rows;
mod tables;
