//! A message of the page with the messages that follow it. A large tensor of an
//! answer is a message of its own: the page need not copy it behind the header,
//! and the host keeps it as it comes.

use bytes::Bytes;
use pelago_protocol::{Header, Tensor, TensorHeader};

use super::{FrameError, frame};

/// A message of which tensors may be missing.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) header: Header,
    body: Bytes,
    /// Those that followed so far.
    followed: Vec<Bytes>,
}

/// Why a message cannot be read, and the request that it answers, where that much of it can be.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) id: Option<u64>,
    pub(super) error: FrameError,
}

impl From<FrameError> for Unreadable {
    fn from(error: FrameError) -> Self {
        let id = if let FrameError::Header { id, .. } = &error { *id } else { None };
        Self { id, error }
    }
}

impl Incoming {
    /// Reads the message itself. With what follows it may have `limit` bytes.
    ///
    /// # Errors
    /// As [`frame::split`]; [`FrameError::Following`], [`FrameError::TooLarge`].
    pub(super) fn read(message: &Bytes, limit: usize) -> Result<Self, Unreadable> {
        let (header, body) = frame::split(message)?;
        let id = Some(header.id);
        let mut size = message.len();
        let mut next = 0;
        for &index in &header.following {
            let tensor = header.tensors.get(index).filter(|tensor| index >= next && tensor.offset == 0);
            let Some(tensor) = tensor else {
                return Err(Unreadable { id, error: FrameError::Following { index, count: header.tensors.len() } });
            };
            size = size.saturating_add(tensor.byte_length);
            next = index + 1;
        }
        if size > limit {
            return Err(Unreadable { id, error: FrameError::TooLarge { size, limit } });
        }
        Ok(Self { header, body, followed: Vec::new() })
    }

    /// Whether nothing has to follow any more.
    pub(super) fn is_whole(&self) -> bool {
        self.followed.len() >= self.header.following.len()
    }

    /// Takes the next message: the bytes of a tensor.
    ///
    /// # Errors
    /// [`FrameError::FollowingLength`].
    pub(super) fn follow(mut self, message: Bytes) -> Result<Self, Unreadable> {
        let due = self.header.following.get(self.followed.len()).and_then(|index| self.header.tensors.get(*index));
        match due {
            Some(TensorHeader { name, byte_length, .. }) if *byte_length != message.len() => {
                let (name, expected, actual) = (name.clone(), *byte_length, message.len());
                let error = FrameError::FollowingLength { name, expected, actual };
                Err(Unreadable { id: Some(self.header.id), error })
            }
            _ => {
                self.followed.push(message);
                Ok(self)
            }
        }
    }

    /// The tensors, in their order.
    ///
    /// # Errors
    /// As [`frame::tensors`].
    pub(super) fn tensors(self) -> Result<Vec<Tensor>, FrameError> {
        let Self { header: Header { tensors, following, .. }, body, followed } = self;
        let follows = |index: usize| following.contains(&index);
        let inside = tensors.iter().enumerate().filter(|(index, _)| !follows(*index));
        frame::check_overlap(inside.map(|(_, tensor)| tensor))?;
        let mut followed = followed.into_iter();
        let tensors = tensors.into_iter().enumerate().map(|(index, header)| {
            if !follows(index) {
                return frame::tensor(header, &body);
            }
            let TensorHeader { name, dtype, shape, .. } = header;
            Ok(Tensor::new(name, dtype, shape, followed.next().unwrap_or_default())?)
        });
        tensors.collect()
    }
}
