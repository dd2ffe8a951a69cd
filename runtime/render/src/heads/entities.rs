//! Entities of texts, and where they stand.

use pelago_protocol::EntityText;

use super::{Rows, once, score};
use crate::run::counted;

pub(super) fn rows(texts: &[EntityText]) -> Rows {
    let mut rows = Vec::new();
    for text in texts {
        for (at, entity) in text.entities.iter().enumerate() {
            rows.push(vec![
                once(&text.text, at),
                entity.entity_group.clone(),
                entity.word.trim().to_owned(),
                score(entity.score),
                entity.start.to_string(),
                entity.end.to_string(),
            ]);
        }
    }
    let found = match rows.len() {
        1 => "1 entity".to_owned(),
        many => format!("{many} entities"),
    };
    let columns =
        vec![("text", false), ("entity", false), ("word", false), ("score", true), ("start", true), ("end", true)];
    Rows { what: format!("{found} in {}", counted(texts.len(), "text")), columns, rows }
}
