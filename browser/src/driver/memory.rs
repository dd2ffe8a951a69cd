//! How much memory the processes of a browser take. Which page or model takes it
//! is not known here, and memory of a GPU is not counted.

use crate::reaper;

/// The processes that were started for a browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Processes {
    /// The reaper that this process started. Everything else is below it.
    pub(super) outer: u32,
    /// The reaper that the outer one started.
    pub(super) inner: u32,
    /// The driver.
    pub(super) driver: u32,
}

impl Processes {
    /// Bytes of memory that the browser takes: the sum of the proportional set
    /// sizes of its processes, so a page that several processes share is counted
    /// once. Every process below the reapers counts (browser, tabs, GPU process,
    /// crash handlers), the reapers and the driver do not. `None` where a process
    /// cannot be measured: a partial sum would be no measurement.
    ///
    /// Blocks for milliseconds a process.
    pub(crate) fn memory(self) -> Option<u64> {
        let below = reaper::below(self.outer);
        let of_browser = below.into_iter().filter(|pid| ![self.inner, self.driver].contains(pid));
        let sizes = of_browser.map(proportional_set_size).collect::<Option<Vec<_>>>()?;
        Some(sizes.into_iter().sum()).filter(|sum| *sum > 0)
    }
}

/// Bytes; 0 for a process that has ended.
#[cfg(target_os = "linux")]
fn proportional_set_size(pid: u32) -> Option<u64> {
    match std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
        Ok(rollup) => pss(&rollup),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(0),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => Some(0),
        Err(error) => {
            tracing::debug!(pid, %error, "the memory of a process cannot be read");
            None
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn proportional_set_size(_: u32) -> Option<u64> {
    None
}

/// The `Pss` of a rollup, which is in kB. A process without memory has an empty
/// rollup.
#[cfg(target_os = "linux")]
fn pss(rollup: &str) -> Option<u64> {
    if rollup.is_empty() {
        return Some(0);
    }
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.trim().strip_suffix("kB")?.trim_end().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_that_of_the_line_pss_and_no_other() {
        let rollup = "5581d4ecb000-7ffd rollup\nRss:   900 kB\nPss_Dirty:   7 kB\nPss:      123 kB\nSwapPss: 1 kB\n";
        assert_eq!(pss(rollup), Some(123 * 1024));
        assert_eq!(pss(""), Some(0));
        assert_eq!(pss("Rss: 900 kB\n"), None);
        assert_eq!(pss("Pss: 99999999999999999999 kB\n"), None);
        assert_eq!(pss("Pss: 12 MB\n"), None);
    }

    #[test]
    fn an_ended_process_takes_nothing_and_this_one_something() {
        assert!(proportional_set_size(std::process::id()).is_some_and(|bytes| bytes > 100 * 1024));
        assert_eq!(proportional_set_size(u32::MAX), Some(0));
    }

    #[test]
    fn processes_that_this_one_did_not_start_are_not_measured() {
        assert_eq!(Processes { outer: 1, inner: 2, driver: 3 }.memory(), None);
    }
}
