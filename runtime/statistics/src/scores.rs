//! How far what two runs say of the tokens of a text is apart: their logits as distributions of the token that follows.
//! It does not know what ran either of them.
//!
//! # Verdicts
//!
//! | verdict | when |
//! | --- | --- |
//! | `exact` | relative error of the logits ≤ 1e-4 |
//! | `close` | mean Kullback–Leibler divergence ≤ 0.01 nats |
//! | `degraded` | ≤ 1 nat |
//! | `broken` | anything else, and every output with a NaN or an infinity that the reference has not |

use pelago_protocol::{GenerationParity, Parity, ParityVerdict};

use crate::parity::{self, EXACT_RELATIVE_ERROR, Rows};

/// The largest mean divergence of close scores, in nats.
pub const CLOSE_DIVERGENCE: f64 = 0.01;
/// The largest mean divergence of scores that are still those of the model, in nats.
pub const DEGRADED_DIVERGENCE: f64 = 1.0;

/// What a run says of a text.
#[derive(Clone, Copy, Debug)]
pub struct Scored<'a> {
    /// Tokens of the text.
    pub ids: &'a [i32],
    /// What follows each of them, `[tokens, vocabulary]`.
    pub logits: &'a [f32],
}

/// Compares what a run says of texts with what the reference says. `None` where they are not of the same texts.
///
/// With the reference's distribution `p` and the run's `q` after a token, the divergence is `Σ p ln(p / q)` (Kullback and
/// Leibler 1951), in nats, and the figure its mean over all tokens. The perplexity is `exp(-mean ln q(next))` over the
/// tokens that have one after them. Distributions are the softmax of logits, in double precision.
#[must_use]
pub fn compare(reference: &[Scored<'_>], run: &[Scored<'_>]) -> Option<Parity> {
    let mut worst: Option<Parity> = None;
    let mut sums = Sums::default();
    if reference.len() != run.len() {
        return None;
    }
    for (reference, run) in reference.iter().zip(run) {
        let tokens = reference.ids.len();
        if reference.ids != run.ids || tokens == 0 || !reference.logits.len().is_multiple_of(tokens) {
            return None;
        }
        let vocabulary = reference.logits.len() / tokens;
        let found = parity::compare(reference.logits, run.logits, vocabulary, Rows::Scores)?;
        worst = Some(match worst {
            Some(worst) => parity::worse(worst, found),
            None => found,
        });
        let rows = reference.logits.chunks(vocabulary).zip(run.logits.chunks(vocabulary));
        for (place, (p, q)) in rows.enumerate() {
            sums.add(p, q, reference.ids.get(place + 1).copied());
        }
    }
    let mut parity = worst?;
    let generation = sums.parity();
    parity.verdict = verdict(&parity, generation.mean_kl_divergence);
    parity.generation = Some(generation);
    Some(parity)
}

fn verdict(parity: &Parity, divergence: f64) -> ParityVerdict {
    if parity.nan_count > 0 || divergence.is_nan() {
        ParityVerdict::Broken
    } else if parity.relative_error <= EXACT_RELATIVE_ERROR {
        ParityVerdict::Exact
    } else if divergence <= CLOSE_DIVERGENCE {
        ParityVerdict::Close
    } else if divergence <= DEGRADED_DIVERGENCE {
        ParityVerdict::Degraded
    } else {
        ParityVerdict::Broken
    }
}

/// Sums over the tokens of all texts.
#[derive(Default)]
struct Sums {
    tokens: u32,
    divergence: f64,
    /// Tokens that have one after them.
    followed: u32,
    /// Of the logarithms of the probabilities that run and reference give the token that follows.
    logarithms: [f64; 2],
}

impl Sums {
    fn add(&mut self, p: &[f32], q: &[f32], next: Option<i32>) {
        let (of_p, of_q) = (logarithm_of_sum(p), logarithm_of_sum(q));
        let pairs = p.iter().zip(q).map(|(p, q)| (f64::from(*p) - of_p, f64::from(*q) - of_q));
        // What has no probability adds nothing, whatever the run says of it.
        self.divergence += pairs.filter(|(p, _)| *p > f64::NEG_INFINITY).map(|(p, q)| p.exp() * (p - q)).sum::<f64>();
        self.tokens += 1;
        let Some(next) = next.and_then(|next| usize::try_from(next).ok()) else { return };
        if let (Some(p), Some(q)) = (p.get(next), q.get(next)) {
            self.followed += 1;
            self.logarithms[0] += f64::from(*q) - of_q;
            self.logarithms[1] += f64::from(*p) - of_p;
        }
    }

    fn parity(&self) -> GenerationParity {
        // A text of one token has nothing to be surprised at.
        let perplexity = |sum: f64| (-sum / f64::from(self.followed.max(1))).exp();
        let [run, reference] = self.logarithms.map(perplexity);
        GenerationParity {
            first_different_token: None,
            compared_tokens: 0,
            // Rounding may leave a little less than nothing.
            mean_kl_divergence: (self.divergence / f64::from(self.tokens)).max(0.0),
            perplexity: run,
            perplexity_difference: run - reference,
            scored_tokens: self.tokens,
        }
    }
}

/// `ln Σ exp(x)`, without an overflow.
fn logarithm_of_sum(logits: &[f32]) -> f64 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let most = f64::from(most);
    most + logits.iter().map(|logit| (f64::from(*logit) - most).exp()).sum::<f64>().ln()
}

/// Which token of two rows is the first that is another one, counted from 1. A row that is shorter differs where it ends.
#[must_use]
pub fn first_different(reference: &[u32], run: &[u32]) -> Option<u32> {
    let same = reference.iter().zip(run).take_while(|(reference, run)| reference == run).count();
    if same == reference.len() && same == run.len() {
        return None;
    }
    u32::try_from(same + 1).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Made with PyTorch 2.15 in double precision: `F.kl_div(log_softmax(q), log_softmax(p), log_target=True,
    /// reduction="batchmean")`, and `F.cross_entropy(q[:-1], ids[1:]).exp()`.
    #[test]
    fn divergence_and_perplexity_are_pytorchs() {
        let p = [1.0_f32, -2.0, 0.5, 3.25, 0.0, 0.0, -1.5, 2.0, 4.0, -4.0, 0.25, 1.75];
        let q = [0.5_f32, -1.0, 0.75, 3.0, 0.25, -0.5, -1.0, 1.5, 3.5, -4.5, 0.5, 2.5];
        let ids = [0, 3, 0];
        let scored = |logits| Scored { ids: &ids, logits };
        let parity = compare(&[scored(&p)], &[scored(&q)]).unwrap();
        let generation = parity.generation.unwrap();
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        near(generation.mean_kl_divergence, KL);
        near(generation.perplexity, PERPLEXITY);
        near(generation.perplexity_difference, PERPLEXITY - PERPLEXITY_OF_P);
        assert_eq!((generation.scored_tokens, parity.verdict), (3, ParityVerdict::Degraded));
        assert_eq!(parity.top1_agreement, Some(1.0));
    }

    const KL: f64 = 0.051_694_886_876_290_35;
    const PERPLEXITY: f64 = 2.515_850_132_153_364;
    const PERPLEXITY_OF_P: f64 = 3.360_093_729_413_590_4;

    #[test]
    fn the_same_is_exact_and_what_is_no_number_broken() {
        let (ids, logits) = ([1, 2], [0.5_f32, 1.0, f32::NEG_INFINITY, 2.0, -1.0, 0.0]);
        let scored = |logits| Scored { ids: &ids, logits };
        let same = compare(&[scored(&logits)], &[scored(&logits)]).unwrap();
        let generation = same.generation.unwrap();
        assert_eq!((same.verdict, generation.mean_kl_divergence), (ParityVerdict::Exact, 0.0));
        let broken = [0.5_f32, f32::NAN, 0.0, 2.0, -1.0, 0.0];
        assert_eq!(compare(&[scored(&logits)], &[scored(&broken)]).unwrap().verdict, ParityVerdict::Broken);
        assert!(compare(&[scored(&logits)], &[]).is_none());
        assert!(compare(&[Scored { ids: &ids[..1], logits: &logits }], &[scored(&logits)]).is_none());
    }

    #[test]
    fn the_first_token_that_differs_is_counted_from_one() {
        assert_eq!(first_different(&[1, 2, 3], &[1, 2, 3]), None);
        assert_eq!(first_different(&[1, 2, 3], &[1, 5, 3]), Some(2));
        assert_eq!(first_different(&[1, 2, 3], &[1, 2]), Some(3));
        assert_eq!(first_different(&[], &[7]), Some(1));
    }
}
