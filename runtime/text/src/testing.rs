//! The published cases in `tests/fixtures`: small models with the ids and vectors that the reference gives.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Files;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/published")
}

/// A case's texts and what they give.
pub(crate) fn case(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder().join(name).join("case.json")).unwrap()).unwrap()
}

/// All files of a case, those of the base among them.
pub(crate) fn files(name: &str) -> Files {
    let mut found = Vec::new();
    let own = folder().join(name).join("files");
    list(&own, &own, &mut found);
    for (path, base) in case(name)["base"].as_object().into_iter().flatten() {
        let bytes = std::fs::read(folder().join("00_base/files").join(base.as_str().unwrap())).unwrap();
        found.push((path.clone(), bytes));
    }
    Files::from_iter(found)
}

fn list(root: &Path, folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list(root, &path, found);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            found.push((name, std::fs::read(&path).unwrap()));
        }
    }
}

/// Rows of numbers.
pub(crate) fn floats(json: &Value) -> Vec<Vec<f32>> {
    serde_json::from_value(json.clone()).unwrap()
}
