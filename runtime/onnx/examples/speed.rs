//! Prints how fast weights are quantised on one core.

#![allow(clippy::print_stdout, reason = "it is what it is for")]

fn main() {
    for speed in pelago_onnx::precision::speed::measure() {
        println!("{:<32} {:6.0} MB/s", speed.name, speed.megabytes);
    }
}
