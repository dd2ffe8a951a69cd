//! Text within HTML and XML.

/// The entity of a character that means something in HTML and XML.
fn entity(character: char) -> Option<&'static str> {
    Some(match character {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        '\'' => "&#39;",
        _ => return None,
    })
}

/// The text with the characters that mean something in HTML written as
/// entities; it may stand between tags and in a quoted attribute.
pub(crate) fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match entity(character) {
            Some(entity) => escaped.push_str(entity),
            None => escaped.push(character),
        }
    }
    escaped
}

/// The same within XML too. What XML does not allow at all becomes `�`, and a line break a blank.
pub(crate) fn xml(text: &str) -> String {
    let allowed = text.chars().map(|character| match character {
        '\n' | '\t' => ' ',
        '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        character if character.is_control() => '\u{fffd}',
        other => other,
    });
    html(&allowed.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_opens_a_tag_or_ends_an_attribute() {
        assert_eq!(html(r#"<b a="1" c='2'>&</b>"#), "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;&lt;/b&gt;");
    }
}
