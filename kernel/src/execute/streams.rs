//! Text of stdout and stderr, joined into few messages.

use std::time::{Duration, Instant};

/// How long text may wait for more.
const WAIT: Duration = Duration::from_millis(15);
/// Bytes of one message.
const JOINED: usize = 64 << 10;

/// Which stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// Text of one stream that waits to be sent.
#[derive(Debug, Default)]
pub(super) struct Joined {
    waiting: Option<(Stream, String, Instant)>,
}

impl Joined {
    /// Adds text; gives back what must be sent first, in order.
    pub(super) fn add(&mut self, stream: Stream, text: &str) -> Vec<(Stream, String)> {
        let mut ready = Vec::new();
        if self.waiting.as_ref().is_some_and(|(waiting, ..)| *waiting != stream) {
            ready.extend(self.take());
        }
        let mut rest = text;
        while !rest.is_empty() {
            let (_, joined, _) = self.waiting.get_or_insert_with(|| (stream, String::new(), Instant::now() + WAIT));
            // A character that does not fit goes whole, so there is always a step forward.
            let end = rest.floor_char_boundary(JOINED.saturating_sub(joined.len()));
            let end = if end == 0 { rest.ceil_char_boundary(1) } else { end };
            let (fits, more) = rest.split_at(end);
            joined.push_str(fits);
            rest = more;
            if joined.len() >= JOINED || !rest.is_empty() {
                ready.extend(self.take());
            }
        }
        ready
    }

    /// What waits.
    pub(super) fn take(&mut self) -> Option<(Stream, String)> {
        self.waiting.take().map(|(stream, text, _)| (stream, text))
    }

    /// When what waits has to be sent.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.as_ref().map(|(.., due)| *due)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(texts: &[(Stream, String)]) -> Vec<(Stream, String)> {
        let mut joined = Joined::default();
        let mut sent: Vec<_> = texts.iter().flat_map(|(stream, text)| joined.add(*stream, text)).collect();
        sent.extend(joined.take());
        sent
    }

    #[test]
    fn lines_become_one_message_and_streams_keep_their_order() {
        let texts = [(Stream::Stdout, "a\n"), (Stream::Stdout, "b\n"), (Stream::Stderr, "c"), (Stream::Stdout, "d")];
        let sent = all(&texts.map(|(stream, text)| (stream, text.to_owned())));
        let expected = [(Stream::Stdout, "a\nb\n"), (Stream::Stderr, "c"), (Stream::Stdout, "d")];
        assert_eq!(sent, expected.map(|(stream, text)| (stream, text.to_owned())));
    }

    #[test]
    fn nothing_waits_where_nothing_was_added() {
        let mut joined = Joined::default();
        assert!(joined.add(Stream::Stdout, "").is_empty());
        assert_eq!((joined.due(), joined.take()), (None, None));
    }

    proptest! {
        #[test]
        fn no_text_is_lost_reordered_or_sent_in_one_huge_message(
            texts in prop::collection::vec((any::<bool>(), "[aä€😀]{0,40}", 0_usize..4000), 0..20),
        ) {
            let texts: Vec<_> = texts
                .into_iter()
                .map(|(out, text, times)| (if out { Stream::Stdout } else { Stream::Stderr }, text.repeat(times)))
                .collect();
            let sent = all(&texts);
            let join = |texts: &[(Stream, String)]| {
                texts.iter().flat_map(|(stream, text)| text.chars().map(move |c| (stream.name(), c))).collect::<Vec<_>>()
            };
            prop_assert!(join(&sent) == join(&texts));
            prop_assert!(sent.iter().all(|(_, text)| text.len() < JOINED + 4 && !text.is_empty()));
        }
    }
}
