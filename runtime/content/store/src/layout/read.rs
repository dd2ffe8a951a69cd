//! Bytes of an extent.

use std::fs::File;

use bytes::Bytes;
use pelago_dag::buffer::Buffer;
use rustix::buffer::spare_capacity;

/// Reads as much as is there: a short read shows in the hash.
pub(crate) fn read_at(file: &File, offset: u64, length: u64) -> std::io::Result<Bytes> {
    let length = length as usize;
    // Not set to zero first: that would be another pass over every byte.
    let mut buffer = Buffer::with_capacity(length);
    while buffer.len() < length {
        let at = offset + buffer.len() as u64;
        match rustix::io::pread(file, spare_capacity(&mut *buffer), at) {
            Ok(0) => break,
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    // The buffer may be larger than what was asked for.
    buffer.truncate(length);
    Ok(buffer.into_bytes())
}
