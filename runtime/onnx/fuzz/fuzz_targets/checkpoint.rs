//! A checkpoint of any bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(init: pelago_onnx::fuzzing::sow("checkpoint"), |data: &[u8]| {
    let _ = pelago_onnx::fuzzing::checkpoint(data);
});
