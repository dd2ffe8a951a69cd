//! The prelude's sources as the analyser reads them, which tells the types of
//! variables and completes.
//!
//! Of the 250 crates below the prelude it needs the few whose types cells see;
//! to read all of them takes many seconds of every start. So each of the few
//! gets a manifest of its own that names the features it was built with and only
//! its neighbours among them; its sources are links to where cargo put them.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::CellsError;
use super::toolchain::Tools;

/// Crates beside Polars' own whose types cells see.
const SEEN: &[&str] = &["pelago-cell", "pelago-prelude", "pelago-protocol", "bytes", "chrono", "num-traits"];

/// Polars' own whose types cells do not see: engines and file formats.
const INSIDE: &[&str] = &[
    "polars-arrow-format",
    "polars-async",
    "polars-compute",
    "polars-config",
    "polars-expr",
    "polars-json",
    "polars-mem-engine",
    "polars-ooc",
    "polars-parquet",
    "polars-parquet-format",
    "polars-row",
    "polars-sql",
    "polars-stream",
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    edition: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    name: String,
    src_path: PathBuf,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    features: Vec<String>,
    deps: Vec<Dep>,
}

#[derive(Deserialize)]
struct Dep {
    name: String,
    pkg: String,
}

/// Writes the crates into `folder`, one below it each, named as they are.
pub(super) fn write(prelude: &Path, folder: &Path, tools: &Tools) -> Result<(), CellsError> {
    let failed = |source| CellsError::Folder { path: folder.to_owned(), source };
    let output = tools
        .environment
        .command(&tools.cargo)
        .args(["metadata", "--format-version=1", "--filter-platform", &tools.target, "--manifest-path"])
        .arg(prelude.join("Cargo.toml"))
        .env("RUSTC", &tools.rustc)
        .output()
        .map_err(failed)?;
    if !output.status.success() {
        return Err(CellsError::Link { detail: String::from_utf8_lossy(&output.stderr).trim().to_owned() });
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout).map_err(|error| failed(io::Error::other(error)))?;
    let nodes: HashMap<&str, &Node> = metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    // Of two versions of a crate the one that Polars uses is the newer one.
    let kept: BTreeMap<&str, &Package> = metadata
        .packages
        .iter()
        .filter(|package| is_seen(&package.name))
        .map(|each| (each.id.as_str(), each))
        .collect();
    for package in kept.values() {
        let Some(node) = nodes.get(package.id.as_str()) else { continue };
        crate_of(package, node, &kept, folder).map_err(failed)?;
    }
    Ok(())
}

fn is_seen(name: &str) -> bool {
    (name == "polars" || name.starts_with("polars-") || SEEN.contains(&name)) && !INSIDE.contains(&name)
}

/// The folder of a crate: two versions have two.
fn place(package: &Package) -> String {
    if package.name.starts_with("pelago") {
        package.name.clone()
    } else {
        format!("{}-{}", package.name, package.version)
    }
}

fn crate_of(package: &Package, node: &Node, kept: &BTreeMap<&str, &Package>, folder: &Path) -> io::Result<()> {
    let library = package.targets.iter().find(|target| target.kind.iter().any(|kind| kind == "lib" || kind == "rlib"));
    let (Some(library), Some(root)) = (library, package.manifest_path.parent()) else { return Ok(()) };
    let at = folder.join(place(package));
    std::fs::create_dir_all(&at)?;
    let Package { name, version, edition, .. } = package;
    let mut manifest = format!(
        "[package]\nname = {name:?}\nversion = {version:?}\nedition = {edition:?}\nautobins = false\nautotests = false\n\
         autobenches = false\nautoexamples = false\nbuild = false\n\n[lib]\nname = {:?}\npath = {:?}\n\n[features]\ndefault = {:?}\n",
        library.name,
        library.src_path.strip_prefix(root).unwrap_or(&library.src_path),
        node.features.iter().filter(|feature| *feature != "default").collect::<Vec<_>>(),
    );
    for feature in node.features.iter().filter(|feature| *feature != "default") {
        let _ = writeln!(manifest, "{feature:?} = []");
    }
    manifest.push_str("\n[dependencies]\n");
    for dep in &node.deps {
        if let Some(neighbour) = kept.get(dep.pkg.as_str()) {
            let (path, package) = (folder_of(neighbour), &neighbour.name);
            let _ = writeln!(manifest, "{:?} = {{ path = {path:?}, package = {package:?} }}", dep.name);
        }
    }
    std::fs::write(at.join("Cargo.toml"), manifest)?;
    // What lies beside the sources is included by some of them.
    for entry in std::fs::read_dir(root)?.flatten() {
        let name = entry.file_name();
        let skipped =
            ["Cargo.toml", "Cargo.lock", "target", "tests", "benches", "examples"].iter().any(|other| name == *other);
        if !skipped {
            std::os::unix::fs::symlink(entry.path(), at.join(name))?;
        }
    }
    Ok(())
}

fn folder_of(package: &Package) -> String {
    format!("../{}", place(package))
}
