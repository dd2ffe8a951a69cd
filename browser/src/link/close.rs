//! Why a socket was closed, as the WebSocket close code that the other side
//! sees. A page reopens its socket after any code that is not [`is_final`].
//!
//! [`is_final`]: CloseReason::is_final

use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};

/// A close code of this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// 4000: the host is done with this page.
    Done,
    /// 4001: the page speaks another version of the protocol.
    WrongVersion,
    /// 4002: the first message was not a `hello`, or did not come in time.
    NoHello,
    /// 4003: the token belongs to another page, or the page was reloaded and needs a new invitation.
    NotInvited,
    /// 4004: a message that cannot be read, and that names no request.
    Malformed,
    /// 4005: nothing was heard for too long.
    Silent,
    /// 4006: the same page opened a newer socket.
    Replaced,
    /// 1009: a message over the size limit.
    TooLarge,
}

impl CloseReason {
    /// The close code.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::Done => 4000,
            Self::WrongVersion => 4001,
            Self::NoHello => 4002,
            Self::NotInvited => 4003,
            Self::Malformed => 4004,
            Self::Silent => 4005,
            Self::Replaced => 4006,
            Self::TooLarge => 1009,
        }
    }

    /// Whether a page that sees this code must not open another socket.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::WrongVersion | Self::NoHello | Self::NotInvited | Self::Replaced)
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Done => "the host is done with this page",
            Self::WrongVersion => "page and host speak different versions: reload the page from this host",
            Self::NoHello => "the first message must be a hello, in time",
            Self::NotInvited => "this token belongs to another page: a reloaded page needs a new invitation",
            Self::Malformed => "a message could not be read",
            Self::Silent => "nothing was heard for too long",
            Self::Replaced => "a newer socket of this page took over",
            Self::TooLarge => "a message was over the size limit",
        }
    }

    pub(crate) fn frame(self) -> CloseFrame {
        CloseFrame { code: CloseCode::from(self.code()), reason: self.text().into() }
    }
}
