//! Processes of this machine, to find those that a test must kill or must not
//! find any more. Linux only.

use std::fs;

/// A running process.
#[derive(Clone, Debug)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Its parent's.
    pub parent: u32,
    /// Its arguments, joined with spaces.
    pub command: String,
}

/// Every process that is not a zombie.
#[must_use]
pub fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold anything, so fields count from the last one.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        if fields.next()? == "Z" {
            return None;
        }
        let parent = fields.next()?.parse().ok()?;
        let command = String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/cmdline")).ok()?).replace('\0', " ");
        Some(Process { pid, parent, command })
    })
    .collect()
}

/// The processes below one, at any depth.
#[must_use]
pub fn below(pid: u32) -> Vec<Process> {
    let all = all();
    let mut found = Vec::new();
    let mut parents = vec![pid];
    while let Some(parent) = parents.pop() {
        for process in all.iter().filter(|process| process.parent == parent) {
            parents.push(process.pid);
            found.push(process.clone());
        }
    }
    found
}

/// Processes whose command line names a path: a session's own folder tells its
/// browsers from all others on the machine.
#[must_use]
pub fn naming(path: &std::path::Path) -> Vec<Process> {
    let path = path.to_string_lossy();
    all().into_iter().filter(|process| process.command.contains(&*path)).collect()
}

/// Ends a process at once, as `kill -9` does.
///
/// # Errors
/// Where there is no such process or it belongs to somebody else.
pub fn kill(pid: u32) -> std::io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let pid = pid.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::InvalidInput))?;
    Ok(rustix::process::kill_process(pid, rustix::process::Signal::KILL)?)
}
