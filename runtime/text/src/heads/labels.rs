//! Labels of a text: those that the model was trained for, and those of the user, of which the model says whether they
//! follow from the text.

use pelago_protocol::Label;

use super::config::{Config, Function};
use super::scores::{descending, sigmoid, softmax};
use crate::Error;

/// The labels that a model was trained for, the best first.
pub(super) fn trained(config: &Config, logits: &[f32], most: Option<usize>) -> Result<Vec<Label>, Error> {
    let names = config.labels(logits.len())?;
    let scores = match config.function(logits.len()) {
        Function::Softmax => softmax(logits),
        Function::Sigmoid => logits.iter().map(|logit| sigmoid(*logit)).collect(),
        Function::None => logits.iter().copied().map(f64::from).collect(),
    };
    let mut labels = names.into_iter().zip(scores).map(|(label, score)| Label { label, score }).collect::<Vec<_>>();
    labels.sort_by(|a, b| descending(a.score, b.score));
    labels.truncate(most.unwrap_or(usize::MAX));
    Ok(labels)
}

/// A sentence with a label in its place.
pub(super) fn hypothesis(template: &str, label: &str) -> Result<String, Error> {
    let wrong = || Error::Hypothesis { template: template.to_owned() };
    let (before, after) = template.split_once("{}").ok_or_else(wrong)?;
    if before.contains(['{', '}']) || after.contains(['{', '}']) {
        Err(wrong())
    } else {
        Ok(format!("{before}{label}{after}"))
    }
}

/// What the model says of each of the user's labels, by whether the sentence with it follows from the text: the best
/// first. `each` says that each is true or not by itself.
pub(super) fn zero_shot(
    config: &Config,
    labels: &[String],
    logits: &[Vec<f32>],
    each: bool,
) -> Result<Vec<Label>, Error> {
    let entailment = config.entailment()?;
    let mut entails = Vec::with_capacity(labels.len());
    for row in logits {
        config.labels(row.len())?;
        let Some(logit) = row.get(entailment) else {
            return Err(Error::Labels { named: entailment + 1, given: row.len() });
        };
        // The pipeline takes the last label for the contradiction where the first one is the entailment, else the first.
        let contradiction = if entailment == 0 { row.last() } else { row.first() };
        entails.push([contradiction.copied().unwrap_or(*logit), *logit]);
    }
    let scores = if each || labels.len() == 1 {
        entails.iter().map(|both| softmax(both)[1]).collect()
    } else {
        softmax(&entails.iter().map(|[_, logit]| *logit).collect::<Vec<_>>())
    };
    let mut found =
        labels.iter().zip(scores).map(|(label, score)| Label { label: label.clone(), score }).collect::<Vec<_>>();
    found.sort_by(|a, b| descending(a.score, b.score));
    Ok(found)
}
