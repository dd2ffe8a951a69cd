//! Entities: neighbouring tokens of one label, as the pipeline's strategy `simple` finds them.

use super::config::Config;
use super::scores::softmax;
use super::tokens::RowTokens;
use crate::Error;
use crate::tokenizer::HeadTokenizer;
use pelago_protocol::Entity;

/// The label of what is no entity.
const NONE: &str = "O";

/// A token with its best label.
#[derive(Clone, Debug, PartialEq)]
struct Tagged {
    label: String,
    score: f64,
    token: String,
    start: usize,
    end: usize,
}

/// The entities of a text. `logits` has a number a label for each token.
pub(super) fn find(
    config: &Config,
    tokenizer: &HeadTokenizer,
    row: &RowTokens,
    logits: &[f32],
) -> Result<Vec<Entity>, Error> {
    let width = logits.len() / row.len().max(1);
    let names = config.labels(width)?;
    let mut tagged = Vec::new();
    for (at, logits) in logits.chunks_exact(width.max(1)).enumerate() {
        if row.of[at].is_none() {
            continue;
        }
        let scores = softmax(logits);
        let best = super::scores::greatest(&scores, 1);
        let Some(best) = best.first() else { continue };
        let (start, end) = row.offsets[at];
        let token = row.tokens[at].clone();
        tagged.push(Tagged { label: names[*best].clone(), score: scores[*best], token, start, end });
    }
    let mut entities = Vec::new();
    for group in grouped(&tagged) {
        let name = group[0].label.split_once('-').map_or(group[0].label.as_str(), |(_, name)| name);
        if name == NONE {
            continue;
        }
        entities.push(Entity {
            entity_group: name.to_owned(),
            score: group.iter().map(|token| token.score).sum::<f64>() / group.len() as f64,
            word: tokenizer.joined(group.iter().map(|token| token.token.clone()).collect())?,
            start: group[0].start,
            end: group[group.len() - 1].end,
        });
    }
    Ok(entities)
}

/// Tokens that belong together: of one label, of which none but the first begins an entity.
fn grouped(tagged: &[Tagged]) -> impl Iterator<Item = &[Tagged]> {
    tagged.chunk_by(|before, token| {
        let ((_, last), (begins, tag)) = (tag(&before.label), tag(&token.label));
        last == tag && !begins
    })
}

/// Whether a label begins an entity, and of which kind.
fn tag(label: &str) -> (bool, &str) {
    match (label.strip_prefix("B-"), label.strip_prefix("I-")) {
        (Some(kind), _) => (true, kind),
        (_, Some(kind)) => (false, kind),
        // Labels without these are continued.
        _ => (false, label),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_one_label_are_one_entity_until_another_begins() {
        let groups = |labels: &[&str]| {
            let token = |(at, label): (usize, &&str)| Tagged {
                label: (*label).to_owned(),
                score: 1.0,
                token: at.to_string(),
                start: at,
                end: at + 1,
            };
            let tagged = labels.iter().enumerate().map(token).collect::<Vec<_>>();
            grouped(&tagged).map(<[Tagged]>::len).collect::<Vec<_>>()
        };
        assert_eq!(groups(&["B-PER", "I-PER", "B-PER", "O", "O", "I-LOC"]), [2, 1, 2, 1]);
        // What begins otherwise than it should is an entity nevertheless.
        assert_eq!(groups(&["I-PER", "I-ORG", "I-ORG"]), [1, 2]);
        // Of labels without B and I every neighbour is one.
        assert_eq!(groups(&["PER", "PER", "O", "PER"]), [2, 1, 1]);
        assert!(groups(&[]).is_empty());
    }
}
