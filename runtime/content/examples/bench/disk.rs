//! Import and verification, beside SHA-256 alone and a plain copy.

use pelago_figures::stats::Sample;
use pelago_figures::table::{Table, number};
use pelago_figures::verdict::Verdict;

use crate::Failure;
use crate::lab::{Lab, role, role_on_one_core, text};

/// Turns that count; one before them warms up.
const TURNS: usize = 5;
const IMPORT: f64 = 800.0;
const VERIFY: f64 = 1000.0;

pub(crate) fn run(lab: &Lab) -> Result<Vec<Verdict>, Failure> {
    let bytes = lab.mib << 20;
    let source = lab.source(lab.mib)?;
    let (file, copied) = (text(&source.join("weights")), text(&lab.dir().join("copy")));
    let names = [
        "import, to the disk",
        "copy, to the disk",
        "SHA-256, one core, bytes in memory",
        "verify, one core",
        "verify, all cores",
    ];
    let mut rates: [Sample; 5] = Default::default();
    for turn in 0..=TURNS {
        let store = text(&lab.fresh("imported")?);
        let imported = role(&["import", &text(&source), &store])?.end()?;
        let copy = role(&["copy", &file, &copied])?.end()?;
        std::fs::remove_file(&copied)?;
        let hash = role(&["hash", &lab.mib.to_string()])?.end()?;
        let one = role_on_one_core(&["verify", &store, &imported.root])?.end()?;
        let all = role(&["verify", &store, &imported.root])?.end()?;
        if turn > 0 {
            for (rates, said) in rates.iter_mut().zip([imported, copy, hash, one, all]) {
                rates.0.push(said.rate(bytes));
            }
        }
    }
    lab.fresh("imported")?;
    let mut table = Table::new(&["what", "n", "MB/s p50", "least", "most"]);
    for (name, rates) in names.iter().zip(&rates) {
        let figures = [rates.p50(), rates.min(), rates.quantile(1.0)].map(number);
        table.row([(*name).to_owned(), rates.0.len().to_string()].into_iter().chain(figures));
    }
    table.print(&format!("A file of {} MiB in the page cache, turn by turn", lab.mib));
    let verdict = |name: &str, wanted: f64, rates: &Sample| {
        let found = format!("{} ({}…{})", number(rates.p50()), number(rates.min()), number(rates.quantile(1.0)));
        Verdict::new(name, format!("≥ {wanted} MB/s"), format!("{found} MB/s"), rates.p50() >= wanted)
    };
    Ok(vec![verdict("import", IMPORT, &rates[0]), verdict("verify, a core", VERIFY, &rates[3])])
}
