//! Interrupts that come when no part of a cell runs.

use std::time::Duration;

use tokio::sync::mpsc;

use super::*;
use crate::commands::tests::lab;

/// The second answer waits for a slow front end when the interrupt comes: it is told, and the third part does not run.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_between_two_parts_of_a_cell_is_not_lost() {
    let home = tempfile::tempdir().unwrap();
    let interpreter = Arc::new(Interpreter::open(lab::options(home.path())).await.unwrap());
    let (sender, mut events) = mpsc::channel(1);
    let running = {
        let (interpreter, sender) = (Arc::clone(&interpreter), sender.clone());
        tokio::spawn(async move {
            interpreter.execute(":models\n:models\n:models", &ExecuteOptions::default(), &sender).await
        })
    };
    while sender.capacity() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    interpreter.interrupt();
    drop(sender);
    let mut answers = 0;
    while events.recv().await.is_some() {
        answers += 1;
    }
    let ended = running.await.unwrap();
    assert!(ended.is_err_and(|error| error.name == "Interrupted"), "the cell says that it was interrupted");
    assert!(answers < 3, "{answers} parts were run");
}
