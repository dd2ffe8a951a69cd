//! Folders of published models, as they were reported.

use std::path::{Path, PathBuf};

use pelago_tests::fixture;
use serde_json::Value;

/// A published model in a folder of its own, and what it is to give.
pub(crate) struct Case {
    pub(crate) folder: PathBuf,
    pub(crate) texts: Vec<String>,
    /// One vector a text; `None` where the model is to be refused.
    pub(crate) expected: Option<Vec<Vec<f32>>>,
}

/// Makes the folder: own files, and those that the case shares with the base.
pub(crate) fn case(name: &str, into: &Path) -> Case {
    let source = fixture("published").join(name);
    let json: Value = serde_json::from_slice(&std::fs::read(source.join("case.json")).unwrap()).unwrap();
    let mut folder = into.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let own = source.join("files");
    if own.is_dir() {
        copy(&own, &folder);
    }
    let cache = json["hub_cache"].as_bool().unwrap_or(false);
    if cache {
        std::fs::create_dir_all(folder.join("blobs")).unwrap();
        folder = folder.join("snapshots").join("0".repeat(40));
        std::fs::create_dir_all(&folder).unwrap();
    }
    for (path, base) in json["base"].as_object().unwrap() {
        let bytes = std::fs::read(fixture("published/00_base/files").join(base.as_str().unwrap())).unwrap();
        let to = folder.join(path);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        if cache {
            // What `snapshot_download` leaves: each file is a link to a blob.
            std::fs::write(folder.join("../../blobs").join(path), bytes).unwrap();
            std::os::unix::fs::symlink(format!("../../blobs/{path}"), &to).unwrap();
        } else {
            std::fs::write(to, bytes).unwrap();
        }
    }
    Case {
        folder,
        texts: serde_json::from_value(json["texts"].clone()).unwrap(),
        expected: serde_json::from_value(json["expected"].clone()).unwrap(),
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub(crate) fn names() -> Vec<String> {
    let entries = std::fs::read_dir(fixture("published")).unwrap().map(|entry| entry.unwrap());
    let mut names = entries.map(|entry| entry.file_name().into_string().unwrap()).collect::<Vec<_>>();
    names.sort();
    names
}
