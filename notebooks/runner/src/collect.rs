//! From what a running cell tells to the outputs that stand below it, as a
//! Jupyter front end would keep them.
//!
//! Memory is bounded: of a cell that shows more than [`LIMIT`], the rest is left
//! out, and the cell's outputs say so.

use pelago_cells::interpreter::{CellError, Event};
use pelago_render::Shown;
use serde_json::{Map, Value};

use crate::notebook::Output;

/// Bytes of outputs that a cell keeps.
pub(crate) const LIMIT: usize = 16 * 1024 * 1024;

/// The name of the display of a text that a model made. No cell names a display so.
const MADE: &str = "\u{0}made";

/// The outputs of one cell, while it runs and until its notebook is finished.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    shown: Vec<Own>,
    /// `clear_output(wait)`: all goes when the next output comes.
    clear_next: bool,
    bytes: usize,
    left_out: usize,
    /// The text that a model makes now.
    making: String,
    /// The text that a model made last, which is shown and whose run may follow.
    made: Option<String>,
}

/// An output, and the name that an update of it uses.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    output: Output,
    id: Option<String>,
}

/// What takes the place of an earlier output, also of another cell.
#[derive(Debug)]
pub(crate) struct Update {
    id: String,
    data: Map<String, Value>,
}

impl Collector {
    /// Takes what a cell tells. An update is handed back: it is for every cell that shows its name.
    pub(crate) fn take(&mut self, event: Event) -> Option<Update> {
        match event {
            Event::Stdout(text) => self.stream("stdout", text),
            Event::Stderr(text) => self.stream("stderr", text),
            Event::Display { shown, id: Some(id), update: true } => {
                let data = pelago_render::bundle(&shown);
                if size(&data) > LIMIT {
                    self.left_out += size(&data);
                    return None;
                }
                return Some(Update { id, data });
            }
            Event::Display { shown, id, .. } => self.show(&shown, id, |data| Output::Display { data }),
            Event::Result(shown) => {
                // A run takes the place of its own text.
                if let Shown::Run(run) = &shown
                    && let Some(text) = self.made.take_if(|text| run.output.text() == text.as_str())
                    && let Some(at) = self.shown.iter().rposition(|own| own.id.as_deref() == Some(MADE))
                {
                    self.bytes = self.bytes.saturating_sub(text.len());
                    self.shown.remove(at);
                }
                self.show(&shown, None, |data| Output::Result { data, count: None });
            }
            Event::Made(piece) => self.making.push_str(&piece),
            Event::MadeAll => {
                let text = std::mem::take(&mut self.making);
                let name = Some(MADE.to_owned());
                self.show(&Shown::Text(text.clone()), name, |data| Output::Display { data });
                self.made = Some(text);
            }
            Event::Clear { wait: true } => self.clear_next = true,
            Event::Clear { wait: false } => self.clear(),
            // A cell that asks is told by the dropped reply that nobody can answer.
            Event::Progress(_) | Event::Input(_) => {}
        }
        None
    }

    /// Puts new content in every output that has the name.
    pub(crate) fn update(&mut self, update: &Update) {
        for own in self.shown.iter_mut().filter(|own| own.id.as_ref() == Some(&update.id)) {
            if let Output::Display { data } | Output::Result { data, .. } = &mut own.output {
                data.clone_from(&update.data);
            }
        }
    }

    /// Adds how the cell failed.
    pub(crate) fn fail(&mut self, error: &CellError) {
        let (name, value, traceback) = (error.name.clone(), error.value.clone(), error.traceback.clone());
        self.add(Output::Error { name, value, traceback }, None);
    }

    /// All outputs, of the cell that has this place in the order of execution.
    /// Of several values only the last is the cell's; the others it showed.
    pub(crate) fn finish(mut self, count: u64) -> Vec<Own> {
        if self.left_out > 0 {
            let text = format!("pelago: {} more bytes of output are left out: a cell keeps {LIMIT}\n", self.left_out);
            self.add(Output::Stream { name: "stderr".to_owned(), text }, None);
        }
        let last = self.shown.iter().rposition(|own| matches!(own.output, Output::Result { .. }));
        for (index, own) in self.shown.iter_mut().enumerate() {
            if let Output::Result { data, count: own_count } = &mut own.output {
                if Some(index) == last {
                    *own_count = Some(count);
                } else {
                    own.output = Output::Display { data: std::mem::take(data) };
                }
            }
        }
        self.shown
    }

    fn clear(&mut self) {
        self.shown.clear();
        (self.bytes, self.left_out, self.clear_next) = (0, 0, false);
    }

    /// One output a stream between two displays, so that it does not depend on
    /// how the two streams take turns.
    fn stream(&mut self, name: &str, text: String) {
        if std::mem::take(&mut self.clear_next) {
            self.clear();
        }
        let text = self.within_limit(text);
        if text.is_empty() {
            return;
        }
        let since =
            self.shown.iter().rposition(|own| !matches!(own.output, Output::Stream { .. })).map_or(0, |at| at + 1);
        let streams = self.shown[since..].iter_mut().filter_map(|own| match &mut own.output {
            Output::Stream { name, text } => Some((name, text)),
            _ => None,
        });
        if let Some((_, before)) = streams.into_iter().find(|(own, _)| *own == name) {
            before.push_str(&text);
            return;
        }
        // stdout first, whichever was heard first.
        let at = if name == "stdout" { since } else { self.shown.len() };
        self.shown.insert(at, Own { output: Output::Stream { name: name.to_owned(), text }, id: None });
    }

    fn within_limit(&mut self, mut text: String) -> String {
        let room = LIMIT.saturating_sub(self.bytes);
        if text.len() > room {
            let end = text.floor_char_boundary(room);
            self.left_out += text.len() - end;
            text.truncate(end);
            // Nothing shorter gets in after what was cut.
            self.bytes = LIMIT;
        } else {
            self.bytes += text.len();
        }
        text
    }

    fn show(&mut self, shown: &Shown, id: Option<String>, output: impl Fn(Map<String, Value>) -> Output) {
        if std::mem::take(&mut self.clear_next) {
            self.clear();
        }
        let data = pelago_render::bundle(shown);
        let bytes = size(&data);
        if self.bytes + bytes > LIMIT {
            self.left_out += bytes;
            return;
        }
        self.bytes += bytes;
        self.add(output(data), id);
    }

    fn add(&mut self, output: Output, id: Option<String>) {
        self.shown.push(Own { output, id });
    }
}

impl Own {
    /// The output alone.
    pub(crate) fn into_output(self) -> Output {
        self.output
    }
}

fn size(data: &Map<String, Value>) -> usize {
    data.values().map(|value| value.as_str().map_or_else(|| value.to_string().len(), str::len)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Shown {
        Shown::Text(text.to_owned())
    }

    fn display(shown: &str, id: &str, update: bool) -> Event {
        Event::Display { shown: text(shown), id: Some(id.to_owned()), update }
    }

    fn plain(output: &Output) -> String {
        match output {
            Output::Stream { name, text } => format!("{name} {text:?}"),
            Output::Display { data } => format!("display {}", data["text/plain"]),
            Output::Result { data, count } => format!("result {count:?} {}", data["text/plain"]),
            Output::Error { name, .. } => format!("error {name}"),
            Output::Unknown(value) => value.to_string(),
        }
    }

    fn collected(events: Vec<Event>) -> Vec<String> {
        let mut collector = Collector::default();
        for event in events {
            if let Some(update) = collector.take(event) {
                collector.update(&update);
            }
        }
        collector.finish(7).iter().map(|own| plain(&own.output)).collect()
    }

    #[test]
    fn streams_are_joined_between_displays() {
        let outputs = collected(vec![
            Event::Stderr("e1".into()),
            Event::Stdout("a".into()),
            Event::Stderr("e2\n".into()),
            Event::Stdout("b\n".into()),
            display("x", "1", false),
            Event::Stdout("c".into()),
        ]);
        assert_eq!(outputs, ["stdout \"ab\\n\"", "stderr \"e1e2\\n\"", "display \"x\"", "stdout \"c\""]);
    }

    #[test]
    fn only_the_last_value_is_the_result() {
        let outputs = collected(vec![Event::Result(text("1")), Event::Stdout("a".into()), Event::Result(text("2"))]);
        assert_eq!(outputs, ["display \"1\"", "stdout \"a\"", "result Some(7) \"2\""]);
    }

    #[test]
    fn updates_take_the_place_of_what_they_name() {
        let outputs = collected(vec![
            display("x", "1", false),
            display("y", "2", false),
            display("z", "1", true),
            display("unknown", "3", true),
        ]);
        assert_eq!(outputs, ["display \"z\"", "display \"y\""]);
    }

    #[test]
    fn clearing_may_wait_for_the_next_output() {
        let a = || Event::Stdout("a".into());
        assert_eq!(collected(vec![a(), Event::Clear { wait: false }]).len(), 0);
        assert_eq!(collected(vec![a(), Event::Clear { wait: true }]), ["stdout \"a\""]);
        assert_eq!(collected(vec![a(), Event::Clear { wait: true }, Event::Stdout("b".into())]), ["stdout \"b\""]);
    }

    #[test]
    fn what_is_too_much_is_told() {
        let mut collector = Collector::default();
        for _ in 0..40 {
            collector.take(Event::Stdout("é".repeat(512 * 1024)));
        }
        collector.take(Event::Result(text("x")));
        let outputs = collector.finish(1);
        let Output::Stream { text, .. } = &outputs[0].output else { panic!("{:?}", plain(&outputs[0].output)) };
        assert_eq!(text.len(), LIMIT);
        let told = format!("pelago: {} more bytes", 24 * 1024 * 1024 + 1);
        assert!(plain(&outputs[1].output).contains(&told), "{}", plain(&outputs[1].output));
        assert_eq!(outputs.len(), 2);
    }
}
