//! `?word`: a cell that asks what is known about a word.

use super::{CellError, Inspection, Interpreter};

/// The word of a cell that only asks; no Rust begins so.
#[must_use]
pub fn question(cell: &str) -> Option<&str> {
    let word = cell.trim().strip_prefix('?')?.trim();
    (!word.is_empty() && !word.contains('\n')).then_some(word)
}

impl Interpreter {
    /// What is known about a word.
    ///
    /// # Errors
    /// [`CellError`] where nothing is.
    pub async fn explain(&self, word: &str) -> Result<Inspection, CellError> {
        self.inspect(word, word.chars().count()).await.ok_or_else(|| {
            CellError::new("NotFound", format!("nothing is known about {word:?}")).with_help(":help lists all commands")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_begins_with_its_mark() {
        assert_eq!(question("?accelerate"), Some("accelerate"));
        assert_eq!(question(" ? :sql \n"), Some(":sql"));
        assert_eq!(question("run()?"), None);
        assert_eq!(question("?"), None);
        assert_eq!(question("?a\nb"), None);
    }
}
