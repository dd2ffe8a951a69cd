//! A dag-pb node of any bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pelago_content::fuzzing::node(data));
