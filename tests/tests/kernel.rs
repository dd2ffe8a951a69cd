//! The protocol as a client sees it: counts, errors, aborts, silence, history,
//! comms and the end of a kernel.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

mod kernel_client;

use jupyter_protocol::Transport;
use kernel_client::{Kernel, execute};
use serde_json::json;

#[tokio::test]
async fn a_failing_cell_tells_its_error_once_and_in_its_reply() {
    let home = tempfile::tempdir().unwrap();
    let mut kernel = Kernel::start(home.path(), Transport::IPC).await;
    let (reply, published) = kernel.run(":no-such-command").await;
    let kinds: Vec<_> = published.iter().map(|message| message.kind.as_str()).collect();
    assert_eq!(kinds, ["execute_input", "error"]);
    assert_eq!(published[0].content, json!({"code": ":no-such-command", "execution_count": 1}));
    assert_eq!((&reply["status"], &reply["execution_count"]), (&json!("error"), &json!(1)));
    for name in ["ename", "evalue", "traceback"] {
        assert_eq!(reply[name], published[1].content[name]);
    }
    assert_eq!(reply["ename"], "CommandError");
    kernel.shut_down().await;
}

#[tokio::test]
async fn cells_are_counted_from_one_unless_they_are_not_stored() {
    let home = tempfile::tempdir().unwrap();
    let mut kernel = Kernel::start(home.path(), Transport::IPC).await;
    let mut counts = Vec::new();
    for options in [json!({}), json!({"store_history": false}), json!({}), json!({"silent": true}), json!({})] {
        let (reply, published) = kernel.run_with(":help", options.clone()).await;
        assert_eq!(reply["status"], "ok", "{reply}");
        assert_eq!(published.is_empty(), options["silent"] == true, "{published:?}");
        counts.push(reply["execution_count"].as_u64().unwrap());
    }
    assert_eq!(counts, [1, 2, 2, 3, 3]);
    kernel.shut_down().await;
}

#[tokio::test]
async fn what_waits_behind_a_failing_cell_is_aborted_and_the_rest_is_not() {
    let home = tempfile::tempdir().unwrap();
    let mut kernel = Kernel::start(home.path(), Transport::IPC).await;
    let failing = kernel.send("execute_request", execute(":no-such-command", json!({}))).await;
    let waiting = kernel.send("execute_request", execute(":help", json!({}))).await;
    let info = kernel.send("kernel_info_request", json!({})).await;
    let mut ended = Vec::new();
    for _ in 0..3 {
        let reply = kernel.reply().await;
        ended.push((reply.parent, reply.content["status"].as_str().unwrap().to_owned()));
    }
    let expected = [(failing, "error"), (waiting, "aborted"), (info, "ok")];
    assert_eq!(ended, expected.map(|(id, status)| (id, status.to_owned())));
    let (reply, _) = kernel.run(":help").await;
    assert_eq!(reply["status"], "ok", "a cell that was sent later runs");
    kernel.run_with(":no-such-command", json!({"stop_on_error": false})).await;
    kernel.send("execute_request", execute(":no-such-command", json!({"stop_on_error": false}))).await;
    kernel.send("execute_request", execute(":help", json!({}))).await;
    assert_eq!(kernel.reply().await.content["status"], "error");
    assert_eq!(kernel.reply().await.content["status"], "ok");
    kernel.shut_down().await;
}

#[tokio::test]
async fn history_outlives_a_kernel() {
    let home = tempfile::tempdir().unwrap();
    let ask = json!({"hist_access_type": "tail", "n": 10, "output": false, "raw": true});
    let mut kernel = Kernel::start(home.path(), Transport::TCP).await;
    kernel.run(":help").await;
    kernel.run_with(":help sql", json!({"store_history": false})).await;
    kernel.shut_down().await;
    let mut kernel = Kernel::start(home.path(), Transport::TCP).await;
    kernel.run(":no-such-command").await;
    let (reply, _) = kernel.ask("history_request", ask).await;
    assert_eq!(reply.content["history"], json!([[1, 1, ":help"], [2, 1, ":no-such-command"]]));
    kernel.shut_down().await;
}

#[tokio::test]
async fn a_comm_that_nobody_serves_is_closed() {
    let home = tempfile::tempdir().unwrap();
    let mut kernel = Kernel::start(home.path(), Transport::TCP).await;
    let id = kernel.send("comm_open", json!({"comm_id": "c", "target_name": "t", "data": {}})).await;
    let published = kernel.until_idle(&id).await;
    assert_eq!(published.len(), 1);
    assert_eq!((published[0].kind.as_str(), &published[0].content["comm_id"]), ("comm_close", &json!("c")));
    let (reply, _) = kernel.ask("comm_info_request", json!({})).await;
    assert_eq!(reply.content, json!({"status": "ok", "comms": {}}));
    let (reply, _) = kernel.ask("no_such_request", json!({})).await;
    assert_eq!((reply.kind.as_str(), &reply.content["status"]), ("no_such_reply", &json!("error")));
    kernel.shut_down().await;
}
