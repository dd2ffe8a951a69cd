//! A query to the gateway of any text.

#![no_main]

libfuzzer_sys::fuzz_target!(init: pelago_content::fuzzing::sow("query"), |data: &[u8]| {
    pelago_content::fuzzing::query(data);
});
