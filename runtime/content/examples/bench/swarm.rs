//! Several clients that begin to fetch the same model at the same time, behind one origin.

use pelago_figures::table::{Table, number};
use pelago_figures::verdict::Verdict;

use crate::Failure;
use crate::lab::{Lab, Role, Said, role, text};

const CLIENTS: usize = 4;
const MIB: u64 = 256;
/// Bytes a second that the origin sends.
const ORIGIN: u64 = 100_000_000;
const WANTED: f64 = 1.1;

pub(crate) fn run(lab: &Lab) -> Result<Vec<Verdict>, Failure> {
    let bytes = MIB << 20;
    let (store, root) = lab.store(MIB)?;
    let mut table = Table::new(&["clients", "from the origin / model", "first done, s", "last done, s"]);
    let mut verdicts = Vec::new();
    for count in [1, CLIENTS] {
        let mut origin = role(&["serve", &text(&store), &ORIGIN.to_string()])?;
        let address: String = origin.says()?;
        let done = fetch(lab, count, &root, &address)?;
        let share = origin.end()?.served as f64 / bytes as f64;
        let seconds = |said: Option<&Said>| number(said.map_or(f64::NAN, |said| said.seconds));
        table.row([count.to_string(), number(share), seconds(done.first()), seconds(done.last())]);
        if count == CLIENTS {
            verdicts.push(Verdict::new(
                format!("bytes of the origin for {CLIENTS} clients"),
                format!("≤ {WANTED} × the model"),
                format!("{} ×", number(share)),
                share <= WANTED,
            ));
        }
    }
    table.print(&format!(
        "{MIB} MiB from an origin of {} MB/s, to clients that begin at once and serve each other while they fetch",
        ORIGIN / 1_000_000
    ));
    Ok(verdicts)
}

/// What each client says, the first that was done first.
fn fetch(lab: &Lab, count: usize, root: &str, origin: &str) -> Result<Vec<Said>, Failure> {
    let stores = (0..count).map(|n| lab.fresh(&format!("client-{n}"))).collect::<Result<Vec<_>, _>>()?;
    let clients = stores.iter().map(|store| role(&["join", &text(store), root, origin]));
    let mut clients = clients.collect::<Result<Vec<Role>, _>>()?;
    let addresses = clients.iter_mut().map(Role::says).collect::<Result<Vec<String>, _>>()?;
    for (n, client) in clients.iter_mut().enumerate() {
        let others = addresses.iter().enumerate().filter(|(other, _)| *other != n);
        client.tell(&others.map(|(_, address)| address.as_str()).collect::<Vec<_>>().join(" "))?;
    }
    let mut done = clients.iter_mut().map(Role::says).collect::<Result<Vec<Said>, _>>()?;
    done.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    drop(clients);
    stores.iter().try_for_each(std::fs::remove_dir_all)?;
    Ok(done)
}
