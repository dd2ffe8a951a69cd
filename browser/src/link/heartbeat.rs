//! When to ask the other side for a sign of life, and when to give it up.
//! Time is passed in; nothing here waits.

use std::time::Duration;

use tokio::time::Instant;

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Beat {
    Nothing,
    Ping,
    Silent,
}

pub(crate) struct Heartbeat {
    interval: Duration,
    patience: Duration,
    busy_patience: Duration,
    next_ping: Instant,
    heard: Instant,
    /// A page that computes on its main thread cannot answer. This stays set
    /// until it was heard with nothing left to do, because a request that the
    /// host took back may still occupy the page.
    busy: bool,
}

impl Heartbeat {
    pub(crate) fn new(now: Instant, interval: Duration, patience: Duration, busy_patience: Duration) -> Self {
        Self { interval, patience, busy_patience, next_ping: now + interval, heard: now, busy: false }
    }

    /// Something came from the other side, which now has work left or not.
    pub(crate) fn heard(&mut self, now: Instant, busy: bool) {
        self.heard = now;
        self.busy = busy;
    }

    /// The other side was given work.
    pub(crate) fn asked(&mut self) {
        self.busy = true;
    }

    /// When [`tick`](Self::tick) has something to say.
    pub(crate) fn due(&self) -> Instant {
        self.next_ping.min(self.given_up())
    }

    pub(crate) fn tick(&mut self, now: Instant) -> Beat {
        if now >= self.given_up() {
            return Beat::Silent;
        }
        if now >= self.next_ping {
            self.next_ping = now + self.interval;
            return Beat::Ping;
        }
        Beat::Nothing
    }

    fn given_up(&self) -> Instant {
        self.heard + if self.busy { self.busy_patience } else { self.patience }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_idle_page_is_asked_and_given_up_when_it_stays_silent() {
        let start = Instant::now();
        let mut heartbeat = Heartbeat::new(start, 5 * SECOND, 12 * SECOND, 60 * SECOND);
        assert_eq!(heartbeat.tick(start + 4 * SECOND), Beat::Nothing);
        assert_eq!(heartbeat.tick(start + 5 * SECOND), Beat::Ping);
        assert_eq!(heartbeat.due(), start + 10 * SECOND);
        heartbeat.heard(start + 6 * SECOND, false);
        assert_eq!(heartbeat.tick(start + 17 * SECOND), Beat::Ping);
        assert_eq!(heartbeat.due(), start + 18 * SECOND);
        assert_eq!(heartbeat.tick(start + 18 * SECOND), Beat::Silent);
    }

    #[test]
    fn a_page_at_work_has_longer_until_it_was_heard_idle() {
        let start = Instant::now();
        let mut heartbeat = Heartbeat::new(start, 5 * SECOND, 12 * SECOND, 60 * SECOND);
        heartbeat.asked();
        assert_eq!(heartbeat.tick(start + 59 * SECOND), Beat::Ping);
        heartbeat.heard(start + 59 * SECOND, true);
        assert_ne!(heartbeat.tick(start + 80 * SECOND), Beat::Silent);
        heartbeat.heard(start + 80 * SECOND, false);
        assert_eq!(heartbeat.tick(start + 92 * SECOND), Beat::Silent);
    }
}
