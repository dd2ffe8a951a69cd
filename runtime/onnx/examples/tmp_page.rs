//! tmp
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "tmp")]
use pelago_onnx::{files::Folder, graph::{GenerationOptions, build_decoder_in}, read::{Length, facts}};
fn main() {
    let a: Vec<String> = std::env::args().skip(1).collect();
    let [folder, out, name, context, capacity] = a.as_slice() else { panic!() };
    let capacity: usize = capacity.parse().unwrap();
    let options = GenerationOptions { context: context.parse().unwrap(), capacity: (capacity > 0).then_some(capacity), ..GenerationOptions::default() };
    let d = build_decoder_in(&Folder(folder.into()), "", &options).unwrap();
    std::fs::write(format!("{out}/{name}.onnx"), &d.model.onnx).unwrap();
    let found = facts(&Folder(out.into()), &format!("{name}.onnx")).unwrap();
    let inputs = found.inputs.iter().map(|i| serde_json::json!({"name": i.name, "shape": i.shape.iter().map(|l| match l { Length::Fixed(l) => serde_json::json!(l), Length::Symbol(n) => serde_json::json!(n) }).collect::<Vec<_>>()})).collect::<Vec<_>>();
    let all = serde_json::json!({"facts": {"inputs": inputs, "integer_nodes": found.integer_nodes, "other_nodes": found.other_nodes}, "weights": format!("/graphs/{}", d.model.external[0])});
    std::fs::write(format!("{out}/{name}.json"), all.to_string()).unwrap();
    println!("{:?}", d.generation);
}
