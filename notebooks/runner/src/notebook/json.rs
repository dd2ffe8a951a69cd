//! Where values stand in a JSON text that a parser has accepted, so that one of
//! them can be replaced without touching a byte of the rest.
//!
//! It knows brackets and strings, and nothing of what a value means.

use std::ops::Range;

/// One member of an object.
#[derive(Debug)]
pub(super) struct Member {
    /// Its key, decoded.
    pub(super) key: String,
    /// Where the key begins, at its quote.
    pub(super) start: usize,
    /// Where the key ends, after its quote.
    pub(super) key_end: usize,
    /// The value.
    pub(super) value: Range<usize>,
}

/// The value that begins at `at`, or after white space there.
pub(super) fn value(text: &str, at: usize) -> Option<Range<usize>> {
    let start = space(text, at);
    let end = match text.as_bytes().get(start)? {
        b'"' => string(text, start)?,
        b'{' | b'[' => brackets(text, start)?,
        _ => start + text[start..].find([',', ']', '}', ' ', '\t', '\r', '\n']).unwrap_or(text.len() - start),
    };
    Some(start..end)
}

/// The members of the object that stands in `object`, in order.
pub(super) fn members(text: &str, object: &Range<usize>) -> Option<Vec<Member>> {
    let mut members = Vec::new();
    let mut at = space(text, object.start + 1);
    while text.as_bytes().get(at)? != &b'}' {
        let key_end = string(text, at)?;
        let key = serde_json::from_str(text.get(at..key_end)?).ok()?;
        let colon = space(text, key_end);
        let value = value(text, colon + 1)?;
        let next = after_comma(text, value.end);
        members.push(Member { key, start: at, key_end, value });
        at = next;
    }
    Some(members)
}

/// The elements of the array that stands in `array`, in order.
pub(super) fn elements(text: &str, array: &Range<usize>) -> Option<Vec<Range<usize>>> {
    let mut elements = Vec::new();
    let mut at = space(text, array.start + 1);
    while text.as_bytes().get(at)? != &b']' {
        let element = value(text, at)?;
        at = after_comma(text, element.end);
        elements.push(element);
    }
    Some(elements)
}

/// The first position from `at` on that is not white space.
fn space(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len()
}

fn after_comma(text: &str, at: usize) -> usize {
    let at = space(text, at);
    if text.as_bytes().get(at) == Some(&b',') { space(text, at + 1) } else { at }
}

/// The end of the string whose quote stands at `start`.
fn string(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = start + 1;
    loop {
        match bytes.get(at)? {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// The end of the object or array whose bracket stands at `start`.
fn brackets(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (start, 0_usize);
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = string(text, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_elements_are_found_whatever_the_strings_hold() {
        let text = r#" { "a]" : [1, "}\"", {"x": []}] , "\u0062":-1.50e+3,"c":{}, "d": "é\\" }"#;
        let root = value(text, 0).unwrap();
        let members = members(text, &root).unwrap();
        let found = members.iter().map(|member| (member.key.as_str(), &text[member.value.clone()])).collect::<Vec<_>>();
        assert_eq!(found, [("a]", r#"[1, "}\"", {"x": []}]"#), ("b", "-1.50e+3"), ("c", "{}"), ("d", r#""é\\""#)]);
        let elements = elements(text, &members[0].value).unwrap();
        assert_eq!(
            elements.into_iter().map(|range| &text[range]).collect::<Vec<_>>(),
            ["1", r#""}\"""#, r#"{"x": []}"#]
        );
    }
}
