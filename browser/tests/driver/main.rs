//! Browsers of this machine, opened, commanded, broken and closed for real.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;
mod discover;
mod end;
mod faults;
mod open;

/// Not a test: what a reaper runs. The tests give this executable and this name
/// as their reaper, as a front end gives its own and a hidden argument.
#[test]
#[ignore = "the reaper process of the other tests"]
fn reaper_process() {
    let args = std::env::args_os().skip_while(|arg| arg != "--").skip(1);
    std::process::exit(pelago_browser::reaper::run(args));
}
