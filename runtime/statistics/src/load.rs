//! How busy the machine is. It does not know with what.

/// Processes that ran or waited to run, averaged over the last minute; `None` where
/// the system does not tell (anywhere but on Linux). In a container it is that of the whole machine.
#[must_use]
pub fn load_average() -> Option<f64> {
    #[cfg(target_os = "linux")]
    {
        // A fixed-point number with 16 bits behind the point.
        #[allow(clippy::cast_precision_loss, reason = "a load of 2^36 is not met")]
        let load = rustix::system::sysinfo().loads[0] as f64 / f64::from(1 << 16);
        Some(load)
    }
    #[cfg(not(target_os = "linux"))]
    None
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used)]
mod tests {
    #[test]
    fn the_load_is_that_of_proc() {
        let proc = || {
            let text = std::fs::read_to_string("/proc/loadavg").unwrap();
            text.split(' ').next().unwrap().parse::<f64>().unwrap()
        };
        // The kernel updates it every five seconds: one of two looks is between updates.
        let close = || (super::load_average().unwrap() - proc()).abs() < 0.02;
        assert!(close() || close());
    }
}
