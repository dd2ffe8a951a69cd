//! What the session does while a cell waits, as one display that is updated. Steps that are soon over are never shown.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use pelago_protocol::Step;
use pelago_render::step::{Line, Seen, Unit, seen};
use serde_json::{Value, json};
use uuid::Uuid;

/// Steps shorter than this are not shown.
const SHOWN_AFTER: Duration = Duration::from_millis(300);
/// Before that a rate says nothing.
const RATE_AFTER: Duration = Duration::from_secs(1);
/// Between two updates.
const INTERVAL: Duration = Duration::from_millis(200);

/// A line, and when it began.
#[derive(Debug)]
struct Begun {
    line: Line,
    since: Instant,
    /// What was done when it began.
    before: u64,
}

/// The steps that are going on.
#[derive(Debug, Default)]
pub(super) struct Progress {
    lines: BTreeMap<String, Begun>,
    /// The display, once there is one.
    display: Option<String>,
    drawn: Option<Instant>,
    is_changed: bool,
}

impl Progress {
    /// Notes a step.
    pub(super) fn take(&mut self, step: &Step, now: Instant) {
        self.is_changed = true;
        let line = match seen(step) {
            Seen::Going(line) => line,
            Seen::Over(key) => {
                self.lines.remove(&key);
                return;
            }
            Seen::Note(label) => Line { key: "note".to_owned(), label, done: 0, total: None, unit: Unit::Bytes },
        };
        // What came to its end makes place for what follows.
        self.lines.retain(|key, begun| *key == line.key || begun.line.percent() != Some(100));
        let begun = self.lines.entry(line.key.clone());
        let begun = begun.or_insert_with(|| Begun { before: line.done, line: line.clone(), since: now });
        begun.line = line;
    }

    /// When [`Self::draw`] has something to draw, if nothing happens before.
    pub(super) fn due(&self) -> Option<Instant> {
        if !self.is_changed {
            return None;
        }
        let next = self.drawn.map(|drawn| drawn + INTERVAL);
        if self.display.is_some() {
            return next;
        }
        let shown = self.lines.values().map(|begun| begun.since + SHOWN_AFTER).min();
        shown.max(next.filter(|_| shown.is_some()))
    }

    /// The message that shows what is going on, where it is time for one.
    pub(super) fn draw(&mut self, now: Instant) -> Option<(&'static str, Value)> {
        if self.due().is_none_or(|due| due > now) {
            return None;
        }
        self.drawn = Some(now);
        self.is_changed = false;
        let kind = if self.display.is_some() { "update_display_data" } else { "display_data" };
        let id = self.display.get_or_insert_with(|| format!("pelago-progress-{}", Uuid::now_v7()));
        let data = if self.lines.is_empty() { json!({}) } else { json!({ "text/plain": text(&self.lines, now) }) };
        Some((kind, json!({ "data": data, "metadata": {}, "transient": { "display_id": id } })))
    }

    /// Ends all steps; the display that is there no more from now on, by its id.
    pub(super) fn end(&mut self) -> Option<String> {
        self.lines.clear();
        self.display.take()
    }
}

fn text(lines: &BTreeMap<String, Begun>, now: Instant) -> String {
    let mut text = String::new();
    for Begun { line, since, before } in lines.values() {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&line.label);
        if let (Some(total), Some(percent)) = (line.total, line.percent()) {
            // Writing to a String does not fail.
            let _ = match line.unit {
                Unit::Bytes => write!(text, " {percent} % of {:.1} MiB", mib(total)),
                Unit::Runs => write!(text, " {percent} % of {total} runs"),
            };
            let (seconds, new) = (now.duration_since(*since).as_secs_f64(), line.done.saturating_sub(*before));
            if new > 0 && seconds > RATE_AFTER.as_secs_f64() {
                if line.unit == Unit::Bytes {
                    let _ = write!(text, ", {:.1} MiB/s", mib(new) / seconds);
                }
                #[expect(clippy::cast_precision_loss, reason = "an estimate")]
                let left = total.saturating_sub(line.done) as f64 * seconds / new as f64;
                let _ = write!(text, ", {left:.0} s left");
            }
        }
    }
    text
}

/// For people: a float is exact enough.
#[expect(clippy::cast_precision_loss, reason = "a size that is printed with one decimal")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening() -> Step {
        Step::Opening { product: "Firefox".to_owned() }
    }

    fn adding(loaded: u64) -> Step {
        Step::Adding { file: "model.onnx".to_owned(), loaded, total: 4 << 20 }
    }

    #[test]
    fn a_step_that_is_soon_over_is_never_shown() {
        let (mut progress, start) = (Progress::default(), Instant::now());
        progress.take(&opening(), start);
        assert_eq!(progress.draw(start), None);
        progress.take(&Step::Opened { product: "Firefox".to_owned() }, start + INTERVAL);
        assert_eq!((progress.due(), progress.draw(start + SHOWN_AFTER)), (None, None));
        assert_eq!(progress.end(), None);
    }

    #[test]
    fn a_long_one_is_one_display() {
        let (mut progress, start) = (Progress::default(), Instant::now());
        progress.take(&adding(0), start);
        let due = progress.due().unwrap();
        assert_eq!(due, start + SHOWN_AFTER);
        let (kind, first) = progress.draw(due).unwrap();
        assert_eq!((kind, &first["data"]["text/plain"]), ("display_data", &json!("adding model.onnx 0 % of 4.0 MiB")));
        assert_eq!(progress.due(), None, "nothing new");
        progress.take(&adding(1 << 20), due);
        assert_eq!(progress.draw(due), None, "not so soon again");
        let (kind, second) = progress.draw(due + INTERVAL).unwrap();
        assert_eq!(kind, "update_display_data");
        assert_eq!(second["data"]["text/plain"], "adding model.onnx 25 % of 4.0 MiB");
        assert_eq!(second["transient"], first["transient"]);
        progress.take(&adding(3 << 20), due);
        let (_, third) = progress.draw(start + Duration::from_secs(2)).unwrap();
        assert_eq!(third["data"]["text/plain"], "adding model.onnx 75 % of 4.0 MiB, 1.5 MiB/s, 1 s left");
        assert_eq!(progress.end().as_deref(), first["transient"]["display_id"].as_str());
        assert_eq!(progress.end(), None);
    }
}
