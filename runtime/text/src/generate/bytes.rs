//! Bytes as vocabularies write them.

/// The byte of a token such as `<0x0A>`.
pub(super) fn byte_token(token: &str) -> Option<u8> {
    let hex = token.strip_prefix("<0x")?.strip_suffix('>')?;
    if hex.len() == 2 { u8::from_str_radix(hex, 16).ok() } else { None }
}

/// The byte that a character of GPT-2's table stands for: bytes that can be printed stand for themselves, the others, in
/// their order, for the characters from U+0100 on.
pub(super) fn byte_of(character: char) -> Option<u8> {
    let is_printed = |byte: u8| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    match u8::try_from(u32::from(character)) {
        Ok(byte) => Some(byte).filter(|byte| is_printed(*byte)),
        Err(_) => {
            let place = u32::from(character).checked_sub(0x100)?;
            (0..=u8::MAX).filter(|byte| !is_printed(*byte)).nth(usize::try_from(place).ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_have_a_character_of_their_own() {
        let characters = (0..0x200_u32).filter_map(char::from_u32);
        let mut bytes = characters.filter_map(byte_of).collect::<Vec<_>>();
        bytes.sort_unstable();
        assert_eq!(bytes, (0..=u8::MAX).collect::<Vec<_>>());
    }
}
