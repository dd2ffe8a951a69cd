//! `make bench`: measures Pelago beside what it is compared with, in one run,
//! and prints Markdown tables, as BENCHMARKS.md has them.
//!
//! `bench [SECTION…]` runs some sections only. A section that fails says so and
//! the others go on; a target that is missed is a finding, not a failure.

#![allow(clippy::print_stdout, reason = "its tables are what it is for")]

mod generation;
mod kernels;
mod link;
mod machine;
mod memory;
mod models;
mod precision;
mod process;
mod quantise;
mod routes;
mod shapes;
mod sweep;
mod tokens;
mod transfer;
mod transformers;

use std::process::ExitCode;
use std::time::Instant;

use futures::future::{BoxFuture, FutureExt};
use pelago_figures::{host, stats, table, verdict};

use crate::models::Models;
use crate::verdict::Verdict;

/// Anything: all that is done with it is to print it.
type Failure = Box<dyn std::error::Error + Send + Sync>;
type Section = for<'a> fn(&'a Models) -> BoxFuture<'a, Result<Vec<Verdict>, Failure>>;

const SECTIONS: &[(&str, Section)] = &[
    ("routes", |models| routes::run(models).boxed()),
    ("tokens", |models| tokens::run(models).boxed()),
    ("link", |models| link::run(models).boxed()),
    ("transfer", |models| transfer::run(models).boxed()),
    ("transformers", |models| transformers::run(models).boxed()),
    ("shapes", |models| shapes::run(models).boxed()),
    ("process", |models| process::run(models).boxed()),
    ("memory", |models| memory::run(models).boxed()),
    ("kernels", |models| kernels::run(models).boxed()),
    ("quantise", |models| quantise::run(models).boxed()),
    ("precision", |models| precision::run(models).boxed()),
    ("sweep", |models| sweep::run(models).boxed()),
    ("generation", |models| generation::run(models).boxed()),
    ("smollm2", |models| generation::smollm2(models).boxed()),
];

#[tokio::main]
async fn main() -> ExitCode {
    let asked = std::env::args().skip(1).collect::<Vec<_>>();
    if let Some(unknown) = asked.iter().find(|name| !SECTIONS.iter().any(|(known, _)| known == name)) {
        let known = SECTIONS.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        println!("no section {unknown}: use some of {}, or none for all", known.join(", "));
        return ExitCode::FAILURE;
    }
    match measure(&asked).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("the benchmark could not begin: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every section ran to its end.
async fn measure(asked: &[String]) -> Result<bool, Failure> {
    let start = Instant::now();
    let models = Models::prepare().await?;
    machine::print(&models).await?;
    let mut verdicts = Vec::new();
    let mut failed = Vec::new();
    for (name, section) in SECTIONS.iter().filter(|(name, _)| asked.is_empty() || asked.iter().any(|it| it == name)) {
        println!("\n## {name}\n\nLoad average when it began: {}", host::load());
        match section(&models).await {
            Ok(found) => verdicts.extend(found),
            Err(error) => {
                println!("\nFAILED: {error}");
                failed.push(*name);
            }
        }
    }
    println!("\n## targets");
    verdict::print(&verdicts);
    println!("\n{:.0} s in all; sections that failed: {failed:?}", start.elapsed().as_secs_f64());
    Ok(failed.is_empty())
}
