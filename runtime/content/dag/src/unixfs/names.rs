//! Names of folder entries, and which of them nobody may use.

/// Refuses what is no plain entry of a folder, with the reason.
pub fn check(name: &str) -> Result<(), &'static str> {
    match name {
        "" => Err("an empty name"),
        "." | ".." => Err("`.` and `..` are not names"),
        _ if name.contains('/') => Err("it has a slash"),
        _ if name.contains('\0') => Err("it has a NUL"),
        _ => Ok(()),
    }
}
