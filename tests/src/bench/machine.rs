//! What the figures were read on.

use std::fs;

use pelago_browser::driver::Target;
use pelago_runtime::session::Session;

use crate::Failure;
use crate::models::Models;

/// Prints the machine, its browsers and the date.
pub(crate) async fn print(models: &Models) -> Result<(), Failure> {
    let session = Session::open(models.options()).await?;
    let mut browsers = session
        .browsers()
        .candidates()
        .iter()
        .filter_map(|candidate| match &candidate.target {
            Target::Installed(found) => Some(format!("{} {}", found.product.name(), found.version)),
            Target::Remote(_) => None,
        })
        .collect::<Vec<_>>();
    browsers.sort();
    session.close().await;
    let cores = std::thread::available_parallelism()?;
    let cpu = field("/proc/cpuinfo", "model name");
    let memory = field("/proc/meminfo", "MemTotal");
    let gib = memory.split(' ').next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() / f64::from(1 << 20);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let date = chrono::Utc::now().format("%Y-%m-%d %H:%M UTC");
    println!("- date: {date}");
    println!("- machine: {cores} cores of {cpu}, {gib:.1} GiB, Linux {}", kernel.trim());
    println!("- browsers: {}", browsers.join(", "));
    println!("- build: the workspace's one profile (own code at opt-level 1)");
    println!("- model: all-MiniLM-L6-v2, float32");
    Ok(())
}

/// The load averages of the last 1, 5 and 15 minutes.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// The value of the first `name : value` line.
fn field(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(key, _)| key.trim() == name).map_or("unknown".to_owned(), |(_, value)| value.trim().to_owned())
}
