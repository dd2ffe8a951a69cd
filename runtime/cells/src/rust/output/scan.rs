//! A stream's bytes cut into text, marks, and what a type shows by evcxr's convention.

use pelago_protocol::cells::Mark;

use pelago_render::MediaBundle;

/// The byte that a mark begins and ends with.
const SEPARATOR: u8 = 0x1e;
/// evcxr's convention: a line of this and a MIME type, the content, a line of [`CLOSE`].
const OPEN: &[u8] = b"EVCXR_BEGIN_CONTENT ";
const CLOSE: &[u8] = b"EVCXR_END_CONTENT";
/// Content that a type shows may be this long; what is longer is text.
const MAX_CONTENT: usize = 64 << 20;

/// A piece of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Whole characters.
    Text(String),
    /// A mark.
    Mark(Mark),
    /// Everything that one value showed.
    Media(MediaBundle),
}

/// Cuts a stream whose bytes come in any portions.
#[derive(Debug)]
pub(super) struct Scanner {
    /// How a mark begins.
    mark: Vec<u8>,
    /// Whether evcxr's convention is looked for.
    conventions: bool,
    /// Bytes that may yet become part of something.
    pending: Vec<u8>,
    line_start: bool,
    /// MIME type and content of what is being shown.
    content: Option<(String, Vec<u8>)>,
    bundle: MediaBundle,
}

impl Scanner {
    pub(super) fn new(token: &str, conventions: bool) -> Self {
        let mark = Mark::opening(token).into_bytes();
        let bundle = MediaBundle::default();
        Self { mark, conventions, pending: Vec::new(), line_start: true, content: None, bundle }
    }

    /// The pieces that are whole by now.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> Vec<Piece> {
        self.pending.extend_from_slice(bytes);
        let mut pieces = Vec::new();
        while self.step(&mut pieces, false) {}
        pieces
    }

    /// What is left at the end of the stream.
    pub(super) fn end(&mut self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        while self.step(&mut pieces, true) {}
        self.close_unfinished(&mut pieces);
        self.close_bundle(&mut pieces);
        pieces
    }

    /// Takes one thing from the front of what is pending; false where it has to wait.
    fn step(&mut self, pieces: &mut Vec<Piece>, last: bool) -> bool {
        if self.pending.is_empty() {
            return false;
        }
        if self.content.is_some() {
            return self.step_content(pieces, last);
        }
        if self.pending[0] == SEPARATOR {
            return self.step_mark(pieces, last);
        }
        if self.conventions && self.line_start && starts_alike(&self.pending, OPEN) {
            match self.pending.iter().position(|byte| *byte == b'\n') {
                Some(end) if self.pending.starts_with(OPEN) => {
                    let mime = String::from_utf8_lossy(&self.pending[OPEN.len()..end]).trim().to_owned();
                    self.pending.drain(..=end);
                    self.content = Some((mime, Vec::new()));
                    return true;
                }
                None if !last && self.pending.len() < OPEN.len() + 200 => return false,
                _ => {}
            }
        }
        self.step_text(pieces, last)
    }

    fn step_mark(&mut self, pieces: &mut Vec<Piece>, last: bool) -> bool {
        if starts_alike(&self.pending, &self.mark) {
            let close = self.pending.iter().skip(1).position(|byte| *byte == SEPARATOR).map(|at| at + 1);
            let inner = |end: usize| {
                let text = self.pending.get(self.mark.len()..end)?;
                Mark::decode(std::str::from_utf8(text).ok()?)
            };
            match close.map(|end| (end, inner(end))) {
                Some((end, Some(mark))) => {
                    self.pending.drain(..=end);
                    self.close_bundle(pieces);
                    // The next cell begins a line of its own, whatever this one left.
                    self.line_start |= matches!(mark, Mark::End(_));
                    pieces.push(Piece::Mark(mark));
                    return true;
                }
                None if !last && self.pending.len() <= self.mark.len() + Mark::LONGEST => return false,
                _ => {}
            }
        }
        // Somebody else's byte.
        self.pending.remove(0);
        self.text(pieces, "\u{1e}".to_owned());
        true
    }

    fn step_content(&mut self, pieces: &mut Vec<Piece>, last: bool) -> bool {
        if starts_alike(&self.pending, &self.mark) && self.pending[0] == SEPARATOR {
            // The cell ended, or shows something else, before its content did.
            if self.pending.len() < self.mark.len() && !last {
                return false;
            }
            self.close_unfinished(pieces);
            return true;
        }
        let end = self.pending.iter().position(|byte| *byte == b'\n' || *byte == SEPARATOR);
        let Some(end) = end.or(last.then_some(self.pending.len())) else { return false };
        let line: Vec<u8> = self.pending.drain(..end).collect();
        let Some((mime, content)) = &mut self.content else { return true };
        if line == CLOSE {
            let content = String::from_utf8_lossy(content.strip_suffix(b"\n").unwrap_or(content)).into_owned();
            self.bundle.0.insert(std::mem::take(mime), content);
            self.content = None;
            if self.pending.first() == Some(&b'\n') {
                self.pending.remove(0);
            }
            self.line_start = true;
            return true;
        }
        content.extend_from_slice(&line);
        if self.pending.first() == Some(&b'\n') {
            self.pending.remove(0);
            content.push(b'\n');
        }
        if content.len() > MAX_CONTENT {
            self.close_unfinished(pieces);
        }
        true
    }

    fn step_text(&mut self, pieces: &mut Vec<Piece>, last: bool) -> bool {
        let special = |index: &usize| {
            let byte = self.pending[*index];
            byte == SEPARATOR || self.conventions && byte == b'\n' && self.pending[index + 1..].first() == OPEN.first()
        };
        // One byte at least is text: what may begin something was looked at.
        let end = (1..self.pending.len()).find(special);
        let end = end.map_or(self.pending.len(), |at| if self.pending[at] == b'\n' { at + 1 } else { at });
        let whole = match std::str::from_utf8(&self.pending[..end]) {
            Ok(_) => end,
            // A character whose rest is still to come.
            Err(error) if error.error_len().is_none() && end == self.pending.len() && !last => error.valid_up_to(),
            Err(_) => end,
        };
        if whole == 0 {
            return false;
        }
        let bytes: Vec<u8> = self.pending.drain(..whole).collect();
        self.text(pieces, String::from_utf8_lossy(&bytes).into_owned());
        true
    }

    fn text(&mut self, pieces: &mut Vec<Piece>, text: String) {
        self.close_bundle(pieces);
        self.line_start = text.ends_with('\n');
        match pieces.last_mut() {
            Some(Piece::Text(before)) => before.push_str(&text),
            _ => pieces.push(Piece::Text(text)),
        }
    }

    /// What began like content and had no end is the text that it was.
    fn close_unfinished(&mut self, pieces: &mut Vec<Piece>) {
        if let Some((mime, content)) = self.content.take() {
            let text = format!("EVCXR_BEGIN_CONTENT {mime}\n{}", String::from_utf8_lossy(&content));
            self.text(pieces, text);
        }
    }

    fn close_bundle(&mut self, pieces: &mut Vec<Piece>) {
        let mut bundle = std::mem::take(&mut self.bundle);
        if let Some(first) = bundle.0.values().next().cloned() {
            bundle.0.entry("text/plain".to_owned()).or_insert(first);
            pieces.push(Piece::Media(bundle));
        }
    }
}

/// Whether one is the beginning of the other.
fn starts_alike(bytes: &[u8], pattern: &[u8]) -> bool {
    bytes.iter().zip(pattern).all(|(found, expected)| found == expected)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn pieces(bytes: &[u8], portion: usize) -> Vec<Piece> {
        let mut scanner = Scanner::new("t0k", true);
        let mut pieces: Vec<Piece> = bytes.chunks(portion).flat_map(|chunk| scanner.scan(chunk)).collect();
        pieces.extend(scanner.end());
        let mut joined: Vec<Piece> = Vec::new();
        for piece in pieces {
            match (joined.last_mut(), piece) {
                (Some(Piece::Text(before)), Piece::Text(text)) => before.push_str(&text),
                (_, piece) => joined.push(piece),
            }
        }
        joined
    }

    fn check(text: &str, expected: Expect) {
        let whole = pieces(text.as_bytes(), usize::MAX);
        expected.assert_eq(&whole.iter().map(|piece| format!("{piece:?}\n")).collect::<String>());
        for portion in 1..5 {
            assert_eq!(pieces(text.as_bytes(), portion), whole, "in portions of {portion}");
        }
    }

    #[test]
    fn marks_are_found_where_they_stand() {
        check(
            &format!("a{}b\n{}", Mark::Show(3).encode("t0k"), Mark::End(7).encode("t0k")),
            expect![[r#"
            Text("a")
            Mark(Show(3))
            Text("b\n")
            Mark(End(7))
        "#]],
        );
        check(
            &format!("{}{}", Mark::Show(3).encode("other"), Mark::Enter { turn: 12, cell: 3 }.encode("t0k")),
            expect![[r#"
            Text("\u{1e}other:s3\u{1e}")
            Mark(Enter { turn: 12, cell: 3 })
        "#]],
        );
        check(
            "\u{1e}t0k:x\u{1e}é",
            expect![[r#"
            Text("\u{1e}t0k:x\u{1e}é")
        "#]],
        );
    }

    #[test]
    fn evcxrs_convention_is_followed() {
        check(
            "a\nEVCXR_BEGIN_CONTENT text/html\n<b>\n</b>\nEVCXR_END_CONTENT\nb",
            expect![[r#"
            Text("a\n")
            Media(MediaBundle({"text/html": "<b>\n</b>", "text/plain": "<b>\n</b>"}))
            Text("b")
        "#]],
        );
        let two = "EVCXR_BEGIN_CONTENT text/html\n<i>\nEVCXR_END_CONTENT\nEVCXR_BEGIN_CONTENT text/plain\ni\nEVCXR_END_CONTENT\n";
        check(
            two,
            expect![[r#"
            Media(MediaBundle({"text/html": "<i>", "text/plain": "i"}))
        "#]],
        );
    }

    #[test]
    fn what_only_looks_like_it_is_text() {
        check(
            "EVCXR_BEGIN_CONTENT text/html\nno end",
            expect![[r#"
            Text("EVCXR_BEGIN_CONTENT text/html\nno end")
        "#]],
        );
        check(
            &format!("EVCXR_BEGIN_CONTENT text/html\nx{}", Mark::End(7).encode("t0k")),
            expect![[r#"
            Text("EVCXR_BEGIN_CONTENT text/html\nx")
            Mark(End(7))
        "#]],
        );
        check(
            "say EVCXR_BEGIN_CONTENT x\nEVCXR_EXECUTION_COMPLETE\n",
            expect![[r#"
            Text("say EVCXR_BEGIN_CONTENT x\nEVCXR_EXECUTION_COMPLETE\n")
        "#]],
        );
    }

    proptest! {
        #[test]
        fn no_byte_is_lost(text in "[a-zé\\n\u{1e}E]{0,60}", portion in 1_usize..9) {
            let found: String = pieces(text.as_bytes(), portion).into_iter().map(|piece| match piece {
                Piece::Text(text) => text,
                other => panic!("{other:?}"),
            }).collect();
            prop_assert_eq!(found, text);
        }
    }
}
