//! An IPNS address or record of any bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(init: pelago_content::fuzzing::sow("record"), |data: &[u8]| {
    pelago_content::fuzzing::record(data);
});
