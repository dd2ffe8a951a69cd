//! Models between machines, as `pelago model` moves them: one home serves, others
//! fetch, run, check and pass them on.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use pelago_protocol::{PhaseName, Phases};
use pelago_tests::fixture;
use pelago_tests::lab::pelago;
use serde_json::Value;

/// A machine: a home of its own, and whom it asks.
struct Machine {
    home: tempfile::TempDir,
    sources: Vec<String>,
}

impl Machine {
    fn new(sources: &[&str]) -> Self {
        let sources = sources.iter().map(|source| (*source).to_owned()).collect();
        Self { home: tempfile::tempdir().unwrap(), sources }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(pelago());
        command.env_remove("PELAGO_SOURCES").arg("--home").arg(self.home.path());
        for source in &self.sources {
            command.args(["--source", source]);
        }
        command.args(arguments);
        command
    }

    /// The objects on stdout, and the exit code.
    fn json(&self, arguments: &[&str]) -> (Vec<Value>, Option<i32>) {
        let output = self.command(arguments).arg("--json").output().unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        let objects =
            lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
        (objects.collect(), output.status.code())
    }

    /// The one object of a command that must succeed.
    fn one(&self, arguments: &[&str]) -> Value {
        let (mut objects, code) = self.json(arguments);
        assert_eq!((objects.len(), code), (1, Some(0)), "{arguments:?}: {objects:?}");
        objects.remove(0)
    }

    fn serve(&self, options: &[&str]) -> Served {
        let mut command = self.command(&["model", "serve", "--listen", "127.0.0.1:0", "--json"]);
        let mut child = command.args(options).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        Served { child, address: said["serving"].as_str().unwrap().to_owned() }
    }
}

/// A machine that serves, until it is dropped.
struct Served {
    child: Child,
    address: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        // One that ended already is no error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A machine that has the tiny model, and its CID.
fn origin() -> (Machine, String) {
    let origin = Machine::new(&[]);
    let added = origin.one(&["model", "add", fixture("models/bert").to_str().unwrap(), "--name", "tiny"]);
    (origin, added["cid"].as_str().unwrap().to_owned())
}

fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn a_model_that_a_peer_serves_runs_and_the_report_says_where_it_came_from() {
    let (origin, cid) = origin();
    let served = origin.serve(&[]);
    let other = Machine::new(&[&format!("peer={}", served.address)]);

    let run = ["accelerate", cid.as_str(), "the quick brown fox", "--platform", "wasm", "--browser", "chrome"];
    let first = other.one(&run);
    let report = &first["report"];
    assert_eq!((&report["ipfs_cache_hit"], &report["ipfs_source"]), (&false.into(), &"p2p".into()), "{report}");
    assert!(report["bytes"]["p2p"].as_u64().unwrap() > 100_000 && report["bytes"]["ipfs"] == 0, "{report}");
    assert!(report["ipfs_load_time"].as_f64().unwrap() > 0.0);
    assert_eq!(report["p2p_optimized"], false, "there was one peer to choose from");

    // From now on it is here, whether the peer is or not.
    drop(served);
    let second = other.one(&run);
    assert_eq!(second["output"], first["output"]);
    let report = &second["report"];
    assert_eq!((&report["ipfs_cache_hit"], &report["ipfs_source"]), (&true.into(), &"cache".into()), "{report}");
    assert_eq!(report["bytes"]["p2p"], 0);
}

#[test]
fn a_cell_fetches_names_and_runs_a_model_and_says_how_it_came() {
    let (origin, cid) = origin();
    let served = origin.serve(&[]);
    let other = Machine::new(&[&format!("peer={}", served.address)]);
    let code = format!(
        ":model get {cid} --name mine\n\n\
         let m = model(\"mine\")?;\n\
         assert_eq!((m.cid(), m.fetched_bytes()), (\"{cid}\", 0));\n\
         let run = m.accelerate(\"the quick brown fox\").platform(Wasm).browser(Chrome).run()?;\n\
         println!(\"{{:?}} {{}} files\", run.output().shape(), m.files()?.height());\n\
         m\n\n\
         :model list\n\
         :model history mine\n"
    );
    let output = other.command(&["-c", &code]).output().unwrap();
    let (shown, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{shown}\n{said}");
    let wanted = ["fetched ", "/s", "[1, 32] 8 files", "name    mine", "family  text_embedding", "ipfs://"];
    for wanted in wanted {
        assert!(shown.contains(wanted), "{wanted:?} is missing in {shown}\n{said}");
    }
    assert!(shown.contains(&format!("peer {}", served.address)), "{shown}");
    let third = Machine::new(&[&format!("peer={}", served.address)]);
    let output = third.command(&["-c", &format!("model(\"{cid}\")?.fetched_bytes() > 100_000")]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("true"), "{output:?}");
}

#[test]
fn a_page_loads_a_model_that_still_comes() {
    let folder = std::env::var("PELAGO_MODEL").expect("PELAGO_MODEL names all-MiniLM-L6-v2: scripts/model.sh");
    let origin = Machine::new(&[]);
    let cid = origin.one(&["model", "add", &folder])["cid"].as_str().unwrap().to_owned();
    // Some five seconds: the page asks before all of it is here.
    let served = origin.serve(&["--upload-limit", "20M"]);
    let other = Machine::new(&[&format!("peer={}", served.address)]);
    let run = other.one(&["accelerate", &cid, "the quick brown fox", "--platform", "wasm", "--browser", "chrome"]);
    let report = &run["report"];
    assert!(report["bytes"]["p2p"].as_u64().unwrap() > 90_000_000, "{report}");
    // One after the other, the parts would have taken longer than the whole did.
    let milliseconds = |value: &Value| value.as_f64().unwrap();
    let phases: Phases = serde_json::from_value(report["phases"].clone()).unwrap();
    let cold = [PhaseName::Open, PhaseName::Fetch, PhaseName::Compile, PhaseName::FirstRun];
    let in_turn =
        milliseconds(&report["ipfs_load_time"]) + cold.map(|name| phases.ms(name).unwrap()).iter().sum::<f64>();
    assert!(in_turn > milliseconds(&report["total_time"]) * 1000.0, "{report}");
    drop(served);
    assert_eq!(other.one(&["model", "verify", &cid])["bytes"], origin.one(&["model", "stat", &cid])["bytes"]);
}

#[test]
fn a_fetched_model_is_named_checked_kept_and_passed_on() {
    let (origin, cid) = origin();
    let served = origin.serve(&["--upload-limit", "50M"]);
    let other = Machine::new(&[&format!("gateway={}", served.address)]);

    let got = other.one(&["model", "get", &format!("ipfs://{cid}"), "--name", "mine"]);
    assert_eq!((&got["name"], &got["cid"], &got["cache_hit"]), (&"mine".into(), &cid.as_str().into(), &false.into()));
    assert_eq!(got["sources"][0]["kind"], "gateway");
    assert_eq!(got["sources"][0]["bytes"], got["fetched_bytes"]);
    assert_eq!(other.one(&["model", "get", "mine"])["cache_hit"], true);
    let whole = other.one(&["model", "verify", "mine"]);
    assert_eq!(whole["bytes"], other.one(&["model", "stat", "mine"])["bytes"]);

    // A part of it is content of its own.
    let part = Machine::new(&[&format!("peer={}", served.address)]);
    let got = part.one(&["model", "get", &format!("{cid}/config.json")]);
    assert!(got["cid"] != cid.as_str() && got["files"] == 1, "{got}");

    other.one(&["model", "pin", "mine"]);
    assert_eq!(other.one(&["model", "stat", "mine"])["pinned"], true);
    let (refused, code) = other.json(&["model", "remove", "mine"]);
    assert!(code != Some(0) && refused[0]["error"]["message"].as_str().unwrap().contains("pinned"), "{refused:?}");
    other.one(&["model", "unpin", "mine"]);

    // As a CAR file to a machine without any source.
    let car = other.home.path().join("model.car");
    let written = other.one(&["model", "export", &cid, car.to_str().unwrap()]);
    assert_eq!(written["bytes"], bytes(&car).len());
    let third = Machine::new(&[]);
    let read = third.one(&["model", "import", car.to_str().unwrap(), "--name", "again"]);
    assert_eq!((&read["cid"], &read["blocks"]), (&cid.as_str().into(), &written["blocks"]));
    assert_eq!(third.one(&["model", "show", "again"])["cid"], cid.as_str());

    // One that is cut short leaves nothing.
    let whole = bytes(&car);
    std::fs::write(&car, &whole[..whole.len() - 10]).unwrap();
    let fourth = Machine::new(&[]);
    let (refused, code) = fourth.json(&["model", "import", car.to_str().unwrap()]);
    assert_eq!((refused[0]["error"]["code"].as_str(), code), (Some("network"), Some(1)), "{refused:?}");
    assert_eq!(fourth.one(&["model", "gc"])["fetches"], 0);
    assert_ne!(fourth.json(&["model", "verify", &cid]).1, Some(0));
}

const TOKEN: &str = "a-token-that-our-machines-share";

#[test]
fn another_machine_holds_a_model_when_it_is_asked_to() {
    let (origin, cid) = origin();
    let served = origin.serve(&[]);
    let holder = Machine::new(&[]);
    let holding = holder.serve(&["--hold", "--domain", "cellar", "--replica-token", TOKEN]);
    let (to, gateway) = (format!("peer={}", holding.address), served.address.clone());
    let order = ["model", "replicate", "tiny", "--to", &to, "--gateway", &gateway, "--replica-token"];
    let with = |token: &str, more: &[&str]| origin.json(&[&order[..], &[token], more].concat());

    let (refused, code) = with("another-token-than-theirs", &[]);
    assert_ne!(code, Some(0), "{refused:?}");
    let (ordered, code) = with(TOKEN, &[]);
    assert_eq!(code, Some(0), "{ordered:?}");
    let mut found = Value::Null;
    for _ in 0..100 {
        found = with(TOKEN, &["--status"]).0.remove(0);
        if found["held"] == 1 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!((&found["held"], &found["replicas"][0]["state"]), (&1.into(), &"held".into()), "{found}");

    // It is there for others, also when its origin is gone.
    drop(served);
    let third = Machine::new(&[&format!("peer={}", holding.address)]);
    assert_eq!(third.one(&["model", "get", &cid, "--name", "again"])["cache_hit"], false);
    let (removed, code) = with(TOKEN, &["--remove"]);
    assert_eq!((removed[0]["removed"].as_str(), code), (Some(cid.as_str()), Some(0)), "{removed:?}");
}

#[test]
fn who_announces_itself_is_found() {
    let (origin, cid) = origin();
    let _served = origin.serve(&["--announce"]);
    let other = Machine::new(&[]);
    let (objects, code) = other.json(&["--discover=machine", "model", "get", &cid, "--name", "found"]);
    assert_eq!(code, Some(0), "{objects:?}");
    assert_eq!((&objects[0]["cache_hit"], &objects[0]["sources"][0]["kind"]), (&false.into(), &"peer".into()));
    // Nobody is searched for who was not asked for.
    assert_ne!(Machine::new(&[]).json(&["model", "get", &cid]).1, Some(0));
}

#[test]
fn a_name_goes_back_to_what_it_stood_for() {
    let (machine, first) = origin();
    let other = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture("models/bert")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), other.path().join(entry.file_name())).unwrap();
        }
    }
    std::fs::write(other.path().join("README.md"), "another version").unwrap();
    let second = machine.one(&["model", "add", other.path().to_str().unwrap(), "--name", "tiny"]);
    assert_ne!(second["cid"], first.as_str());
    let (history, _) = machine.json(&["model", "history", "tiny"]);
    let cids: Vec<_> = history.iter().map(|entry| entry["cid"].as_str().unwrap()).collect();
    assert_eq!(cids, [second["cid"].as_str().unwrap(), &first]);

    assert_eq!(machine.one(&["model", "rollback", "tiny"])["cid"], first.as_str());
    assert_eq!(machine.one(&["model", "show", "tiny"])["cid"], first.as_str());
    let (refused, code) = machine.json(&["model", "rollback", "tiny", "--steps", "9"]);
    assert!(code == Some(1) && refused[0]["error"]["message"].as_str().unwrap().contains("has stood for 3"));
}

#[test]
fn what_nobody_has_and_nobody_may_be_asked_for_is_told() {
    let absent = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
    let error = |machine: &Machine, arguments: &[&str]| {
        let (objects, code) = machine.json(arguments);
        assert_eq!(code, Some(1), "{objects:?}");
        let said = objects[0]["error"].clone();
        format!("{} {}", said["message"].as_str().unwrap(), said["help"].as_str().unwrap())
    };
    let alone = Machine::new(&[]);
    for arguments in [&["model", "get", absent][..], &["accelerate", absent, "x"]] {
        let said = error(&alone, arguments);
        assert!(said.contains(absent) && said.contains("--source"), "{said}");
    }
    let (origin, _) = origin();
    let served = origin.serve(&[]);
    let asking = Machine::new(&[&format!("peer={}", served.address)]);
    let said = error(&asking, &["model", "get", absent]);
    assert!(said.contains(&served.address) && said.contains("does not have the block"), "{said}");

    let open = origin.command(&["model", "serve", "--listen", "0.0.0.0:0"]).output().unwrap();
    assert!(!open.status.success() && String::from_utf8_lossy(&open.stderr).contains("loopback"), "{open:?}");
}
