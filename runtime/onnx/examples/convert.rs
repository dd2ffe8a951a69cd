//! Converts a model: `convert FOLDER MODEL.onnx RECIPE.json OUTPUT-FOLDER NAME`.
//! A folder without an ONNX file has its graph built.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for trying things out")]

use std::{collections::BTreeMap, io, path::Path, time::Instant};

use pelago_onnx::{
    files::{Files, Folder},
    graph::{BuildOptions, build},
    precision::{Destination, Recipe, convert},
};

struct WithGraph(Folder, BTreeMap<String, Vec<u8>>);

impl Files for WithGraph {
    fn size(&self, file: &str) -> io::Result<u64> {
        self.1.get(file).map_or_else(|| self.0.size(file), |bytes| Ok(bytes.len() as u64))
    }

    fn read(&self, file: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        match self.1.get(file) {
            Some(bytes) => Ok(bytes[offset as usize..offset as usize + length].to_vec()),
            None => self.0.read(file, offset, length),
        }
    }
}

fn main() {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let [folder, model, recipe, output, name] = arguments.as_slice() else { panic!("five arguments") };
    let folder = Folder(folder.into());
    let mut built = BTreeMap::new();
    if folder.size(model).is_err() {
        built.insert(model.clone(), build(&folder, &BuildOptions::default()).unwrap().onnx);
    }
    let files = WithGraph(folder, built);
    let recipe = Recipe::from_json(recipe).unwrap();
    std::fs::create_dir_all(output).unwrap();
    let start = Instant::now();
    let summary = convert(&files, model, &recipe, Destination::new(Path::new(output), name)).unwrap_or_else(|error| {
        println!("{error}");
        std::process::exit(1)
    });
    let seconds = start.elapsed().as_secs_f64();
    println!("{}", serde_json::to_string_pretty(&summary).unwrap());
    let speed = summary.bytes_before as f64 / seconds / 1e6;
    println!("{} -> {} bytes in {seconds:.3} s, {speed:.0} MB/s", summary.bytes_before, summary.bytes_after);
}
