//! Fetches over HTTP: from one peer beside what bounds it, and from several that are throttled.

use pelago_figures::stats::{Sample, ratio};
use pelago_figures::table::{Table, number};
use pelago_figures::verdict::Verdict;

use crate::Failure;
use crate::lab::{Lab, Role, role, text};
use crate::serve::{Drain, Nginx};

/// Turns that count; one before them warms up.
const TURNS: usize = 5;
/// Of a Gigabit link, bytes a second.
const GIGABIT: u64 = 125_000_000;
const WANTED: f64 = 0.7;
/// MiB that throttled peers serve, and each one's bytes a second.
const THROTTLED_MIB: u64 = 128;
const THROTTLE: u64 = 20_000_000;
const THREE: f64 = 2.2;
const THREE_TURNS: usize = 3;

/// A gateway process over a store; its address.
fn server(store: &str, rate: u64) -> Result<(Role, String), Failure> {
    let mut server = role(&["serve", store, &rate.to_string()])?;
    let address = server.says()?;
    Ok((server, address))
}

/// One peer, into a store, with all that makes it a kept root.
pub(crate) fn one_peer(lab: &Lab) -> Result<Vec<Verdict>, Failure> {
    let bytes = lab.mib << 20;
    let (store, root) = lab.store(lab.mib)?;
    let nginx = Nginx::start(lab, &lab.source(lab.mib)?)?;
    let (_server, address) = server(&text(&store), 0)?;
    let (_slow, gigabit) = server(&text(&store), GIGABIT)?;
    let mut rates: [Sample; 4] = Default::default();
    for turn in 0..=TURNS {
        let fetched = text(&lab.fresh("fetched")?);
        let fetch = role(&["fetch", &fetched, &root, &address])?.end()?.rate(bytes);
        let link = match &nginx {
            Some(nginx) => nginx.read("/weights", bytes)?,
            None => Drain::new(&address)?.read(&format!("/ipfs/{root}/weights?format=car&car-dups=y"), bytes)?,
        };
        let hash = role(&["hash", &lab.mib.to_string()])?.end()?.rate(bytes);
        let slow = if turn < 3 {
            let fetched = text(&lab.fresh("fetched")?);
            role(&["fetch", &fetched, &root, &gigabit])?.end()?.rate(bytes)
        } else {
            f64::NAN
        };
        for (rates, rate) in rates.iter_mut().zip([fetch, link, hash, slow]) {
            if turn > 0 && rate.is_finite() {
                rates.0.push(rate);
            }
        }
    }
    lab.fresh("fetched")?;
    let [fetch, link, hash, slow] = &rates;
    let link_name =
        if nginx.is_some() { "the link: the file from nginx, thrown away" } else { "the link: a CAR, thrown away" };
    let mut table = Table::new(&["what", "n", "MB/s p50", "least", "most"]);
    for (name, rates) in [
        ("fetched from one peer, verified, kept", fetch),
        (link_name, link),
        ("SHA-256, one core", hash),
        ("the same fetch over 125 MB/s", slow),
    ] {
        let figures = [rates.p50(), rates.min(), rates.quantile(1.0)].map(number);
        table.row([name.to_owned(), rates.0.len().to_string()].into_iter().chain(figures));
    }
    table.print(&format!("{} MiB over loopback: both sides, and the verification, on the same cores", lab.mib));
    let bound = Sample(link.0.iter().zip(&hash.0).map(|(link, hash)| link.min(*hash)).collect());
    let (share, [low, high]) = ratio(fetch, &bound);
    let of_gigabit = slow.p50() / (GIGABIT as f64 / 1e6).min(hash.p50());
    let least = format!("≥ {WANTED} of the lesser");
    Ok(vec![
        Verdict::new(
            "one peer over loopback, to link and SHA-256 on one core",
            least.clone(),
            format!("{} ({}…{})", number(share), number(low), number(high)),
            share >= WANTED,
        ),
        Verdict::new("one peer over 125 MB/s, the same", least, number(of_gigabit), of_gigabit >= WANTED),
    ])
}

/// Three throttled peers beside one.
pub(crate) fn three_peers(lab: &Lab) -> Result<Vec<Verdict>, Failure> {
    let bytes = THROTTLED_MIB << 20;
    let (store, root) = lab.store(THROTTLED_MIB)?;
    let servers = (0..3).map(|_| server(&text(&store), THROTTLE)).collect::<Result<Vec<_>, _>>()?;
    let addresses: Vec<_> = servers.iter().map(|(_, address)| address.as_str()).collect();
    let (mut one, mut three) = (Sample::default(), Sample::default());
    for _ in 0..THREE_TURNS {
        for (rates, count) in [(&mut one, 1), (&mut three, 3)] {
            let fetched = text(&lab.fresh("fetched")?);
            let arguments = [&["fetch", &fetched, &root], &addresses[..count]].concat();
            rates.0.push(role(&arguments)?.end()?.rate(bytes));
        }
    }
    lab.fresh("fetched")?;
    let mut table = Table::new(&["peers", "n", "MB/s p50", "least", "most"]);
    for (name, rates) in [("one", &one), ("three", &three)] {
        let figures = [rates.p50(), rates.min(), rates.quantile(1.0)].map(number);
        table.row([name.to_owned(), rates.0.len().to_string()].into_iter().chain(figures));
    }
    table.print(&format!(
        "{THROTTLED_MIB} MiB from peers that each send {} MB/s by a token bucket in the serving process",
        THROTTLE / 1_000_000
    ));
    let (times, [low, high]) = ratio(&three, &one);
    let found = format!("{} ({}…{})", number(times), number(low), number(high));
    Ok(vec![Verdict::new("three throttled peers to one", format!("≥ {THREE} times"), found, times >= THREE)])
}
