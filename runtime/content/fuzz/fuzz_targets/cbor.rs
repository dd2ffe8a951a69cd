//! A DAG-CBOR block of any bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(init: pelago_content::fuzzing::sow("cbor"), |data: &[u8]| {
    pelago_content::fuzzing::cbor(data);
});
