//! Which cell a thread belongs to: the one that started it.
//!
//! A thread does not tell who started it, but the kernel of Linux knows when: it
//! is of the last cell that had begun by then. Elsewhere it is of the cell that runs.

use std::cell::Cell;
use std::sync::{Mutex, PoisonError};

/// When each cell began, in the kernel's ticks since the machine started.
static BEGUN: Mutex<Vec<(u64, u64)>> = Mutex::new(Vec::new());
/// Cells that are remembered.
const CELLS: usize = 4096;

thread_local! {
    /// The cell of this thread, once it is known; `None` for a thread that works for any cell.
    static OWNER: Cell<Option<Option<u64>>> = const { Cell::new(None) };
}

/// The cell begins now.
pub(super) fn begin(cell: u64) {
    let mut begun = BEGUN.lock().unwrap_or_else(PoisonError::into_inner);
    if begun.len() == CELLS {
        begun.drain(..CELLS / 2);
    }
    begun.push((now(), cell));
}

/// The cell that the calling thread, which is not the cells' own, belongs to; `running` is the one that runs.
pub(super) fn of_this_thread(running: u64) -> u64 {
    let owner = OWNER.get().unwrap_or_else(|| {
        let found = if serves_any() { None } else { started().and_then(cell_at) };
        OWNER.set(Some(found));
        found
    });
    owner.unwrap_or(running)
}

/// Workers of pools that outlive a cell and work for every cell.
fn serves_any() -> bool {
    let pools = ["tokio-", "polars-", "async-"];
    thread_name().is_some_and(|name| pools.iter().any(|pool| name.starts_with(pool)))
}

fn cell_at(tick: u64) -> Option<u64> {
    let begun = BEGUN.lock().unwrap_or_else(PoisonError::into_inner);
    begun.iter().rev().find(|(began, _)| *began <= tick).map(|(_, cell)| *cell)
}

#[cfg(target_os = "linux")]
fn thread_name() -> Option<String> {
    std::fs::read_to_string("/proc/thread-self/comm").ok()
}

#[cfg(not(target_os = "linux"))]
fn thread_name() -> Option<String> {
    None
}

/// When the calling thread was started.
#[cfg(target_os = "linux")]
fn started() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/thread-self/stat").ok()?;
    // The name, in parentheses, may hold anything; the 20th word after it is the time.
    status.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(not(target_os = "linux"))]
fn started() -> Option<u64> {
    None
}

#[cfg(target_os = "linux")]
fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock is one that Linux has, and the time is written in place.
    let ticks = unsafe {
        libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time);
        libc::sysconf(libc::_SC_CLK_TCK)
    };
    let of = |number: i64| u64::try_from(number).unwrap_or(0);
    of(time.tv_sec) * of(ticks) + of(time.tv_nsec) * of(ticks) / 1_000_000_000
}

#[cfg(not(target_os = "linux"))]
fn now() -> u64 {
    0
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_of_the_cell_that_began_before_it() {
        begin(7);
        let long = std::thread::spawn(|| {
            let first = of_this_thread(99);
            std::thread::park();
            (first, of_this_thread(99))
        });
        // The kernel counts in hundredths of a second.
        let tick = now();
        while now() <= tick {
            std::hint::spin_loop();
        }
        begin(8);
        let short = std::thread::spawn(|| of_this_thread(99)).join();
        long.thread().unpark();
        assert_eq!((long.join().ok(), short.ok()), (Some((7, 7)), Some(8)));
    }
}
