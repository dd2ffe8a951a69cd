//! A content address of any text.

#![no_main]

libfuzzer_sys::fuzz_target!(init: pelago_content::fuzzing::sow("cid"), |data: &[u8]| {
    pelago_content::fuzzing::cid(data);
});
