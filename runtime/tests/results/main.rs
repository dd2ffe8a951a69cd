//! The results from outside: rows and DataFrames, many processes, and faults.

mod common;
mod faults;
mod processes;
mod queries;
mod rows;
