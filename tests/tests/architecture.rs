//! The crates depend on what ARCHITECTURE.md says, and on nothing that it forbids.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// A row of the table.
struct Row {
    folder: String,
    uses: BTreeSet<String>,
    never: Vec<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The table under the heading `Crates`, by the crates' names.
fn table() -> BTreeMap<String, Row> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let section = text.split("## Crates").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let list =
        |cell: &str| cell.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect();
    let rows = rows.map(|line| {
        let cells = line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect::<Vec<_>>();
        let [folder, name, _, uses, never] = cells[..] else { panic!("five columns: {line}") };
        let uses: Vec<String> = list(uses);
        let uses = uses.into_iter().map(|word| format!("pelago-{word}")).collect();
        let folder = folder.trim_end_matches('/').to_owned();
        (name.to_owned(), Row { folder, uses, never: list(never) })
    });
    rows.collect()
}

fn output(command: &mut Command) -> String {
    let output = command.current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Of this platform alone: packages of others need not be here.
fn metadata() -> Value {
    let version = output(Command::new("rustc").arg("-vV"));
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned();
    let mut cargo = Command::new(env!("CARGO"));
    let arguments = ["metadata", "--format-version", "1", "--offline", "--locked", "--filter-platform", &host];
    serde_json::from_str(&output(cargo.args(arguments))).unwrap()
}

/// Names of the packages that a package is compiled with, by its id: what tests alone use is left out.
fn used(metadata: &Value) -> BTreeMap<&str, Vec<&str>> {
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let of_tests =
        |dependency: &Value| dependency["dep_kinds"].as_array().unwrap().iter().all(|it| it["kind"] == "dev");
    let mut found = BTreeMap::new();
    for node in nodes {
        let ids = node["deps"].as_array().unwrap().iter().filter(|dependency| !of_tests(dependency));
        found.insert(node["id"].as_str().unwrap(), ids.map(|dependency| dependency["pkg"].as_str().unwrap()).collect());
    }
    found
}

#[test]
fn crates_depend_on_what_the_architecture_says() {
    let (table, metadata) = (table(), metadata());
    let used = used(&metadata);
    let packages = metadata["packages"].as_array().unwrap();
    let name = |id: &str| packages.iter().find(|package| package["id"] == id).unwrap()["name"].as_str().unwrap();
    let mut wrong = Vec::new();
    for member in metadata["workspace_members"].as_array().unwrap() {
        let id = member.as_str().unwrap();
        let package = packages.iter().find(|package| package["id"] == id).unwrap();
        let folder = Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap();
        let folder = folder.strip_prefix(root()).unwrap().display().to_string();
        if folder == "tests" || folder.starts_with("tests/") {
            continue;
        }
        let Some(row) = table.get(name(id)) else {
            wrong.push(format!("{} has no row", name(id)));
            continue;
        };
        if row.folder != folder {
            wrong.push(format!("{} is in {folder}, and its row says {}", name(id), row.folder));
        }
        let direct = used[id].iter().map(|id| name(id)).filter(|name| name.starts_with("pelago-"));
        let direct = direct.map(str::to_owned).collect::<BTreeSet<_>>();
        for more in direct.difference(&row.uses) {
            wrong.push(format!("{} depends on {more}, which its row does not name", name(id)));
        }
        for less in row.uses.difference(&direct) {
            wrong.push(format!("{} does not depend on {less}, which its row names", name(id)));
        }
        let (mut all, mut left) = (BTreeSet::new(), vec![id]);
        while let Some(id) = left.pop() {
            if all.insert(id) {
                left.extend(&used[id]);
            }
        }
        let all = all.into_iter().map(name).collect::<BTreeSet<_>>();
        for never in row.never.iter().filter(|never| all.contains(never.as_str())) {
            wrong.push(format!("{} has {never}, which its row forbids", name(id)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
