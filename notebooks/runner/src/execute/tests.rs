//! What threads print after their cells ended, sent by hand.

use pelago_render::Shown;

use super::super::notebook::Output;
use super::*;

fn executing(cells: u64) -> Executing {
    let mut outputs = Outputs::default();
    (1..=cells).for_each(|count| outputs.begin(count));
    Executing { outputs, late: Late::default(), reports: Vec::new() }
}

fn stdout(text: &str) -> Event {
    Event::Stdout(text.to_owned())
}

fn shown(ran: Ran) -> Vec<Vec<String>> {
    let plain = |output: Output| match output {
        Output::Stream { name, text } => format!("{name}: {text}"),
        Output::Display { data } => format!("display: {}", data["text/plain"]),
        Output::Result { data, .. } => format!("result: {}", data["text/plain"]),
        Output::Error { name, .. } => format!("error: {name}"),
        Output::Unknown(value) => value.to_string(),
    };
    let outputs = ran.results.into_iter().map(|executed| executed.unwrap_or_default().outputs);
    outputs.map(|outputs| outputs.into_iter().map(plain).collect()).collect()
}

#[tokio::test]
async fn late_output_belongs_to_its_cell() {
    let mut executing = executing(3);
    let first = executing.late.sender(0);
    let second = executing.late.sender(1);
    let ended = executing.late.sender(2);
    executing.outputs.take(0, stdout("in time\n"));
    executing.outputs.take(1, Event::Result(Shown::Text("5".to_owned())));
    executing.outputs.fail(2, &CellError::new("Panic", "oh"));
    first.send(stdout("late\n")).await.unwrap();
    drop(ended);
    // While the session closes, more comes than a channel holds.
    let close = async move {
        for _ in 0..2 * 256 {
            first.send(stdout(".")).await.unwrap();
        }
        second.send(Event::Stderr("warning\n".to_owned())).await.unwrap();
        // What is there when the session is closed counts too.
        second.try_send(stdout("last\n")).unwrap();
    };
    let outputs = shown(executing.settle(close).await);
    assert_eq!(outputs[0], [format!("stdout: in time\nlate\n{}", ".".repeat(512))]);
    assert_eq!(outputs[1], ["result: \"5\"", "stdout: last\n", "stderr: warning\n"]);
    assert_eq!(outputs[2], ["error: Panic"]);
}

#[tokio::test]
async fn a_late_update_changes_what_is_shown() {
    let mut executing = executing(3);
    let display =
        |text: &str, update| Event::Display { shown: Shown::Text(text.to_owned()), id: Some("bar".to_owned()), update };
    executing.outputs.take(0, display("0 %", false));
    executing.outputs.take(2, display("0 %", false));
    let sender = executing.late.sender(1);
    sender.send(display("100 %", true)).await.unwrap();
    let outputs = shown(executing.settle(async {}).await);
    assert_eq!(outputs, [vec!["display: \"100 %\""], vec![], vec!["display: \"100 %\""]]);
}

#[tokio::test]
async fn a_notebook_without_threads_waits_for_nobody() {
    let mut executing = executing(1);
    drop(executing.late.sender(0));
    assert_eq!(shown(executing.settle(async {}).await), [Vec::<String>::new()]);
}
