//! How fast the content layer is, and how much memory it takes: the section
//! `content` of `make bench`, by itself
//!
//! ```text
//! cargo run --package pelago-content --example bench [disk serve peer peers swarm memory]
//! ```
//!
//! Whatever is measured is a process of its own (`roles.rs`); what is compared
//! is measured turn by turn. Files lie in `TMPDIR` and were read or written just
//! before, so they are in the page cache. `PELAGO_BENCH_MIB` is the size of the
//! file that is timed (1024), `PELAGO_BENCH_MEMORY_MIB` of the one whose memory
//! is looked at (4096; twice as much is written beside it), `PELAGO_BENCH_NGINX`
//! an nginx. A target that is missed is a finding, not a failure.

#![allow(clippy::print_stdout, reason = "its tables are what it is for")]

mod disk;
mod fetch;
mod lab;
mod memory;
mod roles;
mod serve;
mod swarm;

use std::process::ExitCode;
use std::time::Instant;

use pelago_figures::verdict::Verdict;
use pelago_figures::{host, verdict};

use crate::lab::Lab;

/// What the `pelago` command allocates with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Anything: all that is done with it is to print it.
type Failure = Box<dyn std::error::Error + Send + Sync>;
type Section = fn(&Lab) -> Result<Vec<Verdict>, Failure>;

const SECTIONS: &[(&str, Section)] = &[
    ("disk", disk::run),
    ("serve", serve::run),
    ("peer", fetch::one_peer),
    ("peers", fetch::three_peers),
    ("swarm", swarm::run),
    ("memory", memory::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("role", rest)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return match roles::run(rest) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                println!("{}", serde_json::json!({ "error": error.to_string() }));
                ExitCode::FAILURE
            }
        };
    }
    if let Some(unknown) = arguments.iter().find(|name| !SECTIONS.iter().any(|(known, _)| known == name)) {
        let known: Vec<_> = SECTIONS.iter().map(|(name, _)| *name).collect();
        println!("no section {unknown}: use some of {}, or none for all", known.join(", "));
        return ExitCode::FAILURE;
    }
    match measure(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("the benchmark could not begin: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every section ran to its end.
fn measure(asked: &[String]) -> Result<bool, Failure> {
    let start = Instant::now();
    let lab = Lab::open()?;
    println!("## content\n");
    host::print();
    println!("- files: {} MiB, in {}", lab.mib, lab.dir().display());
    let (mut verdicts, mut failed) = (Vec::new(), Vec::new());
    for (name, section) in SECTIONS.iter().filter(|(name, _)| asked.is_empty() || asked.iter().any(|it| it == name)) {
        println!("\n### {name}\n\nLoad average when it began: {}", host::load());
        match section(&lab) {
            Ok(found) => verdicts.extend(found),
            Err(error) => {
                println!("\nFAILED: {error}");
                failed.push(*name);
            }
        }
    }
    println!("\n### Targets");
    verdict::print(&verdicts);
    println!("\n{:.0} s in all; sections that failed: {failed:?}", start.elapsed().as_secs_f64());
    Ok(failed.is_empty())
}
