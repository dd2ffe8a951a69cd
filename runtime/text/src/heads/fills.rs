//! Tokens for the place of a mask.

use pelago_protocol::Fill;

use super::scores::{greatest, softmax};
use crate::Error;
use crate::generate::spaces;
use crate::tokenizer::HeadTokenizer;

/// Where a row's masks are.
pub(super) fn masks(ids: &[u32], mask: u32) -> Vec<usize> {
    let ids = ids.iter().enumerate();
    ids.filter(|(_, id)| **id == mask).map(|(at, _)| at).collect()
}

/// The most likely tokens for each mask. `logits` has a number a token of the vocabulary for each token of the row.
pub(super) fn find(
    tokenizer: &HeadTokenizer,
    row: &[u32],
    masks: &[usize],
    logits: &[f32],
    most: usize,
) -> Result<Vec<Vec<Fill>>, Error> {
    let width = logits.len() / row.len().max(1);
    let text = |ids: &[u32], skip| {
        let text = tokenizer.decode(ids, skip)?;
        Ok::<_, Error>(if tokenizer.cleans { spaces::cleaned(&text) } else { text })
    };
    let mut all = Vec::with_capacity(masks.len());
    for at in masks {
        let scores = softmax(&logits[at * width..(at + 1) * width]);
        let mut fills = Vec::with_capacity(most);
        for best in greatest(&scores, most) {
            let token = u32::try_from(best).unwrap_or(u32::MAX);
            let mut ids = row.to_vec();
            ids[*at] = token;
            ids.retain(|id| *id != tokenizer.pad_id);
            fills.push(Fill {
                score: scores[best],
                token,
                token_str: text(&[token], false)?,
                sequence: text(&ids, masks.len() == 1)?,
            });
        }
        all.push(fills);
    }
    Ok(all)
}
