//! Buffers of blocks, used again. A block is a megabyte that lives for some
//! milliseconds: taken from the allocator each time, it would be given back to
//! the system and come from there again page by page.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use crate::BLOCK_MAX;

/// Buffers that are kept for the next who needs one.
const KEPT: usize = 12;
/// Smaller ones are the allocator's business, bytes.
const LEAST: usize = 128 << 10;
/// Capacities are multiples of this, so that a buffer fits the next block too, bytes.
const STEP: usize = 64 << 10;

static FREE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// A buffer that goes back when it, or the last of its [`Bytes`], is dropped.
#[derive(Debug, Default)]
pub struct Buffer(Vec<u8>);

impl Buffer {
    /// An empty buffer with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        if bytes < LEAST {
            return Self(Vec::with_capacity(bytes));
        }
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        // Not one that is much too large: whoever keeps the bytes keeps all of it.
        let fits = |buffer: &Vec<u8>| (bytes..=2 * bytes).contains(&buffer.capacity());
        match free.iter().rposition(fits) {
            Some(at) => Self(free.swap_remove(at)),
            None => {
                drop(free);
                Self(Vec::with_capacity(bytes.next_multiple_of(STEP)))
            }
        }
    }

    /// What is in it. No copy.
    pub fn into_bytes(mut self) -> Bytes {
        if self.0.capacity() < LEAST { std::mem::take(&mut self.0).into() } else { Bytes::from_owner(self) }
    }
}

impl Deref for Buffer {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if !(LEAST..=2 * BLOCK_MAX as usize).contains(&self.0.capacity()) {
            return;
        }
        let mut buffer = std::mem::take(&mut self.0);
        buffer.clear();
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_holds_what_was_written_and_nothing_of_before() {
        for round in 0..3u8 {
            let mut buffer = Buffer::with_capacity(1 << 20);
            assert!(buffer.is_empty() && buffer.capacity() >= 1 << 20);
            buffer.extend_from_slice(&[round; 1000]);
            let bytes = buffer.into_bytes();
            let part = bytes.slice(10..20);
            drop(bytes);
            assert_eq!(part, [round; 10][..]);
        }
        assert_eq!(Buffer::default().into_bytes(), Bytes::new());
    }
}
