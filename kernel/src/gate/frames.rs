//! How large ZeroMQ's messages are, read off their frames as bytes stream by.
//! It keeps no byte of them.
//!
//! ZMTP 3: a greeting of 64 bytes, then frames of a flags byte (1: more frames
//! of the message follow, 2: the length has eight bytes and not one), the length
//! and the body (<https://rfc.zeromq.org/spec/23/>).

const GREETING: u64 = 64;
const MORE: u8 = 1;
const LONG: u8 = 2;

/// What one message may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes of all its frames.
    pub(super) bytes: u64,
    /// Frames.
    pub(super) frames: u32,
}

/// A message that takes more than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLarge {
    /// Bytes that it says it has, as far as it told.
    pub(super) bytes: u64,
    /// Frames, as far as it told.
    pub(super) frames: u32,
}

/// Where in the stream the reader is.
#[derive(Debug)]
pub(super) struct Frames {
    limits: Limits,
    state: State,
    /// Bytes and frames of the message that is coming in.
    bytes: u64,
    frames: u32,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Greeting { left: u64 },
    Flags,
    Length { flags: u8, left: u8, value: u64 },
    Body { flags: u8, left: u64 },
}

impl Frames {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, state: State::Greeting { left: GREETING }, bytes: 0, frames: 0 }
    }

    /// Whether the other side has said at least what it speaks.
    pub(super) fn is_greeted(&self) -> bool {
        !matches!(self.state, State::Greeting { .. })
    }

    /// Looks at the next bytes of the stream, however it is cut.
    pub(super) fn advance(&mut self, mut bytes: &[u8]) -> Result<(), TooLarge> {
        while let Some(first) = bytes.first().copied() {
            let used = match self.state {
                State::Greeting { left } => {
                    let used = left.min(bytes.len() as u64);
                    self.state = if left == used { State::Flags } else { State::Greeting { left: left - used } };
                    used
                }
                State::Flags => {
                    let left = if first & LONG == 0 { 1 } else { 8 };
                    self.state = State::Length { flags: first, left, value: 0 };
                    1
                }
                State::Length { flags, left, value } => {
                    let value = (value << 8) | u64::from(first);
                    if left > 1 {
                        self.state = State::Length { flags, left: left - 1, value };
                    } else {
                        self.frame(flags, value)?;
                    }
                    1
                }
                State::Body { flags, left } => {
                    let used = left.min(bytes.len() as u64);
                    if left == used {
                        self.end(flags);
                    } else {
                        self.state = State::Body { flags, left: left - used };
                    }
                    used
                }
            };
            // `used` is at most the length of `bytes`.
            bytes = bytes.get(usize::try_from(used).unwrap_or(usize::MAX)..).unwrap_or_default();
        }
        Ok(())
    }

    fn frame(&mut self, flags: u8, length: u64) -> Result<(), TooLarge> {
        self.bytes = self.bytes.saturating_add(length);
        self.frames = self.frames.saturating_add(1);
        if self.bytes > self.limits.bytes || self.frames > self.limits.frames {
            return Err(TooLarge { bytes: self.bytes, frames: self.frames });
        }
        if length == 0 {
            self.end(flags)
        } else {
            self.state = State::Body { flags, left: length }
        }
        Ok(())
    }

    fn end(&mut self, flags: u8) {
        if flags & MORE == 0 {
            (self.bytes, self.frames) = (0, 0);
        }
        self.state = State::Flags;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits { bytes: 1000, frames: 4 };

    /// The frames of messages, after a greeting.
    fn stream(messages: &[Vec<Vec<u8>>]) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        for message in messages {
            for (index, frame) in message.iter().enumerate() {
                let more = u8::from(index + 1 < message.len());
                match u8::try_from(frame.len()) {
                    Ok(length) => bytes.extend([more, length]),
                    Err(_) => {
                        bytes.push(more | LONG);
                        bytes.extend((frame.len() as u64).to_be_bytes());
                    }
                }
                bytes.extend(frame);
            }
        }
        bytes
    }

    fn advance(bytes: &[u8], chunk: usize) -> Result<(), TooLarge> {
        let mut frames = Frames::new(LIMITS);
        bytes.chunks(chunk.max(1)).try_for_each(|chunk| frames.advance(chunk))
    }

    #[test]
    fn a_length_that_no_memory_holds_is_refused_before_its_body() {
        let mut bytes = stream(&[]);
        bytes.push(LONG);
        bytes.extend((u64::MAX / 4).to_be_bytes());
        assert_eq!(advance(&bytes, 7), Err(TooLarge { bytes: u64::MAX / 4, frames: 1 }));
    }

    #[test]
    fn the_greeting_is_waited_for() {
        let mut frames = Frames::new(LIMITS);
        frames.advance(&[0xff; 63]).unwrap();
        assert!(!frames.is_greeted());
        frames.advance(&[0; 1]).unwrap();
        assert!(frames.is_greeted());
    }

    proptest! {
        #[test]
        fn a_stream_is_refused_where_a_message_is_too_large_however_it_is_cut(
            messages in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 0..700), 1..6), 0..5),
            chunk in 1_usize..900,
        ) {
            let fits = messages.iter().all(|message| {
                message.len() <= 4 && message.iter().map(Vec::len).sum::<usize>() <= 1000
            });
            prop_assert_eq!(advance(&stream(&messages), chunk).is_ok(), fits);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..500), chunk in 1_usize..100) {
            let _ = advance(&bytes, chunk);
        }
    }
}
