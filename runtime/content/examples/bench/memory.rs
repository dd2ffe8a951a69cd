//! The most memory that a process takes for a large model, over what it had before.

use pelago_figures::table::{Table, number};
use pelago_figures::verdict::Verdict;

use crate::Failure;
use crate::lab::{Lab, Said, role, text};

/// MiB.
const WANTED: f64 = 64.0;

pub(crate) fn run(lab: &Lab) -> Result<Vec<Verdict>, Failure> {
    let (source, store) = (lab.source(lab.memory_mib)?, text(&lab.fresh("memory-store")?));
    let fetched = lab.fresh("memory-fetched")?;
    let imported = role(&["import", &text(&source), &store])?.end()?;
    let verified = role(&["verify", &store, &imported.root])?.end()?;
    std::fs::remove_dir_all(source)?;
    let mut server = role(&["serve", &store, "0"])?;
    let address: String = server.says()?;
    let fetch = role(&["fetch", &text(&fetched), &imported.root, &address])?.end()?;
    let served = server.end()?;
    lab.fresh("memory-store")?;
    lab.fresh("memory-fetched")?;

    let mut table = Table::new(&["process", "idle, MiB", "most, MiB", "over idle, MiB"]);
    let mut verdicts = Vec::new();
    let rows: [(&str, Said); 4] = [("import", imported), ("verify", verified), ("serve", served), ("fetch", fetch)];
    for (name, said) in rows {
        let figures = [said.idle_kib / 1024.0, said.peak_kib / 1024.0, said.over_idle()].map(number);
        table.row([name.to_owned()].into_iter().chain(figures));
        let found = format!("{} MiB", number(said.over_idle()));
        verdicts.push(Verdict::new(
            format!("memory over idle, {name} of {} MiB", lab.memory_mib),
            format!("≤ {WANTED} MiB"),
            found,
            said.over_idle() <= WANTED,
        ));
    }
    table.print("Resident memory of each process (`VmRSS` before its work, `VmHWM` after it)");
    Ok(verdicts)
}
