//! Labels of texts and pairs; of a query with documents, the documents in the order of their scores.

use pelago_protocol::LabelledText;

use super::{Rows, once, score};
use crate::run::counted;

pub(super) fn rows(texts: &[LabelledText]) -> Rows {
    if let Some(query) = query_of(texts) {
        return ranking(query, texts);
    }
    let is_pairs = texts.iter().any(|text| text.pair.is_some());
    let mut columns = vec![("text", false)];
    columns.extend(is_pairs.then_some(("pair", false)));
    columns.extend([("label", false), ("score", true)]);
    let mut rows = Vec::new();
    for text in texts {
        for (at, label) in text.labels.iter().enumerate() {
            let mut row = vec![once(&text.text, at)];
            row.extend(is_pairs.then(|| once(text.pair.as_deref().unwrap_or_default(), at)));
            row.extend([label.label.clone(), score(label.score)]);
            rows.push(row);
        }
    }
    Rows { what: format!("labels of {}", counted(texts.len(), if is_pairs { "pair" } else { "text" })), columns, rows }
}

/// The text that all pairs have in common, where a model has one score for each.
fn query_of(texts: &[LabelledText]) -> Option<&str> {
    let query = texts.first()?.text.as_str();
    let name = &texts.first()?.labels.first()?.label;
    let is_ranked = |text: &LabelledText| match text.labels.as_slice() {
        [label] => text.pair.is_some() && text.text == query && label.label == *name,
        _ => false,
    };
    (texts.len() > 1 && texts.iter().all(is_ranked)).then_some(query)
}

fn ranking(query: &str, texts: &[LabelledText]) -> Rows {
    let mut ranked =
        texts.iter().filter_map(|text| Some((text.pair.clone()?, text.labels.first()?.score))).collect::<Vec<_>>();
    ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    Rows {
        what: format!("{} for {query:?}", counted(texts.len(), "document")),
        columns: vec![("document", false), ("score", true)],
        rows: ranked.into_iter().map(|(document, found)| vec![document, score(found)]).collect(),
    }
}
