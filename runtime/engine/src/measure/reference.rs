//! What the runs of a measurement are compared with: one run's output, and of a model that makes text what it says of
//! texts.

use pelago_protocol::{GeneratedText, GenerationParity, Observer, Output, Parity};
use pelago_statistics::scores;

use super::distance::distance;
use crate::run::candidate::Candidate;
use crate::task::generate::prompts_of;
use crate::task::score::Scored;
use crate::{Engine, RunError};

/// Tokens that a model is asked of, of all texts together: the logits of each are as many numbers as it knows tokens.
const SCORED_TOKENS: usize = 128;

/// What runs are compared with.
pub(crate) struct Reference {
    output: Output,
    /// Texts, and the logits after each of their tokens; none of a model that makes no text.
    scored: Vec<(Scored, Vec<f32>)>,
}

impl Reference {
    /// Of a run that `candidate` gave.
    ///
    /// # Errors
    /// Those of asking the page what the model says of the texts.
    pub(crate) async fn of(
        engine: &Engine,
        candidate: &Candidate,
        output: Output,
        observer: Option<&Observer>,
    ) -> Result<Self, RunError> {
        let mut scored = Vec::new();
        if let Output::Texts(answers) = &output {
            for text in texts(engine, candidate, answers).await? {
                let logits = engine.score(candidate, &text, observer).await?;
                scored.push((text, logits));
            }
        }
        Ok(Self { output, scored })
    }

    /// The distance of another candidate, which gave `output`; `None` where the two cannot be compared.
    ///
    /// # Errors
    /// As [`Reference::of`].
    pub(crate) async fn distance(
        &self,
        engine: &Engine,
        candidate: &Candidate,
        output: &Output,
        observer: Option<&Observer>,
    ) -> Result<Option<Parity>, RunError> {
        if self.scored.is_empty() {
            return Ok(distance(&self.output, output));
        }
        let mut run = Vec::with_capacity(self.scored.len());
        for (text, _) in &self.scored {
            run.push(engine.score(candidate, text, observer).await?);
        }
        let reference = self.scored.iter().map(|(text, logits)| scores::Scored { ids: &text.ids, logits });
        let run = self.scored.iter().zip(&run).map(|((text, _), logits)| scores::Scored { ids: &text.ids, logits });
        let parity = scores::compare(&reference.collect::<Vec<_>>(), &run.collect::<Vec<_>>());
        Ok(parity.map(|parity| self.with_tokens(parity, output)))
    }

    /// The distance of one run more of a candidate whose distance is known.
    pub(crate) fn again(&self, known: Option<&Parity>, output: &Output) -> Option<Parity> {
        if self.scored.is_empty() {
            return distance(&self.output, output);
        }
        known.map(|known| self.with_tokens(known.clone(), output))
    }

    /// With the place of the first token that is another one.
    fn with_tokens(&self, parity: Parity, output: &Output) -> Parity {
        let (Output::Texts(reference), Output::Texts(run)) = (&self.output, output) else { return parity };
        let rows = || reference.iter().zip(run).map(|(reference, run)| (ids(reference), ids(run)));
        let first = rows().filter_map(|(reference, run)| scores::first_different(&reference, &run)).min();
        let compared = rows().map(|(reference, run)| reference.len().max(run.len())).max().unwrap_or_default();
        let generation = parity.generation.map(|generation| GenerationParity {
            first_different_token: first,
            compared_tokens: u32::try_from(compared).unwrap_or(u32::MAX),
            ..generation
        });
        Parity { generation, ..parity }
    }
}

fn ids(text: &GeneratedText) -> Vec<u32> {
    text.tokens.iter().map(|token| token.id).collect()
}

/// The texts that a model is asked of: a decoder's prompts; of an encoder–decoder, the answers that it gave.
async fn texts(engine: &Engine, candidate: &Candidate, answers: &[GeneratedText]) -> Result<Vec<Scored>, RunError> {
    let Candidate { asked, prepared, .. } = candidate;
    let model = engine.preparer.generator(prepared).await?;
    let prompts = prompts_of(&model, prepared, asked)?;
    let begins_with = &model.defaults().decoder_ids;
    let (mut texts, mut room, mut start) = (Vec::new(), SCORED_TOKENS, 0);
    for (length, answer) in prompts.lengths.iter().zip(answers) {
        let prompt = &prompts.ids[start..start + *length as usize];
        start += prompt.len();
        let (encoded, text) = if begins_with.is_empty() {
            (None, prompt.to_vec())
        } else {
            let answer = begins_with.iter().copied().chain(ids(answer));
            // Ids are rows of a table, of which there are fewer.
            (Some(prompt.to_vec()), answer.map(|id| i32::try_from(id).unwrap_or(i32::MAX)).collect())
        };
        let taken = text.len().min(room);
        room -= taken;
        if taken > 0 {
            texts.push(Scored { encoded, ids: text[..taken].to_vec() });
        }
    }
    Ok(texts)
}
