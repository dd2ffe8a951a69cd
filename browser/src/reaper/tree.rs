//! The tree of processes below this one: finding it and ending it.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};

/// How long a killed process may take to go. The kernel needs milliseconds; one
/// that sits in an uninterruptible call is left to it.
const DEADLINE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);

/// One process, as the system lists it.
#[derive(Clone, Copy, Debug)]
struct Process {
    pid: u32,
    parent: u32,
    #[cfg_attr(all(target_os = "linux", not(test)), expect(dead_code, reason = "adopted orphans need no group"))]
    group: u32,
    zombie: bool,
}

/// Whether a process runs; a dead one that nobody reaped yet does not.
pub(crate) fn is_running(pid: u32) -> bool {
    processes().iter().any(|process| process.pid == pid && !process.zombie)
}

/// Every process below `child` that runs; none where `child` is not a child of
/// this process, since its number may be another process's by now.
pub(crate) fn below(child: u32) -> Vec<u32> {
    let processes = processes();
    let is_ours = processes.iter().any(|process| process.pid == child && process.parent == std::process::id());
    if is_ours { descendants(&processes, child) } else { Vec::new() }
}

/// Waits for a child, reaping adopted orphans meanwhile. The exit code is 128
/// and the signal's number where a signal ended it, as shells have it.
pub(super) fn wait_for(child: u32) -> i32 {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get() as u32 == child => return exit_code(status),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            // No child is left: the other thread has reaped it.
            Err(_) => return 0,
        }
    }
}

fn exit_code(status: WaitStatus) -> i32 {
    status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal)).unwrap_or(0)
}

/// Kills every descendant, again and again until none is left: one that forks
/// while it is being killed leaves an orphan, and the orphan becomes ours.
pub(super) fn kill_descendants() {
    let end = Instant::now() + DEADLINE;
    loop {
        let left = descendants(&processes(), std::process::id());
        if left.is_empty() || Instant::now() > end {
            return;
        }
        for pid in left.into_iter().filter_map(|pid| Pid::from_raw(pid.cast_signed())) {
            // It may have ended since it was listed.
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
        while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
        std::thread::sleep(PAUSE);
    }
}

/// Everything below `root` that still runs.
fn descendants(processes: &[Process], root: u32) -> Vec<u32> {
    let mut found = HashSet::from([root]);
    loop {
        let before = found.len();
        found.extend(
            processes.iter().filter(|process| found.contains(&process.parent)).map(|p| p.pid).collect::<Vec<_>>(),
        );
        if found.len() == before {
            break;
        }
    }
    // Where orphans cannot be adopted they are known by the process group that
    // the outer reaper leads.
    #[cfg(not(target_os = "linux"))]
    if processes.iter().any(|process| process.pid == root && process.group == root) {
        found.extend(processes.iter().filter(|process| process.group == root).map(|process| process.pid));
    }
    processes.iter().filter(|p| p.pid != root && !p.zombie && found.contains(&p.pid)).map(|p| p.pid).collect()
}

#[cfg(target_os = "linux")]
fn processes() -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid: u32| parse_stat(pid, &std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?))
        .collect()
}

/// `pid (name) state ppid pgrp …`; the name may hold spaces and brackets.
#[cfg(target_os = "linux")]
fn parse_stat(pid: u32, stat: &str) -> Option<Process> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    Some(Process { pid, parent, group, zombie: matches!(state, "Z" | "X") })
}

#[cfg(not(target_os = "linux"))]
fn processes() -> Vec<Process> {
    use std::io::Read as _;
    let mut command = std::process::Command::new("/bin/ps");
    command.args(["-axo", "pid=,ppid=,pgid=,state="]).stdout(std::process::Stdio::piped());
    let Ok(mut ps) = command.spawn() else { return Vec::new() };
    let mut text = String::new();
    if let Some(output) = &mut ps.stdout {
        // Text cut short lists fewer processes; the next round lists the rest.
        let _ = output.read_to_string(&mut text);
    }
    // The thread that waits for every child may have been first.
    let _ = ps.wait();
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            let mut number = || fields.next()?.parse().ok();
            let (pid, parent, group) = (number()?, number()?, number()?);
            (pid != ps.id()).then_some(())?;
            Some(Process { pid, parent, group, zombie: fields.next().is_some_and(|state| state.starts_with('Z')) })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32) -> Process {
        Process { pid, parent, group: 1, zombie: false }
    }

    #[test]
    fn a_tree_is_everything_below() {
        let processes = [process(2, 1), process(9, 5), process(3, 2), process(5, 3), process(4, 1)];
        assert_eq!(descendants(&processes, 2), [9, 3, 5]);
        assert!(descendants(&processes, 4).is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_may_hold_brackets() {
        let found = parse_stat(7, "7 (a) b (c) S 3 4 5 0 -1").unwrap();
        assert_eq!((found.parent, found.group, found.zombie), (3, 4, false));
        assert!(is_running(std::process::id()));
    }
}
