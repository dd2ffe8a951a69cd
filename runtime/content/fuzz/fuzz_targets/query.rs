//! A query to the gateway of any text.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pelago_content::fuzzing::query(data));
