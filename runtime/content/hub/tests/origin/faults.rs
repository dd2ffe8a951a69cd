//! What a hub refuses, and what of a hub is refused.

use std::time::Duration;

use bytes::Bytes;
use expect_test::{Expect, expect};
use pelago_hub::{Address, Origin, OriginError, OriginOptions, Selection};
use serde_json::json;

use super::hub::{Fault, Hub, blob, noise};
use super::{MIB, expected, fetch, files, model};

const ONE: &str = "hf://org/name/model.safetensors";
const RESOLVE: &str = "/org/name/resolve/0123456789abcdef0123456789abcdef01234567/config.json";

/// Fetches, and says why not, with ports written as `PORT` and `STORAGE`.
async fn said(hub: &Hub, options: OriginOptions, address: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let error = fetch(&Origin::new(options).unwrap(), address, dir.path()).await.unwrap_err();
    let left = files(&dir.path().join("files"));
    assert!(left.is_empty(), "{:?}", left.keys());
    let text = error.to_string().replace(&hub.address, "HUB").replace(&hub.storage, "STORAGE");
    assert!(!text.contains("secret"), "{text}");
    text
}

async fn check(hub: &Hub, address: &str, expected: &Expect) {
    expected.assert_eq(&said(hub, hub.options(), address).await);
}

#[tokio::test]
async fn a_wrong_byte_is_refused_and_deleted() {
    let hub = Hub::start(&model()).await;
    let sha = super::sha256(&model()[3].1);
    hub.fault("/model.safetensors", [Fault::WrongByte(2 * MIB)]);
    let text = said(&hub, hub.options(), ONE).await;
    assert!(text.starts_with("model.safetensors is damaged: its SHA-256 is ") && text.contains(&sha), "{text}");
    hub.fault(RESOLVE, [Fault::WrongByte(3)]);
    let text = said(&hub, hub.options(), "hf://org/name/config.json").await;
    assert!(text.starts_with("config.json is damaged: its git blob SHA-1 is "), "{text}");
    // Nothing of it is gone on with.
    let dir = tempfile::tempdir().unwrap();
    hub.fault("/model.safetensors", [Fault::WrongByte(2 * MIB)]);
    hub.seen();
    fetch(&hub.origin(), ONE, dir.path()).await.unwrap_err();
    let staged = fetch(&hub.origin(), ONE, dir.path()).await.unwrap();
    assert_eq!(files(&staged.folder)["model.safetensors"], model()[3].1);
    assert!(hub.transfers().iter().all(|t| t.range.is_none()));
}

#[tokio::test]
async fn what_is_not_there_has_a_hint() {
    let hub = Hub::start(&model()).await;
    check(&hub, "hf://org/nmae", &expect!["there is no repository org/nmae on http://HUB/: check owner and name; a private or gated one needs a token that may read it"]).await;
    check(
        &hub,
        "hf://org/name@v10",
        &expect![[r#"there is no revision "v10" of the repository org/name on http://HUB/: the nearest is "v1.0""#]],
    )
    .await;
    check(&hub, "hf://org/name/onnx/modell.onnx", &expect![[r#"there is no file or folder "onnx/modell.onnx" in hf://org/name@0123456789abcdef0123456789abcdef01234567: the nearest is "onnx/model.onnx""#]]).await;
}

#[tokio::test]
async fn gated_and_private_ones_say_what_to_do() {
    let hub = Hub::start(&model()).await;
    let api = "/api/models/org/name/revision/main";
    let with = |status, code: &str, message: &str| {
        Fault::Status(status, vec![("x-error-code", code.to_owned()), ("x-error-message", message.to_owned())])
    };
    hub.fault(api, [with(401, "RepoNotFound", "Invalid username or password.")]);
    check(&hub, "hf://org/name", &expect![[r#"http://HUB/api/models/org/name/revision/main refuses access (401, "Invalid username or password."): there is no such repository, or it is private: check the name, or give a token"#]]).await;
    hub.fault(RESOLVE, [with(403, "GatedRepo", "Access to model org/name is restricted.")]);
    check(&hub, "hf://org/name/config.json", &expect![[r#"http://HUB/org/name/resolve/0123456789abcdef0123456789abcdef01234567/config.json refuses access (403, "Access to model org/name is restricted."): ask for access on the model's page, then give a token of that account"#]]).await;
    hub.fault(api, [Fault::Status(401, vec![])]);
    check(&hub, "hf://org/name", &expect!["http://HUB/api/models/org/name/revision/main refuses access (401): check the name, and give a token that may read it"]).await;
}

#[tokio::test]
async fn a_busy_hub_is_asked_again_but_not_for_ever() {
    let hub = Hub::start(&model()).await;
    let dir = tempfile::tempdir().unwrap();
    let api = "/api/models/org/name/revision/main";
    let busy = |status, wait: &str| Fault::Status(status, vec![("retry-after", wait.to_owned())]);
    hub.fault(api, [busy(429, "0"), busy(503, "0"), Fault::Status(500, vec![])]);
    hub.fault("/model.safetensors", [busy(429, "0"), Fault::Status(502, vec![])]);
    let staged = fetch(&hub.origin(), "hf://org/name", dir.path()).await.unwrap();
    assert_eq!(files(&staged.folder), expected(&hub));
    hub.seen();

    hub.fault(api, std::iter::repeat_n(Fault::Status(429, vec![]), 9));
    check(
        &hub,
        "hf://org/name",
        &expect![
            "http://HUB/api/models/org/name/revision/main answers 429: run it again later, it goes on where it stopped"
        ],
    )
    .await;
    assert_eq!(hub.seen().len(), 5);
    hub.content.lock().unwrap().faults.clear();
    // Whoever asks for an hour is not asked again.
    hub.fault(api, [busy(429, "3600")]);
    check(&hub, "hf://org/name", &expect!["http://HUB/api/models/org/name/revision/main answers 429 and asks to wait 3600 s: run it again later, it goes on where it stopped"]).await;
    assert_eq!(hub.seen().len(), 1);
}

#[tokio::test]
async fn the_wait_that_is_asked_for_is_waited() {
    let hub = Hub::start(&[("config.json", Bytes::from("{}"), false)]).await;
    let api = "/api/models/org/name/revision/main";
    hub.fault(api, [Fault::Status(429, vec![("ratelimit", r#""api";r=0;t=1"#.to_owned())])]);
    let dir = tempfile::tempdir().unwrap();
    let began = std::time::Instant::now();
    fetch(&hub.origin(), "hf://org/name", dir.path()).await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_hub_that_hangs_is_left() {
    let hub = Hub::start(&model()).await;
    let mut options = hub.options();
    (options.answer, options.floor_window, options.tries) = (Duration::from_millis(300), Duration::from_millis(300), 2);
    hub.fault("/api/models/org/name/revision/main", [Fault::Silence, Fault::Silence]);
    let text = said(&hub, options.clone(), ONE).await;
    expect!["http://HUB/api/models/org/name/revision/main did not answer within 0.3 s: run it again, it goes on where it stopped"].assert_eq(&text);
    hub.fault("/model.safetensors", [Fault::Hang(100), Fault::Hang(100)]);
    // The answers before it may take as long as a busy machine needs.
    options.answer = Duration::from_secs(30);
    let text = said(&hub, options, ONE).await;
    expect!["http://STORAGE/model.safetensors sent 100 bytes in 0.3 s, fewer than 16384: run it again later, it goes on where it stopped"].assert_eq(&text);
}

#[tokio::test]
async fn headers_that_tell_of_another_file_are_refused() {
    let hub = Hub::start(&model()).await;
    let set = |name, value: &str| Fault::Headers(vec![(name, value.to_owned())]);
    let path = "/org/name/resolve/0123456789abcdef0123456789abcdef01234567/model.safetensors";
    hub.fault(path, [set("x-repo-commit", "f00")]);
    check(&hub, ONE, &expect![[r#"model.safetensors is not what was listed: commit "f00", expected "0123456789abcdef0123456789abcdef01234567"; run it again to list it anew"#]]).await;
    hub.fault(path, [set("x-linked-size", "5")]);
    check(
        &hub,
        ONE,
        &expect![[
            r#"model.safetensors is not what was listed: length "5", expected "3145745"; run it again to list it anew"#
        ]],
    )
    .await;
    hub.fault(path, [set("x-linked-etag", "\"abc\"")]);
    let text = said(&hub, hub.options(), ONE).await;
    assert!(text.starts_with("model.safetensors is not what was listed: hash \"abc\", expected "), "{text}");
    hub.fault("/model.safetensors", [set("content-encoding", "gzip")]);
    check(&hub, ONE, &expect![[r#"http://STORAGE/model.safetensors gave an answer that is not understood: its bytes are encoded as "gzip", though that was not asked for"#]]).await;
    // The storage has another file of that name.
    hub.fault("/model.safetensors", [Fault::Redirect(format!("http://{}/onnx/model.onnx", hub.storage))]);
    check(&hub, ONE, &expect![[r#"model.safetensors is not what was listed: length "2097152", expected "3145745"; run it again to list it anew"#]]).await;
}

#[tokio::test]
async fn a_commit_is_what_was_asked_for() {
    let hub = Hub::start(&model()).await;
    let asked = "a".repeat(40);
    hub.fault(
        &format!("/api/models/org/name/revision/{asked}"),
        [Fault::Redirect("/api/models/org/name/revision/main".to_owned())],
    );
    check(&hub, &format!("hf://org/name@{asked}"), &expect![[r#"hf://org/name is not what was listed: commit "0123456789abcdef0123456789abcdef01234567", expected "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"; run it again to list it anew"#]]).await;
    hub.content.lock().unwrap().commit = "main; rm -rf".to_owned();
    check(&hub, "hf://org/name", &expect![[r#"http://HUB/api/models/org/name/revision/main gave an answer that is not understood: the commit is "main; rm -rf", 40 hex digits were expected"#]]).await;
}

#[tokio::test]
async fn listings_that_mean_harm_are_refused() {
    let hub = Hub::start(&model()).await;
    let list = |value| hub.content.lock().unwrap().listing = Some(value);
    let file = |path: &str| json!({ "type": "file", "path": path, "size": 2, "oid": blob(b"{}") });
    list(json!([file("config.json"), file("../../etc/cron.d/x")]));
    check(&hub, "hf://org/name", &expect![[r#"the origin has a file named "../../etc/cron.d/x", which is refused (it would leave the folder): leave it out by a pattern, or tell its owner"#]]).await;
    list(json!([file("config.json"), file("CONFIG.json")]));
    check(
        &hub,
        "hf://org/name",
        &expect![[
            r#""config.json" and "CONFIG.json" cannot lie in one folder on every system: leave one out by a pattern"#
        ]],
    )
    .await;
    list(json!([{ "type": "file", "path": "config.json", "size": 2, "oid": "xyz" }]));
    check(&hub, "hf://org/name", &expect![[r#"http://HUB/api/models/org/name/tree/0123456789abcdef0123456789abcdef01234567 gave an answer that is not understood: the hash of "config.json" is "xyz", hex digits were expected"#]]).await;
    list(json!({ "error": "no" }));
    check(&hub, "hf://org/name", &expect!["http://HUB/api/models/org/name/tree/0123456789abcdef0123456789abcdef01234567 gave an answer that is not understood: invalid type: map, expected a sequence at line 1 column 0"]).await;
    list(json!([]));
    check(
        &hub,
        "hf://org/name",
        &expect![
            "no file of hf://org/name@0123456789abcdef0123456789abcdef01234567 is wanted by the patterns; it has none"
        ],
    )
    .await;
    list(
        json!([{ "type": "file", "path": "a.json", "size": u64::MAX, "oid": blob(b"") }, { "type": "file", "path": "b.json", "size": u64::MAX, "oid": blob(b"") }]),
    );
    check(&hub, "hf://org/name", &expect!["hf://org/name@0123456789abcdef0123456789abcdef01234567 has 18446744073709551615 bytes, more than the limit of 1099511627776: take less by patterns, or raise the limit"]).await;
}

#[tokio::test]
async fn pages_that_lead_in_a_circle_end() {
    let hub = Hub::start(&model()).await;
    let tree = "/api/models/org/name/tree/0123456789abcdef0123456789abcdef01234567";
    let link = format!("<http://{}{tree}?recursive=true>; rel=\"next\"", hub.address);
    hub.fault(tree, [Fault::Headers(vec![("link", link)])]);
    check(&hub, "hf://org/name", &expect!["http://HUB/api/models/org/name/tree/0123456789abcdef0123456789abcdef01234567 gave an answer that is not understood: its pages lead in a circle"]).await;
}

#[tokio::test]
async fn limits_hold_before_a_byte_is_fetched() {
    let hub = Hub::start(&model()).await;
    let mut options = hub.options();
    options.bytes_max = 4 * MIB as u64;
    expect!["hf://org/name@0123456789abcdef0123456789abcdef01234567 has 5242922 bytes, more than the limit of 4194304: take less by patterns, or raise the limit"].assert_eq(&said(&hub, options, "hf://org/name").await);
    let mut options = hub.options();
    options.files_max = 5;
    expect!["hf://org/name@0123456789abcdef0123456789abcdef01234567 has 6 files, more than the limit of 5: take less by patterns, or raise the limit"].assert_eq(&said(&hub, options, "hf://org/name").await);
    assert!(!hub.seen().iter().any(|s| s.path.contains("/resolve/")));
}

#[tokio::test]
async fn a_folder_with_other_things_is_left_alone() {
    let hub = Hub::start(&model()).await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("thesis.tex"), "years of work").unwrap();
    let error = fetch(&hub.origin(), "hf://org/name", dir.path()).await.unwrap_err();
    assert!(matches!(&error, OriginError::Staging { found, .. } if found == "thesis.tex"), "{error}");
    assert_eq!(files(dir.path()).len(), 1);
}

#[tokio::test]
async fn a_full_disk_keeps_what_came() {
    let outer = tempfile::tempdir().unwrap();
    let mount = |options: &str| {
        let run = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(outer.path())
            .output();
        run.is_ok_and(|r| r.status.success())
    };
    if !mount("size=2m") {
        eprintln!("a tmpfs cannot be mounted here (that needs root): not tried");
        return;
    }
    let hub = Hub::start(&[("model.safetensors", noise(4, 5 * MIB), true)]).await;
    let folder = outer.path().join("staging");
    let first = fetch(&hub.origin(), ONE, &folder).await;
    let grown = mount("remount,size=20m");
    let second = fetch(&hub.origin(), ONE, &folder).await;
    let brought = second.as_ref().map(|staged| files(&staged.folder) == expected(&hub));
    let unmounted = std::process::Command::new("umount").arg("-l").arg(outer.path()).status().unwrap();
    assert!(grown && unmounted.success());
    assert!(matches!(first, Err(OriginError::NoSpace { .. })), "{first:?}");
    assert!(brought.unwrap());
    assert!(second.unwrap().network_bytes < 4 * MIB as u64);
}

#[tokio::test]
async fn what_is_printed_has_no_secret() {
    let hub = Hub::start(&model()).await;
    let origin = hub.origin();
    assert!(!format!("{origin:?}").contains("secret"));
    let address = Address::parse("hf://org/name").unwrap();
    // The signature in the storage's address is one, too.
    hub.fault("/model.safetensors", std::iter::repeat_n(Fault::Break(0), 9));
    let dir = tempfile::tempdir().unwrap();
    let error = origin.fetch(&address, dir.path(), &Selection::default(), |_| {}).await.unwrap_err();
    assert!(matches!(error, OriginError::Connection { .. }));
    assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
}
