//! Numbers of a graph as probabilities, and which of them are the greatest.

use std::cmp::Ordering;

/// Probabilities of which one is true.
pub(super) fn softmax(logits: &[f32]) -> Vec<f64> {
    let greatest = logits.iter().copied().map(f64::from).fold(f64::NEG_INFINITY, f64::max);
    let powers = logits.iter().map(|logit| (f64::from(*logit) - greatest).exp()).collect::<Vec<_>>();
    let sum = powers.iter().sum::<f64>();
    powers.into_iter().map(|power| power / sum).collect()
}

/// The probability that one is true by itself.
pub(super) fn sigmoid(logit: f32) -> f64 {
    1.0 / (1.0 + (-f64::from(logit)).exp())
}

/// The greater score first; NaN last.
pub(super) fn descending(a: f64, b: f64) -> Ordering {
    a.is_nan().cmp(&b.is_nan()).then(b.partial_cmp(&a).unwrap_or(Ordering::Equal))
}

/// The numbers of the greatest scores, the greatest first.
pub(super) fn greatest(scores: &[f64], count: usize) -> Vec<usize> {
    let mut numbers = (0..scores.len()).collect::<Vec<_>>();
    let order = |a: &usize, b: &usize| descending(scores[*a], scores[*b]).then(a.cmp(b));
    if count < numbers.len() {
        numbers.select_nth_unstable_by(count, order);
        numbers.truncate(count);
    }
    numbers.sort_unstable_by(order);
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn great_numbers_do_not_overflow() {
        assert_eq!(softmax(&[1000.0, 1000.0]), [0.5, 0.5]);
        assert_eq!((sigmoid(-1000.0), sigmoid(0.0), sigmoid(1000.0)), (0.0, 0.5, 1.0));
    }

    #[test]
    fn the_greatest_come_first_and_equal_ones_in_their_order() {
        let scores = [0.1, 0.4, f64::NAN, 0.4, 0.2];
        assert_eq!(greatest(&scores, 3), [1, 3, 4]);
        assert_eq!(greatest(&scores, 9), [1, 3, 4, 0, 2]);
        assert!(greatest(&scores, 0).is_empty() && greatest(&[], 3).is_empty());
    }
}
