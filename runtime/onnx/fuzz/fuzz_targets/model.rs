//! An ONNX model of any bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pelago_onnx::fuzzing::model(data));
