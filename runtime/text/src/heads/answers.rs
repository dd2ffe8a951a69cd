//! Answers: the parts of a context that begin and end where the model says, as the pipeline searches them.

use pelago_protocol::Answer;

use super::scores::descending;
use super::tokens::RowTokens;

/// What a token that is no part of the context counts.
const MASKED: f64 = -10_000.0;

/// A part of a context, in tokens, both ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Span {
    start: usize,
    end: usize,
    score: f64,
}

/// The answers of one piece of a context, of which more are given than are kept: some become one.
pub(super) fn find(
    row: &RowTokens,
    cls: Option<u32>,
    context: &str,
    [start, end]: [&[f32]; 2],
    [most, longest]: [usize; 2],
) -> Vec<Answer> {
    let in_context = row.of.iter().map(|of| *of == Some(1));
    // Some models point at this token where there is no answer: it takes its part of the probability.
    let is_cls = row.ids.iter().map(|id| Some(*id) == cls);
    let counted = in_context.zip(is_cls).map(|(context, cls)| context || cls).collect::<Vec<_>>();
    let [start, end] = [start, end].map(|logits| probabilities(logits, &counted));
    let spans = spans(&start, &end, 2 * most + 10, longest);
    let letters = context.char_indices().map(|(at, _)| at).chain([context.len()]).collect::<Vec<_>>();
    let answer = |Span { start, end, score }: Span| {
        let (start, end) = words(row, start, end);
        let bytes = |letter: usize| letters.get(letter).copied().unwrap_or(context.len());
        let (from, to) = (bytes(start), bytes(end));
        Answer { score, start, end, answer: context.get(from..to.max(from)).unwrap_or_default().to_owned() }
    };
    spans.into_iter().map(answer).collect()
}

/// Answers of all pieces of a context as one list, the best first: equal ones are one, with their scores added.
pub(super) fn merged(found: impl IntoIterator<Item = Answer>, most: usize) -> Vec<Answer> {
    let mut answers: Vec<(String, Answer)> = Vec::new();
    for answer in found {
        let key = answer.answer.to_lowercase();
        match answers.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => known.score += answer.score,
            None => answers.push((key, answer)),
        }
    }
    let mut answers = answers.into_iter().map(|(_, answer)| answer).collect::<Vec<_>>();
    answers.sort_by(|a, b| descending(a.score, b.score));
    answers.truncate(most);
    answers
}

/// The probability of each token; the first one, which is none of the context, has none.
fn probabilities(logits: &[f32], counted: &[bool]) -> Vec<f64> {
    let masked = logits.iter().zip(counted).map(|(logit, counted)| if *counted { f64::from(*logit) } else { MASKED });
    let masked = masked.collect::<Vec<_>>();
    let greatest = masked.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut powers = masked.into_iter().map(|logit| (logit - greatest).exp()).collect::<Vec<_>>();
    let sum = powers.iter().sum::<f64>();
    powers.iter_mut().for_each(|power| *power /= sum);
    if let Some(first) = powers.first_mut() {
        *first = 0.0;
    }
    powers
}

/// The most likely spans of `longest` tokens at most, the most likely first.
fn spans(start: &[f64], end: &[f64], most: usize, longest: usize) -> Vec<Span> {
    let mut spans = Vec::new();
    for (at, begins) in start.iter().enumerate() {
        let ends = end.iter().enumerate().skip(at).take(longest);
        spans.extend(
            ends.map(|(end, ends)| Span { start: at, end, score: begins * ends }).filter(|span| span.score > 0.0),
        );
    }
    spans.sort_by(|a, b| descending(a.score, b.score));
    spans.truncate(most);
    spans
}

/// The letters of the words that a span begins and ends in; of tokens that are no words, their own.
fn words(row: &RowTokens, start: usize, end: usize) -> (usize, usize) {
    let letters = |token: usize| row.letters(1, row.words[token]?);
    match (letters(start), letters(end)) {
        (Some((start, _)), Some((_, end))) => (start, end),
        _ => (row.offsets[start].0, row.offsets[end].1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(answer: &str, score: f64) -> Answer {
        Answer { score, start: 0, end: answer.len(), answer: answer.to_owned() }
    }

    #[test]
    fn a_span_begins_before_it_ends_and_is_not_too_long() {
        let (start, end) = ([0.0, 0.6, 0.0, 0.4], [0.0, 0.1, 0.0, 0.9]);
        let found =
            |longest| spans(&start, &end, 9, longest).iter().map(|span| (span.start, span.end)).collect::<Vec<_>>();
        assert_eq!(found(3), [(1, 3), (3, 3), (1, 1)]);
        assert_eq!(found(2), [(3, 3), (1, 1)]);
        assert_eq!(spans(&start, &end, 1, 3).len(), 1);
    }

    #[test]
    fn tokens_outside_of_the_context_take_no_part() {
        let of = probabilities(&[5.0, 9.0, 1.0, 1.0], &[false, false, true, true]);
        assert_eq!(of, [0.0, 0.0, 0.5, 0.5]);
        // The token for no answer takes its part, and is none.
        let of = probabilities(&[1.0, 9.0, 1.0], &[true, false, true]);
        assert_eq!(of, [0.0, 0.0, 0.5]);
    }

    #[test]
    fn equal_answers_of_several_pieces_are_one() {
        let merged = merged([answer("Paris", 0.3), answer("Rome", 0.4), answer("paris", 0.2)], 2);
        let found = merged.iter().map(|answer| (answer.answer.as_str(), answer.score)).collect::<Vec<_>>();
        assert_eq!(found, [("Paris", 0.5), ("Rome", 0.4)]);
    }
}
