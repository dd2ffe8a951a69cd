//! A dag-pb node of any bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(init: pelago_content::fuzzing::sow("node"), |data: &[u8]| {
    pelago_content::fuzzing::node(data);
});
