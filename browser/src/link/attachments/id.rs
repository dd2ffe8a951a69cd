//! The name of one attachment: unguessable, so that knowing it is a right.

use std::{fmt, str::FromStr};

use rand::{TryRngCore, rngs::OsRng};

use crate::link::FrameError;

/// 128 bits from the operating system; 32 hexadecimal digits in text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttachmentId(u128);

/// A text that is not 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an attachment's id is 32 hexadecimal digits")]
pub struct NotAnId;

impl AttachmentId {
    /// # Errors
    /// [`FrameError::Random`].
    pub(crate) fn draw() -> Result<Self, FrameError> {
        let mut bytes = [0; 16];
        OsRng.try_fill_bytes(&mut bytes).map_err(|error| FrameError::Random { message: error.to_string() })?;
        Ok(Self(u128::from_le_bytes(bytes)))
    }
}

impl fmt::Display for AttachmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for AttachmentId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        // `from_str_radix` would take a sign and fewer digits.
        let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = is_hex.then(|| u128::from_str_radix(text, 16).ok()).flatten();
        number.map(Self).ok_or(NotAnId)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure here is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text_and_nothing_else_is_one() {
        let id = AttachmentId::draw().unwrap();
        assert_ne!(id, AttachmentId::draw().unwrap());
        assert_eq!(id.to_string().len(), 32);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("0".repeat(32).parse(), Ok(AttachmentId(0)));
        for text in ["", "0", &"0".repeat(31), &"0".repeat(33), &format!("+{}", "0".repeat(31)), &"g".repeat(32)] {
            assert_eq!(text.parse::<AttachmentId>(), Err(NotAnId), "{text}");
        }
    }
}
