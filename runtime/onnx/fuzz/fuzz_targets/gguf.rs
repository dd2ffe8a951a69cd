//! A GGUF file of any bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(init: pelago_onnx::fuzzing::sow("gguf"), |data: &[u8]| {
    let _ = pelago_onnx::fuzzing::gguf(data);
});
