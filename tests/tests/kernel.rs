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
async fn what_waits_behind_a_cell_that_left_by_an_interrupt_is_aborted() {
    let home = tempfile::tempdir().unwrap();
    let mut kernel = Kernel::start(home.path(), Transport::IPC).await;
    let leaves = r#"println!("on"); while !interrupted() { std::thread::yield_now() } println!("left");"#;
    for (stop_on_error, expected) in [(true, ["ok", "aborted", "aborted"]), (false, ["ok", "ok", "ok"])] {
        let options = json!({"stop_on_error": stop_on_error});
        let first = kernel.send("execute_request", execute(leaves, options.clone())).await;
        for number in [2, 3] {
            kernel.send("execute_request", execute(&format!("println!(\"ran {number}\");"), options.clone())).await;
        }
        while kernel.published().await.content["text"] != "on\n" {}
        assert_eq!(kernel.ask_control("interrupt_request", json!({})).await.content["status"], "ok");
        let published = kernel.until_last(&first).await;
        let texts: Vec<_> = published.iter().map(|message| &message.content["text"]).collect();
        assert_eq!(texts, ["left\n"], "what it shows after the interrupt is kept");
        for status in expected {
            let reply = kernel.reply().await;
            assert_eq!(reply.content["status"], status, "stop_on_error {stop_on_error}: {reply:?}");
        }
        let (reply, published) = kernel.run("println!(\"later\");").await;
        assert_eq!((&reply["status"], &published[1].content["text"]), (&json!("ok"), &json!("later\n")));
    }
    kernel.shut_down().await;
}

#[tokio::test]
async fn what_an_expression_of_the_client_prints_is_the_cells() {
    let home = tempfile::tempdir().unwrap();
    let mut kernel = Kernel::start(home.path(), Transport::IPC).await;
    let expressions = json!({"user_expressions": {"sum": "println!(\"adding\"); 1 + 1", "wrong": "nothing_such"}});
    let (reply, published) = kernel.run_with("println!(\"cell\");", expressions).await;
    assert_eq!(reply["user_expressions"]["sum"]["data"], json!({"text/plain": "2"}));
    assert_eq!(reply["user_expressions"]["wrong"]["ename"], "CompileError");
    let texts = published.iter().filter(|message| message.kind == "stream").map(|message| &message.content["text"]);
    assert_eq!(texts.collect::<Vec<_>>(), ["cell\n", "adding\n"]);
    kernel.shut_down().await;
}

/// What Tab offers at the `|` of a text, and where it would stand, in code points.
async fn offered(kernel: &mut Kernel, text: &str) -> (Vec<String>, [u64; 2]) {
    let cursor = text.chars().position(|c| c == '|').unwrap();
    let asked = json!({"code": text.replacen('|', "", 1), "cursor_pos": cursor});
    let (reply, _) = kernel.ask("complete_request", asked).await;
    let matches = reply.content["matches"].as_array().unwrap().iter().map(|found| found.as_str().unwrap().to_owned());
    let place = ["cursor_start", "cursor_end"].map(|name| reply.content[name].as_u64().unwrap());
    (matches.collect(), place)
}

#[tokio::test]
async fn tab_offers_what_one_would_type() {
    let home = tempfile::tempdir().unwrap();
    let mut kernel = Kernel::start(home.path(), Transport::IPC).await;
    let (reply, _) = kernel.run("let mut alpha_one = vec![String::from(\"é\")]; let größe = 3_u8;").await;
    assert_eq!(reply["status"], "ok", "{reply}");

    // The only thing that begins so, and where its word stands.
    for (text, expected) in [
        ("alpha_one.pu|", "push("),
        ("alpha_one.is_emp|", "is_empty()"),
        ("alpha_one.swap_rem|", "swap_remove("),
        ("printl|", "println!("),
        ("println!(\"{}\", alpha_on|", "alpha_one"),
        ("println!(\"é😀 {}\", alpha_on|", "alpha_one"),
        ("let n = vec![alpha_on|", "alpha_one"),
        ("format!(\"{x} {}\", alpha_one.is_emp|", "is_empty()"),
        ("assert_eq!(alpha_on|", "alpha_one"),
        ("assert_eq!(alpha_on|, 3)", "alpha_one"),
        ("// ²²²\nif true {\n    dbg!(1, alpha_on|\n    let z = 3;\n}", "alpha_one"),
        ("println!(\"{}\", format!(\"{}\", größ|", "größe"),
        ("let mine = 1; println!(\"{}\", min|", "mine"),
    ] {
        let (matches, [start, end]) = offered(&mut kernel, text).await;
        let begun = text.split('|').next().unwrap();
        let word = begun.chars().rev().take_while(|c| c.is_alphanumeric() || *c == '_').count();
        let cursor = begun.chars().count();
        assert!(matches.iter().any(|found| found == expected), "{text}: {matches:?}");
        assert_eq!([start as usize, end as usize], [cursor - word, cursor], "{text}");
    }

    // Nothing that no one asked for, and nothing twice.
    let (matches, _) = offered(&mut kernel, "alpha_one.|").await;
    assert!(
        matches.iter().any(|found| found == "push(") && matches.iter().any(|found| found == "len()"),
        "{matches:?}"
    );
    for found in &matches {
        assert!(!found.contains(").") && !found.contains('$') && !found.contains(", "), "{found} of {matches:?}");
    }
    let mut once = matches.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), matches.len());

    let asked = json!({"code": "println!(\"é {}\", alpha_one.len", "cursor_pos": 30, "detail_level": 0});
    let (reply, _) = kernel.ask("inspect_request", asked).await;
    assert_eq!(reply.content["found"], true, "{reply:?}");
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

#[tokio::test]
async fn streams_and_values_come_in_the_order_in_which_the_program_made_them() {
    let home = tempfile::tempdir().unwrap();
    let mut kernel = Kernel::start(home.path(), Transport::IPC).await;
    let code = "println!(\"1\"); eprintln!(\"2\"); print!(\"3\"); eprint!(\"4\"); println!(\"5\"); display(6); eprintln!(\"7\");\n8";
    for _ in 0..20 {
        let (reply, published) = kernel.run(code).await;
        assert_eq!(reply["status"], "ok", "{reply}");
        let shown = published.iter().filter_map(|message| match message.kind.as_str() {
            "stream" => Some(format!("{}:{}", message.content["name"], message.content["text"])),
            "display_data" | "execute_result" => Some(message.content["data"]["text/plain"].to_string()),
            _ => None,
        });
        let shown: Vec<_> = shown.map(|text| text.replace(['"', '\\'], "")).collect();
        let expected = ["stdout:1n", "stderr:2n", "stdout:3", "stderr:4", "stdout:5n", "6", "stderr:7n", "8"];
        assert_eq!(shown, expected);
    }
    kernel.shut_down().await;
}

/// A line of Rust that starts a thread, which prints a line for each byte that
/// comes through the socket at `path`: the test says when.
fn thread(path: &std::path::Path) -> String {
    format!(
        "let signals = std::os::unix::net::UnixStream::connect({path:?})?;\n\
         std::thread::spawn(move || {{\n\
             for (number, byte) in std::io::Read::bytes(signals).enumerate() {{\n\
                 match byte {{\n\
                     Ok(b'p') => {{ print!(\"part\"); std::io::Write::flush(&mut std::io::stdout()).unwrap(); }}\n\
                     Ok(b'e') => eprintln!(\"error line {{number}}\"),\n\
                     _ => println!(\"line {{number}}\"),\n\
                 }}\n\
             }}\n\
         }});"
    )
}

#[tokio::test]
async fn what_a_thread_prints_after_its_cell_ended_is_that_cells() {
    let home = tempfile::tempdir().unwrap();
    let mut kernel = Kernel::start(home.path(), Transport::IPC).await;
    let path = home.path().join("signals");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let first = kernel.send("execute_request", execute(&thread(&path), json!({}))).await;
    let (mut signals, _) = tokio::task::spawn_blocking(move || listener.accept().unwrap()).await.unwrap();
    assert!(kernel.until_idle(&first).await.iter().all(|message| message.kind == "execute_input"));
    assert_eq!(kernel.reply().await.content["status"], "ok");

    // While nothing runs.
    for (signal, name, text) in
        [(b"l", "stdout", "line 0\n"), (b"e", "stderr", "error line 1\n"), (b"l", "stdout", "line 2\n")]
    {
        std::io::Write::write_all(&mut signals, signal).unwrap();
        let message = kernel.published().await;
        assert_eq!((message.kind.as_str(), message.parent.as_str()), ("stream", first.as_str()), "{message:?}");
        assert_eq!(message.content, json!({"name": name, "text": text}));
    }

    // While another cell runs, whose own output is its own.
    let code = "println!(\"on\"); while !interrupted() { std::thread::yield_now() } println!(\"left\");";
    let second = kernel.send("execute_request", execute(code, json!({}))).await;
    let said = loop {
        let message = kernel.published().await;
        if message.kind == "stream" {
            break message;
        }
    };
    assert_eq!((said.parent.as_str(), &said.content["text"]), (second.as_str(), &json!("on\n")));
    std::io::Write::write_all(&mut signals, b"l").unwrap();
    let said = kernel.published().await;
    assert_eq!((said.parent.as_str(), &said.content["text"]), (first.as_str(), &json!("line 3\n")));
    kernel.ask_control("interrupt_request", json!({})).await;
    let texts: Vec<_> =
        kernel.until_last(&second).await.iter().map(|message| message.content["text"].clone()).collect();
    assert_eq!(texts, ["left\n"]);
    assert_eq!(kernel.reply().await.content["status"], "ok");

    // A line without an end costs the next cell nothing.
    std::io::Write::write_all(&mut signals, b"p").unwrap();
    let said = kernel.published().await;
    assert_eq!((said.parent.as_str(), &said.content["text"]), (first.as_str(), &json!("part")));
    let (reply, published) = kernel.run("\"next\"").await;
    assert_eq!(reply["status"], "ok", "{reply}");
    assert_eq!(published.last().unwrap().content["data"]["text/plain"], "next", "{published:?}");
    assert_eq!(published.last().unwrap().kind, "execute_result");
    kernel.shut_down().await;
}

#[tokio::test]
async fn the_thread_of_a_silent_cell_is_as_silent() {
    let home = tempfile::tempdir().unwrap();
    let mut kernel = Kernel::start(home.path(), Transport::IPC).await;
    let path = home.path().join("signals");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let (reply, published) = kernel.run_with(&thread(&path), json!({"silent": true})).await;
    assert_eq!((&reply["status"], published.len()), (&json!("ok"), 0), "{reply}");
    let (mut signals, _) = listener.accept().unwrap();
    std::io::Write::write_all(&mut signals, b"lle").unwrap();
    let (_, published) = kernel.run("println!(\"mine\"); 1").await;
    let kinds: Vec<_> = published.iter().map(|message| message.kind.as_str()).collect();
    assert_eq!(kinds, ["execute_input", "stream", "execute_result"], "{published:?}");
    assert_eq!(published[1].content["text"], "mine\n");
    kernel.shut_down().await;
}
