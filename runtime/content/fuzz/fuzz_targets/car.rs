//! A CAR file of any bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(init: pelago_content::fuzzing::sow("car"), |data: &[u8]| {
    pelago_content::fuzzing::car(data);
});
