//! A content address of any text.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pelago_content::fuzzing::cid(data));
