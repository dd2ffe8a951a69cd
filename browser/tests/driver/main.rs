//! Browsers of this machine, opened, commanded, broken and closed for real.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;
mod discover;
mod end;
mod faults;
mod open;

/// Not a test: what a guard runs. The tests give this executable and this name
/// as their guard, as a front end gives its own and a hidden argument.
#[test]
#[ignore = "the guard process of the other tests"]
fn guard_process() {
    let args = std::env::args_os().skip_while(|arg| arg != "--").skip(1);
    std::process::exit(pelago_browser::guard::run(args));
}
