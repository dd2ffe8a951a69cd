//! What a cell shows, as messages in the order in which it happened; bounded,
//! and with a word of what was left out.

use std::time::Instant;

use pelago_cells::interpreter::Event;
use pelago_render::Shown;
use serde_json::{Map, Value, json};

use super::made::Made;
use super::progress::Progress;
use super::streams::{Joined, Stream};
use crate::sockets::Publisher;

/// What a message costs beside its text, so that many empty ones are bounded too.
const MESSAGE: usize = 256;

/// How to have more.
const MORE: &str = "Write large output to a file, or start the kernel with a larger --output-limit.";

/// The output of one cell.
pub(super) struct Output {
    publisher: Publisher,
    silent: bool,
    joined: Joined,
    progress: Progress,
    /// The text that a model makes now.
    made: Made,
    /// Whether there is output of the cell's own.
    has_own: bool,
    /// A result that may be the cell's last and so its `execute_result`.
    result: Option<Shown>,
    /// Bytes that may still be shown.
    left: usize,
    limit: usize,
    /// Bytes that were not shown.
    dropped: usize,
    /// Whether the user was told that something is not shown.
    told: bool,
}

impl Output {
    pub(super) fn new(publisher: Publisher, limit: usize, silent: bool) -> Self {
        Self {
            publisher,
            silent,
            joined: Joined::default(),
            progress: Progress::default(),
            made: Made::default(),
            has_own: false,
            result: None,
            left: limit,
            limit,
            dropped: 0,
            told: false,
        }
    }

    /// When [`Self::tick`] is to be called, if nothing happens before.
    pub(super) fn due(&self) -> Option<Instant> {
        [self.joined.due(), self.progress.due(), self.made.due()].into_iter().flatten().min()
    }

    pub(super) async fn tick(&mut self) {
        let now = Instant::now();
        if self.joined.due().is_some_and(|due| due <= now) {
            self.flush().await;
        }
        if self.made.due().is_some_and(|due| due <= now) {
            self.draw_made().await;
        }
        self.draw_progress(now).await;
    }

    pub(super) async fn take(&mut self, event: Event) {
        match event {
            Event::Stdout(text) => self.text(Stream::Stdout, &text).await,
            Event::Stderr(text) => self.text(Stream::Stderr, &text).await,
            Event::Display { shown, id, update } => self.display(&shown, id.as_deref(), update).await,
            Event::Clear { wait } => {
                self.flush().await;
                self.send("clear_output", json!({ "wait": wait })).await;
            }
            Event::Result(shown) => {
                self.flush().await;
                // What grew in place becomes the run that it is of.
                if let Some(id) = self.made.shown_as(&shown) {
                    return self.display_now(&shown, Some(&id), true).await;
                }
                self.result = Some(shown);
            }
            Event::Made(piece) => {
                if self.made.is_new() {
                    self.flush().await;
                }
                let fits = piece.floor_char_boundary(self.left);
                self.dropped = self.dropped.saturating_add(piece.len() - fits);
                self.made.add(&piece[..fits], Instant::now());
                if self.made.due().is_some_and(|due| due <= Instant::now()) {
                    self.draw_made().await;
                }
            }
            Event::MadeAll => {
                self.draw_made().await;
                self.made.end();
            }
            Event::Progress(step) => {
                self.progress.take(&step, Instant::now());
                self.draw_progress(Instant::now()).await;
            }
            // Questions are the kernel's business: they have their own channel.
            Event::Input(_) => {}
        }
    }

    /// Takes what comes after [`Self::finish`], from threads of the cell. There
    /// is no end at which to tell what was left out, so that is told at once.
    pub(super) async fn take_late(&mut self, event: Event) {
        match event {
            Event::Result(shown) => self.display(&shown, None, false).await,
            // A step of a call is drawn only while its cell runs, and only then can the user be asked.
            Event::Progress(_) | Event::Input(_) | Event::Made(_) | Event::MadeAll => {}
            shown => self.take(shown).await,
        }
        if self.dropped > 0 && !std::mem::replace(&mut self.told, true) {
            self.flush().await;
            let notice = format!(
                "what the threads of this cell print from here on is not shown: a cell shows {} at most. {MORE}\n",
                mib(self.limit)
            );
            self.stream(Stream::Stderr, &notice).await;
        }
    }

    /// Publishes what waits.
    pub(super) async fn flush(&mut self) {
        if let Some(shown) = self.result.take() {
            // More came after it, so it is not the cell's result.
            self.display_now(&shown, None, false).await;
        }
        if let Some((stream, text)) = self.joined.take() {
            self.stream(stream, &text).await;
        }
    }

    /// Publishes the rest, the last result as that of cell `count`, and gives
    /// the result's text. Without a count, as of a cell that failed, results
    /// are displays.
    pub(super) async fn finish(&mut self, count: Option<u64>) -> Option<String> {
        self.draw_made().await;
        let result = if count.is_some() { self.result.take() } else { None };
        self.flush().await;
        self.end_progress(result.is_some()).await;
        if self.dropped > 0 && !std::mem::replace(&mut self.told, true) {
            let notice = format!(
                "{} of output are not shown: a cell shows {} at most. {MORE}\n",
                mib(self.dropped),
                mib(self.limit)
            );
            self.stream(Stream::Stderr, &notice).await;
        }
        let shown = result?;
        let data = pelago_render::bundle(&shown);
        let text = data.get(pelago_render::PLAIN).and_then(Value::as_str).map(str::to_owned);
        let content = json!({ "execution_count": count, "data": self.fitting(data), "metadata": {} });
        self.send("execute_result", content).await;
        text
    }

    async fn text(&mut self, stream: Stream, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(shown) = self.result.take() {
            self.display_now(&shown, None, false).await;
        }
        let fits = text.floor_char_boundary(self.left);
        self.left -= fits;
        self.dropped = self.dropped.saturating_add(text.len() - fits);
        for (stream, text) in self.joined.add(stream, &text[..fits]) {
            self.stream(stream, &text).await;
        }
    }

    async fn display(&mut self, shown: &Shown, id: Option<&str>, update: bool) {
        self.flush().await;
        self.display_now(shown, id, update).await;
    }

    async fn display_now(&mut self, shown: &Shown, id: Option<&str>, update: bool) {
        self.begin_own().await;
        let data = pelago_render::bundle(shown);
        let size = size(&data);
        if size > self.left {
            self.dropped = self.dropped.saturating_add(size);
            return;
        }
        self.left -= size;
        let transient = id.map_or_else(|| json!({}), |id| json!({ "display_id": id }));
        let kind = if update { "update_display_data" } else { "display_data" };
        self.send(kind, json!({ "data": data, "metadata": {}, "transient": transient })).await;
    }

    /// A result of its own is larger than a cell may show: its text says so.
    fn fitting(&self, data: Map<String, Value>) -> Map<String, Value> {
        let size = size(&data);
        if size <= self.limit {
            return data;
        }
        let text = format!(
            "a result of {} is not shown: a cell shows {} at most; start the kernel with a larger --output-limit",
            mib(size),
            mib(self.limit)
        );
        Map::from_iter([(pelago_render::PLAIN.to_owned(), text.into())])
    }

    /// Shows what a model has made by now, in the place of what it had before. The text counts once against the limit.
    async fn draw_made(&mut self) {
        let Some((id, text, new, update)) = self.made.draw(Instant::now()) else { return };
        self.begin_own().await;
        self.left = self.left.saturating_sub(new);
        let kind = if update { "update_display_data" } else { "display_data" };
        let data = json!({ pelago_render::PLAIN: text });
        self.send(kind, json!({ "data": data, "metadata": {}, "transient": { "display_id": id } })).await;
    }

    async fn draw_progress(&mut self, now: Instant) {
        if let Some((kind, content)) = self.progress.draw(now) {
            self.send(kind, content).await;
        }
    }

    /// Before output of the cell's own. What the session told alone is cleared
    /// then: a saved notebook would keep an empty display.
    async fn begin_own(&mut self) {
        if !std::mem::replace(&mut self.has_own, true) && self.progress.end().is_some() {
            self.send("clear_output", json!({ "wait": true })).await;
        }
    }

    /// At the end of the cell, which may have a result to come.
    async fn end_progress(&mut self, has_result: bool) {
        let Some(id) = self.progress.end() else { return };
        if self.has_own {
            let empty = json!({ "data": {}, "metadata": {}, "transient": { "display_id": id } });
            self.send("update_display_data", empty).await;
        } else {
            self.send("clear_output", json!({ "wait": has_result })).await;
        }
    }

    async fn stream(&mut self, stream: Stream, text: &str) {
        self.begin_own().await;
        self.send("stream", json!({ "name": stream.name(), "text": text })).await;
    }

    async fn send(&self, kind: &'static str, content: Value) {
        if !self.silent {
            self.publisher.send(kind, content).await;
        }
    }
}

/// Bytes of a bundle, near enough: JSON other than text is counted as it is written.
fn size(data: &Map<String, Value>) -> usize {
    let contents = data.values().map(|value| value.as_str().map_or_else(|| value.to_string().len(), str::len));
    contents.fold(MESSAGE, usize::saturating_add)
}

fn mib(bytes: usize) -> String {
    let tenths = bytes / ((1 << 20) / 10);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}
