//! Rust that is being typed, made such that the analyser can read it. Nothing
//! moves before the cursor, so places there stay what they are. All are in bytes.

use std::borrow::Cow;

use ra_ap_rustc_lexer::{FrontmatterAllowed, LiteralKind, TokenKind, tokenize};

/// The code with what is open at the cursor closed, at the end of the cursor's
/// line: the analyser sees nothing in a macro call that is not closed.
#[must_use]
pub(crate) fn closed(code: &str, cursor: usize) -> Cow<'_, str> {
    let cursor = code.floor_char_boundary(cursor);
    let mut line_end = code[cursor..].find('\n').map_or(code.len(), |end| cursor + end);
    let mut scan = Scan::of(&code[..line_end]);
    if let End::Comment(at) = scan.end {
        if at < cursor {
            return Cow::Borrowed(code);
        }
        line_end = at;
        scan = Scan::of(&code[..line_end]);
    }
    let (head, tail) = code.split_at(line_end);
    let quote = if let End::Text(quote) = &scan.end { quote.as_str() } else { "" };
    let mut rest = Scan { open: scan.open.clone(), ..Scan::default() };
    rest.read(tail, line_end);
    let mut missing: Vec<_> = rest.unclosed.iter().chain(&rest.open).filter(|open| open.at < line_end).collect();
    missing.sort_by_key(|open| std::cmp::Reverse(open.at));
    if quote.is_empty() && missing.is_empty() {
        return Cow::Borrowed(code);
    }
    let closers: String = missing.iter().map(|open| open.closer).collect();
    let around = scan.open.iter().rfind(|open| missing.iter().all(|missing| missing.at != open.at));
    // Within what the rest closes, a `;` belongs to a block only.
    let semicolon = if around.is_none_or(|open| open.closer == '}') { ";" } else { "" };
    Cow::Owned(format!("{head}{quote}{closers}{semicolon}{tail}"))
}

/// The code up to the end of the word at the cursor, with blanks in place of the
/// macro calls around it: only the argument that the word is in is left, as an
/// expression. Nothing where no macro is around it.
#[must_use]
pub(crate) fn without_macros(code: &str, cursor: usize) -> Option<String> {
    let cursor = code.floor_char_boundary(cursor);
    let rest = &code[cursor..];
    let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let head = &code[..cursor + word];
    let scan = Scan::of(head);
    if !matches!(scan.end, End::Code) || scan.open.iter().all(|open| open.call.is_none()) {
        return None;
    }
    let mut text = String::with_capacity(head.len() + scan.open.len() + 1);
    for open in &scan.open {
        if let Some(call) = open.call {
            text.push_str(&head[text.len()..call]);
            text.extend(head[call..open.argument].chars().flat_map(blank));
        }
    }
    text.push_str(&head[text.len()..]);
    text.extend(scan.open.iter().rev().filter(|open| open.call.is_none()).map(|open| open.closer));
    text.push(';');
    Some(text)
}

/// As many bytes of nothing.
fn blank(c: char) -> impl Iterator<Item = char> {
    let (with, times) = if c == '\n' { ('\n', 1) } else { (' ', c.len_utf8()) };
    std::iter::repeat_n(with, times)
}

/// A delimiter that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Open {
    at: usize,
    closer: char,
    /// Where the macro's path begins whose call this is.
    call: Option<usize>,
    /// Where the argument begins that is being written.
    argument: usize,
}

/// What the code ends in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum End {
    #[default]
    Code,
    /// A string literal, and what closes it.
    Text(String),
    /// A comment that begins here.
    Comment(usize),
}

#[derive(Debug, Default)]
struct Scan {
    open: Vec<Open>,
    /// Delimiters that an outer one closed.
    unclosed: Vec<Open>,
    end: End,
}

impl Scan {
    fn of(code: &str) -> Self {
        let mut scan = Self::default();
        scan.read(code, 0);
        scan
    }

    /// Reads code that begins at a byte of the whole.
    fn read(&mut self, code: &str, begin: usize) {
        // The tokens before, without blanks and comments: their kinds and where they begin and end.
        let mut before: Vec<(TokenKind, usize, usize)> = Vec::new();
        let mut at = begin;
        for token in tokenize(code, FrontmatterAllowed::No) {
            let (start, end) = (at, at + token.len as usize);
            at = end;
            let text = &code[start - begin..end - begin];
            match token.kind {
                TokenKind::Whitespace | TokenKind::BlockComment { terminated: true, .. } => continue,
                TokenKind::LineComment { .. } | TokenKind::BlockComment { .. } => {
                    // Where the code ends in it.
                    if end == begin + code.len() {
                        self.end = End::Comment(start);
                    }
                    continue;
                }
                TokenKind::OpenParen | TokenKind::OpenBracket | TokenKind::OpenBrace => {
                    let closer = match token.kind {
                        TokenKind::OpenParen => ')',
                        TokenKind::OpenBracket => ']',
                        _ => '}',
                    };
                    self.open.push(Open { at: start, closer, call: call(&before), argument: end });
                }
                TokenKind::CloseParen | TokenKind::CloseBracket | TokenKind::CloseBrace => {
                    if let Some(found) = self.open.iter().rposition(|open| text.starts_with(open.closer)) {
                        self.unclosed.extend(self.open.drain(found + 1..));
                        self.open.pop();
                    }
                }
                TokenKind::Comma | TokenKind::Semi => self.argument(end),
                TokenKind::Gt
                    if before.last().is_some_and(|(kind, _, end)| *kind == TokenKind::Eq && *end == start) =>
                {
                    self.argument(end);
                }
                TokenKind::Literal { kind, .. } => {
                    if let Some(quote) = quote(kind, text) {
                        self.end = End::Text(quote);
                    }
                }
                _ => {}
            }
            before.push((token.kind, start, end));
        }
    }

    fn argument(&mut self, begin: usize) {
        if let Some(open) = self.open.last_mut() {
            open.argument = begin;
        }
    }
}

/// Where the path of a macro begins that the tokens end with, its `!` last.
fn call(before: &[(TokenKind, usize, usize)]) -> Option<usize> {
    let [rest @ .., (TokenKind::Ident | TokenKind::RawIdent, begin, name_end), (TokenKind::Bang, bang, _)] = before
    else {
        return None;
    };
    // `return !(…)` is no call.
    if name_end != bang {
        return None;
    }
    let (mut rest, mut begin) = (rest, *begin);
    while let [outer @ .., (TokenKind::Colon, ..), (TokenKind::Colon, colon, _)] = rest {
        begin = colon - 1;
        rest = outer;
        if let [outer @ .., (TokenKind::Ident | TokenKind::RawIdent, name, _)] = rest {
            begin = *name;
            rest = outer;
        }
    }
    Some(begin)
}

/// What closes a string literal that is open.
fn quote(kind: LiteralKind, text: &str) -> Option<String> {
    match kind {
        LiteralKind::Str { terminated: false }
        | LiteralKind::ByteStr { terminated: false }
        | LiteralKind::CStr { terminated: false } => Some("\"".to_owned()),
        LiteralKind::RawStr { n_hashes: None }
        | LiteralKind::RawByteStr { n_hashes: None }
        | LiteralKind::RawCStr { n_hashes: None } => {
            let hashes = text.chars().skip_while(|c| *c != '#' && *c != '"').take_while(|c| *c == '#').count();
            Some(format!("\"{}", "#".repeat(hashes)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `|` is the cursor.
    fn at_cursor(text: &str) -> (String, usize) {
        let cursor = text.find('|').unwrap();
        (text.replacen('|', "", 1), cursor)
    }

    fn check_closed(text: &str, expected: &str) {
        let (code, cursor) = at_cursor(text);
        assert_eq!(closed(&code, cursor), expected, "{text}");
    }

    fn check_argument(text: &str, expected: Option<&str>) {
        let (code, cursor) = at_cursor(text);
        let found = without_macros(&code, cursor);
        let squeezed = found.as_ref().map(|found| found.split_whitespace().collect::<Vec<_>>().join(" "));
        assert_eq!(squeezed.as_deref(), expected, "{text}");
        // The word is where it was.
        if let Some(found) = found {
            assert!(found.is_char_boundary(cursor));
            let word =
                |text: &str| text[..cursor].chars().rev().take_while(|c| c.is_alphanumeric()).collect::<String>();
            assert_eq!(word(&found), word(&code), "{text}");
        }
    }

    #[test]
    fn what_is_open_is_closed_at_the_end_of_the_line() {
        check_closed("println!(\"{}\", al|", "println!(\"{}\", al);");
        check_closed("vec![al|", "vec![al];");
        check_closed("format!(\"{x} {}\", al.le|", "format!(\"{x} {}\", al.le);");
        check_closed("let a = vec![f(al|, 3", "let a = vec![f(al, 3)];");
        check_closed("// é 😀\nassert_eq!(al|", "// é 😀\nassert_eq!(al);");
        check_closed("if x {\n    dbg!(al|\n    more();\n}", "if x {\n    dbg!(al);\n    more();\n}");
        check_closed("for i in 0..3 {\n    print!(\"é\", al|", "for i in 0..3 {\n    print!(\"é\", al)};");
        check_closed("f(vec![al|\n)", "f(vec![al]\n)");
        check_closed("println!(\"{al|", "println!(\"{al\");");
        check_closed("println!(r#\"{al|", "println!(r#\"{al\"#);");
        check_closed("dbg!(al| // why\nmore();", "dbg!(al );// why\nmore();");
        check_closed("dbg!(al /* ( */|", "dbg!(al /* ( */);");
        check_closed("fn f() {\n    g(al|\n}\n\nfn g() {}", "fn f() {\n    g(al);\n}\n\nfn g() {}");
    }

    #[test]
    fn what_is_whole_stays_as_it_is() {
        for text in
            ["println!(\"{}\", al|)", "al.le|", "let a = '(' ; al|", "/* ( */ al|", "f(\n    al|,\n    3,\n)", "|"]
        {
            check_closed(text, &text.replacen('|', "", 1));
        }
        // A comment has nothing to close.
        check_closed("f( // al|", "f( // al");
        check_closed("f( /* al|", "f( /* al");
    }

    #[test]
    fn the_argument_of_a_macro_is_an_expression() {
        check_argument("println!(\"{}\", al|", Some("al;"));
        check_argument("println!(\"{}\", al|, b)", Some("al;"));
        check_argument("let a = std::vec![b; al.le|]; c", Some("let a = al.le;"));
        check_argument("println!(\"é 😀 {}\", f(1, format!(\"{}\", al|", Some("f(1, al);"));
        check_argument("df!(\"a\" => [1, al|", Some("[1, al];"));
        check_argument("if x {\n    dbg!(al|\n}", Some("if x { al};"));
        check_argument("vec![{ let q = 1; al|", Some("{ let q = 1; al};"));
        check_argument("::std::dbg!(al|", Some("al;"));
    }

    #[test]
    fn elsewhere_nothing_is_taken_away() {
        for text in [
            "f(al|",
            "return !(al|",
            "a != (al|",
            "println|!(\"\")",
            "macro_rules! m { (al|",
            "dbg!(\"al|",
            "dbg!(1); al|",
        ] {
            check_argument(text, None);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_borne(text in "[a(\\[{)\\]}!,;=>:\"'#r/*\\n é😀]{0,40}", at in 0_usize..60) {
            let cursor = at.min(text.len());
            let found = closed(&text, cursor);
            let kept = text.floor_char_boundary(cursor);
            prop_assert_eq!(&found[..kept], &text[..kept]);
            prop_assert!(found.len() >= text.len());
            if let Some(found) = without_macros(&text, cursor) {
                prop_assert!(found.is_char_boundary(kept));
                prop_assert_eq!(found[..kept].matches('\n').count(), text[..kept].matches('\n').count());
            }
        }
    }
}
