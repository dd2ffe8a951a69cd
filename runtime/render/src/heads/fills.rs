//! Tokens for the masks of texts.

use pelago_protocol::FilledText;

use super::{Rows, score};
use crate::run::counted;

pub(super) fn rows(texts: &[FilledText]) -> Rows {
    let mut rows = Vec::new();
    for (mask, fill) in texts
        .iter()
        .flat_map(|text| text.masks.iter().enumerate())
        .flat_map(|(mask, fills)| fills.iter().map(move |fill| (mask, fill)))
    {
        rows.push(vec![(mask + 1).to_string(), fill.token_str.clone(), score(fill.score), fill.sequence.clone()]);
    }
    let masks = texts.iter().map(|text| text.masks.len()).sum::<usize>();
    let columns = vec![("mask", true), ("token", false), ("score", true), ("sequence", false)];
    Rows { what: format!("tokens for {} of {}", counted(masks, "mask"), counted(texts.len(), "text")), columns, rows }
}
