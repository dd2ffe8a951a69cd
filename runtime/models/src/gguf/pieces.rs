//! SentencePiece's BPE: pieces with scores, of which the best pair of neighbours is joined first. Hugging Face's
//! library wants a list of merges, which is made of the scores as `transformers` makes it.

use std::collections::HashMap;

use serde_json::{Value, json};

/// The mark that pieces have for a space.
pub(super) const SPACE: char = '▁';

/// The merges that join pieces to the pieces that `joins` allows, the best first. `ids` are those of all pieces.
pub(super) fn merges<'a>(
    tokens: &'a [String],
    scores: &[f64],
    ids: &HashMap<&'a str, usize>,
    joins: impl Fn(usize) -> bool,
) -> Vec<(&'a str, &'a str)> {
    let mut all = Vec::new();
    let mut of_piece = Vec::new();
    for (id, piece) in tokens.iter().enumerate().filter(|(id, _)| joins(*id)) {
        for (at, _) in piece.char_indices().skip(1) {
            let (left, right) = piece.split_at(at);
            if let (Some(left_id), Some(right_id)) = (ids.get(left), ids.get(right))
                && joins(*left_id)
                && joins(*right_id)
            {
                of_piece.push((scores[*left_id], scores[*right_id], left, right));
            }
        }
        of_piece.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)));
        all.extend(of_piece.drain(..).map(|(_, _, left, right)| (scores[id], left, right)));
    }
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all.into_iter().map(|(_, left, right)| (left, right)).collect()
}

/// Spaces as marks, and one before each stretch of text where `prefix` says so.
pub(super) fn normalizer(prefix: bool) -> Value {
    let replace = json!({"type": "Replace", "pattern": {"String": " "}, "content": SPACE.to_string()});
    if !prefix {
        return replace;
    }
    json!({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": SPACE.to_string()}, replace]})
}

/// Marks as spaces, bytes as characters, and no space before the text where one was put there.
pub(super) fn decoder(prefix: bool) -> Value {
    let mut parts = vec![
        json!({"type": "Replace", "pattern": {"String": SPACE.to_string()}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if prefix {
        parts.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    json!({"type": "Sequence", "decoders": parts})
}
