//! What a model may be called.

use pelago_content::parse_address;

use super::ModelError;

/// Refuses a name that could be taken for a path, an option or an address.
pub(super) fn check_name(name: &str) -> Result<(), ModelError> {
    let reason = match name {
        "" => "empty",
        _ if name.len() > 200 => "longer than 200 bytes",
        _ if name.starts_with(['.', '/', '~', '-']) => "it begins like a path or an option",
        _ if name.chars().any(|c| c.is_control() || c.is_whitespace()) => "it has blanks or control characters",
        _ if name.contains("://") || parse_address(name).is_ok() => "it is a content address",
        _ => return Ok(()),
    };
    Err(ModelError::BadName { name: name.to_owned(), reason })
}
