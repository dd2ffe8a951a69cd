//! Who is asked for which block. Work-conserving: a source with room gets the
//! next block, unless another would be done with everything before it is.

use std::time::Duration;

use tokio::time::Instant;

use super::plan::{Plan, Wanted};
use super::source::Member;
use super::transfer::Transfer;

/// Missing blocks that are looked at for one that a source with room has.
const LOOK_AHEAD: usize = 128;
/// How many times faster another source must be for a slow one to be left out at the end, or raced.
const MUCH_FASTER: f64 = 2.0;
/// What a race must win at least, seconds: less is noise.
const RACE_MIN: f64 = 0.05;

/// An answer is late after so many times the usual wait, and this long at least.
const LATE_TIMES: u32 = 4;
const LATE_FROM: Duration = Duration::from_millis(250);
/// What is taken for the usual wait of a source that has not answered yet.
const LATENCY_UNKNOWN: Duration = Duration::from_millis(250);

/// A block and who is to be asked for it.
pub(super) struct Choice {
    pub(super) cid: pelago_dag::Cid,
    pub(super) member: usize,
    /// It was chosen among at least two peers that had been measured.
    pub(super) among_peers: bool,
}

/// What is to be done next.
pub(super) enum Next {
    Ask(Choice),
    /// Everybody who could be asked is busy or rests.
    Wait,
    /// Nobody has this block, or is left to be asked.
    Nobody(pelago_dag::Cid),
}

/// The next block to ask for, and of whom.
pub(super) fn next(plan: &Plan, members: &[Member], now: Instant) -> Next {
    let any_room = members.iter().any(|m| m.has_room(now));
    for wanted in plan.pending().take(LOOK_AHEAD) {
        if !members.iter().any(|m| m.may_give(&wanted.cid)) {
            return Next::Nobody(wanted.cid);
        }
        if any_room && let Some(choice) = choose(wanted, plan.missing_bytes() as f64, members, now) {
            return Next::Ask(choice);
        }
    }
    Next::Wait
}

fn choose(wanted: &Wanted, missing: f64, members: &[Member], now: Instant) -> Option<Choice> {
    let able = || members.iter().enumerate().filter(|(_, m)| m.may_give(&wanted.cid) && m.breaker.opens(now).is_none());
    let rank = able().map(|(_, m)| m.source.rank).min()?;
    // One that fetches it itself is asked again in a while. Meanwhile nobody else is, but for those who may have it.
    let due = |member: &Member| member.source.rank == rank && member.is_due(&wanted.cid, now);
    let size = wanted.size.map_or(262_144.0, |size| size as f64);
    let eta = |member: &Member, behind: f64| member.eta(behind, size);
    let (best, found) =
        able().filter(|(_, m)| due(m) && m.has_room(now)).min_by(|a, b| eta(a.1, 0.0).total_cmp(&eta(b.1, 0.0)))?;
    let slow = found.goodput().is_some()
        && able().any(|(i, m)| {
            i != best
                && m.source.rank == rank
                && m.in_flight > 0
                && m.goodput().is_some()
                && eta(m, missing) * MUCH_FASTER < eta(found, 0.0)
        });
    if slow {
        return None;
    }
    let measured = able().filter(|(_, m)| m.source.provider.kind().is_peer() && m.goodput().is_some()).count();
    let among_peers = measured >= 2 && found.source.provider.kind().is_peer();
    Some(Choice { cid: wanted.cid, member: best, among_peers })
}

/// A transfer that is far behind what another source would take for all of it, and that source. Only for
/// the end, when nothing else is left to ask for.
pub(super) fn race<'a>(alone: impl Iterator<Item = &'a Transfer>, members: &[Member], now: Instant) -> Option<Choice> {
    for transfer in alone {
        // Before the first byte nothing is known but how soon the source is wont to answer.
        let usual = members[transfer.member].latency().unwrap_or(LATENCY_UNKNOWN);
        if transfer.meter.received() == 0 && transfer.meter.elapsed() < LATE_FROM + usual * LATE_TIMES {
            continue;
        }
        let left = transfer.left();
        let other = members
            .iter()
            .enumerate()
            // A lesser source is not asked to save time.
            .filter(|(i, m)| *i != transfer.member && m.source.rank <= members[transfer.member].source.rank)
            .filter(|(_, m)| m.may_give(&transfer.cid) && m.is_due(&transfer.cid, now) && m.has_room(now))
            .filter(|(_, m)| m.goodput().is_some() && !m.breaker.is_on_trial())
            .map(|(i, m)| (i, m.eta(0.0, transfer.size)))
            .min_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((member, eta)) = other
            && left > MUCH_FASTER * eta + RACE_MIN
        {
            return Some(Choice { cid: transfer.cid, member, among_peers: false });
        }
    }
    None
}
