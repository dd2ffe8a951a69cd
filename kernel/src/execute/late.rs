//! What threads of a cell print after that cell ended.
//!
//! Jupyter shows a message in the cell whose request is its parent, so this
//! output appears in the cell that started the thread: also when that cell is
//! idle again, and while another one runs. It keeps no cell busy. The task ends
//! when the last sender is gone, so a cell that started no thread costs none.
//! The threads of a silent cell are as silent as the cell; those of a client's
//! expressions print into the cell that the expressions came with.

use pelago_cells::interpreter::Event;
use tokio::sync::mpsc;

use super::output::Output;
use super::until;

/// Events that may wait to be published. Threads that are further ahead wait.
const EVENTS: usize = 64;

/// A channel for one cell.
pub(super) fn channel() -> (mpsc::Sender<Event>, mpsc::Receiver<Event>) {
    mpsc::channel(EVENTS)
}

/// Publishes what comes, in a task of its own. `output` is that of the cell,
/// which has ended: its limit holds for the threads too.
pub(super) fn publish(output: Output, coming: mpsc::Receiver<Event>) {
    if !(coming.is_closed() && coming.is_empty()) {
        tokio::spawn(publishing(output, coming));
    }
}

async fn publishing(mut output: Output, mut coming: mpsc::Receiver<Event>) {
    loop {
        let due = output.due();
        tokio::select! {
            event = coming.recv() => match event {
                Some(event) => output.take_late(event).await,
                None => break,
            },
            () = until(due) => output.tick().await,
        }
    }
    output.flush().await;
}

#[cfg(test)]
mod tests {
    use pelago_render::{MediaBundle, Shown};
    use serde_json::json;

    use super::*;
    use crate::sockets::{Iopub, Published};

    const LIMIT: usize = 4096;

    /// The output of a cell that has ended, and what is published.
    async fn ended(silent: bool) -> (Output, Published) {
        let (iopub, published) = Iopub::for_test();
        let mut output = Output::new(iopub.about(&header("cell")), LIMIT, silent);
        output.take(Event::Stdout("of the cell\n".to_owned())).await;
        output.finish(Some(1)).await;
        (output, published)
    }

    fn header(id: &str) -> jupyter_protocol::Header {
        serde_json::from_value(json!({
            "msg_id": id, "username": "test", "session": "test", "date": "2026-01-01T00:00:00Z",
            "msg_type": "execute_request", "version": "5.4",
        }))
        .unwrap()
    }

    fn stdout(text: impl Into<String>) -> Event {
        Event::Stdout(text.into())
    }

    /// Waits until no task is left but this one.
    async fn all_ended() {
        let metrics = tokio::runtime::Handle::current().metrics();
        while metrics.num_alive_tasks() > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn it_is_the_cells_that_started_the_thread_and_is_joined() {
        let (output, mut published) = ended(false).await;
        assert_eq!(published.stream().await, ("cell".to_owned(), "stdout".to_owned(), "of the cell\n".to_owned()));
        let (late, coming) = channel();
        publish(output, coming);
        for text in ["a", "b\n", "c"] {
            late.send(stdout(text)).await.unwrap();
        }
        assert_eq!(published.stream().await, ("cell".to_owned(), "stdout".to_owned(), "ab\nc".to_owned()));
        // After a while, and on the other stream.
        late.send(Event::Stderr("d\n".to_owned())).await.unwrap();
        late.send(stdout("e")).await.unwrap();
        drop(late);
        assert_eq!(published.stream().await, ("cell".to_owned(), "stderr".to_owned(), "d\n".to_owned()));
        assert_eq!(published.stream().await, ("cell".to_owned(), "stdout".to_owned(), "e".to_owned()));
        all_ended().await;
        assert!(published.is_empty());
    }

    #[tokio::test]
    async fn a_display_of_a_thread_is_shown_and_a_question_is_refused() {
        let (output, mut published) = ended(false).await;
        published.stream().await;
        let (late, coming) = channel();
        publish(output, coming);
        let (reply, answer) = tokio::sync::oneshot::channel();
        let question = pelago_cells::interpreter::InputRequest { prompt: "?".to_owned(), password: false, reply };
        late.send(Event::Input(question)).await.unwrap();
        assert!(answer.await.is_err(), "nobody can be asked");
        let bundle = MediaBundle([("text/plain".to_owned(), "shown".to_owned())].into());
        late.send(Event::Result(Shown::Media(bundle))).await.unwrap();
        let (kind, content) = published.next().await;
        assert_eq!((kind.as_str(), &content["data"]), ("display_data", &json!({"text/plain": "shown"})));
    }

    #[tokio::test]
    async fn the_limit_of_the_cell_holds_and_is_told_once() {
        let (output, mut published) = ended(false).await;
        published.stream().await;
        let (late, coming) = channel();
        publish(output, coming);
        for _ in 0..100 {
            late.send(stdout("x".repeat(100))).await.unwrap();
        }
        drop(late);
        all_ended().await;
        let (mut shown, mut notices) = (0, Vec::new());
        while !published.is_empty() {
            let (_, name, text) = published.stream().await;
            if name == "stderr" { notices.push(text) } else { shown += text.len() }
        }
        assert_eq!(shown, LIMIT - "of the cell\n".len());
        assert_eq!(notices.len(), 1, "{notices:?}");
        assert!(notices[0].contains("--output-limit"), "{notices:?}");
    }

    #[tokio::test]
    async fn the_threads_of_a_silent_cell_are_as_silent() {
        let (output, published) = ended(true).await;
        let (late, coming) = channel();
        publish(output, coming);
        for _ in 0..1000 {
            late.send(stdout("nobody reads it\n")).await.unwrap();
        }
        drop(late);
        all_ended().await;
        assert!(published.is_empty());
    }

    #[tokio::test]
    async fn thousands_of_cells_leave_nothing_behind() {
        let (iopub, mut published) = Iopub::for_test();
        let mut threads = Vec::new();
        for number in 0..3000 {
            let (late, coming) = channel();
            // Every tenth cell has a thread that goes on.
            if number % 10 == 0 {
                threads.push((number, late));
            } else {
                drop(late);
            }
            publish(Output::new(iopub.about(&header(&number.to_string())), LIMIT, false), coming);
        }
        let metrics = tokio::runtime::Handle::current().metrics();
        assert_eq!(metrics.num_alive_tasks(), threads.len(), "cells without threads have no task");
        for (number, late) in threads {
            late.send(stdout("on\n")).await.unwrap();
            drop(late);
            assert_eq!(published.stream().await.0, number.to_string());
        }
        all_ended().await;
    }
}
