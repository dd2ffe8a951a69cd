//! A model with a head, but for its graph: texts and pairs to rows of tokens, and what the head gives for them to
//! labels, entities, tokens or answers. The rules and the order are those of the pipelines of `transformers`.

mod answers;
mod config;
mod entities;
mod fills;
mod labels;
mod rows;
mod scores;
mod tokens;

use pelago_protocol::{
    Answer, AnsweredQuestion, Entity, EntityText, Fill, FilledText, HeadOptions, Input, LabelledText, OnLong, Output,
    Task,
};

use self::config::Config;
use self::rows::Asked;
pub use self::rows::{HeadRow, HeadRows};
use crate::tokenizer::HeadTokenizer;
use crate::{Error, Files};

/// Files of a model's folder that are read, where they are there.
const FILES: [&str; 8] = [
    "added_tokens.json",
    "config.json",
    "merges.txt",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
];

/// A model with a head, but for its graph.
#[derive(Debug)]
pub struct HeadText {
    config: Config,
    tokenizer: HeadTokenizer,
}

/// What the head gave for one row, as far as that can be said of the row alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Read(Of);

#[derive(Clone, Debug, PartialEq)]
enum Of {
    Logits(Vec<f32>),
    Entities(Vec<Entity>),
    Fills(Vec<Vec<Fill>>),
    Answers(Vec<Answer>),
}

impl HeadText {
    /// Reads a model's files, those of [`needed`](Self::needed).
    ///
    /// # Errors
    /// `Missing` without a tokenizer or a config; `Damaged` and `Unsupported` name the file.
    pub fn read(files: &Files) -> Result<Self, Error> {
        Ok(Self { config: Config::read(files)?, tokenizer: HeadTokenizer::read(files)? })
    }

    /// Which of a model's files [`read`](Self::read) reads.
    pub fn needed<'a>(paths: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        paths.into_iter().filter(|path| FILES.contains(path)).map(str::to_owned).collect()
    }

    /// The rows that the graph is to run on for a task that has a head.
    ///
    /// # Errors
    /// `EmptyText`, `NoMask`, `TooLong`, `NoRoom`, `Pieces`, `Hypothesis`, `NoEntailment`, `TokenBeyondTable` and
    /// `Tokenize`; a text is named by its number.
    pub fn rows(&self, task: Task, input: &Input, options: &HeadOptions, on_long: OnLong) -> Result<HeadRows, Error> {
        rows::of(&self.config, &self.tokenizer, (task, options, on_long), input)
    }

    /// How many numbers the head gives for a token, where it gives many: as many as there are words.
    #[must_use]
    pub fn values_a_token(&self, task: Task) -> usize {
        if task == Task::FillMask { self.config.vocabulary.unwrap_or(1).max(1) } else { 1 }
    }

    /// What the head gave for a row, by the row's number: the graph's outputs, in the order of [`HeadRows::outputs`],
    /// without padding.
    ///
    /// # Errors
    /// `HeadShape` and `Labels` where they are of other sizes than they should be, `Decode`.
    pub fn read_row(&self, rows: &HeadRows, number: usize, values: &[&[f32]]) -> Result<Read, Error> {
        let row = &rows.rows[number];
        let tokens = row.ids().len();
        let wrong = |found: usize| Error::HeadShape { row: number, tokens, found };
        let [logits, rest @ ..] = values else { return Err(wrong(0)) };
        let a_token =
            || (!logits.is_empty() && logits.len().is_multiple_of(tokens)).then_some(()).ok_or(wrong(logits.len()));
        Ok(Read(match &rows.asked {
            Asked::Labels { .. } | Asked::ZeroShot { .. } => {
                if logits.is_empty() {
                    return Err(wrong(0));
                }
                Of::Logits(logits.to_vec())
            }
            Asked::Entities => {
                a_token()?;
                Of::Entities(entities::find(&self.config, &self.tokenizer, &row.tokens, logits)?)
            }
            Asked::Fills { mask, most } => {
                a_token()?;
                let masks = fills::masks(row.ids(), *mask);
                Of::Fills(fills::find(&self.tokenizer, row.ids(), &masks, logits, *most)?)
            }
            Asked::Answers { most, longest } => {
                let Some(end) = rest.first().filter(|end| end.len() == tokens && logits.len() == tokens) else {
                    return Err(wrong(logits.len()));
                };
                let context = rows.texts[row.of].1.as_deref().unwrap_or_default();
                Of::Answers(answers::find(
                    &row.tokens,
                    self.tokenizer.cls_id,
                    context,
                    [logits, end],
                    [*most, *longest],
                ))
            }
        }))
    }

    /// What the rows together say of each text.
    ///
    /// # Errors
    /// `Labels` where the graph gives others than `config.json` names.
    pub fn output(&self, rows: HeadRows, read: Vec<Read>) -> Result<Output, Error> {
        let HeadRows { rows, texts, asked, .. } = rows;
        let mut of_texts = texts.into_iter().map(|text| (text, Vec::new())).collect::<Vec<_>>();
        for (row, Read(read)) in rows.into_iter().zip(read) {
            of_texts[row.of].1.push(read);
        }
        let of_texts = of_texts.into_iter();
        Ok(match asked {
            Asked::Labels { most } => Output::Labels(
                of_texts
                    .map(|((text, pair), read)| {
                        let logits = logits(read).pop().unwrap_or_default();
                        Ok(LabelledText { text, pair, labels: labels::trained(&self.config, &logits, most)? })
                    })
                    .collect::<Result<_, Error>>()?,
            ),
            Asked::ZeroShot { labels, each } => Output::Labels(
                of_texts
                    .map(|((text, _), read)| {
                        let labels = labels::zero_shot(&self.config, &labels, &logits(read), each)?;
                        Ok(LabelledText { text, pair: None, labels })
                    })
                    .collect::<Result<_, Error>>()?,
            ),
            Asked::Entities => Output::Entities(
                of_texts
                    .map(|((text, _), read)| {
                        let entities =
                            read.into_iter().flat_map(|of| if let Of::Entities(all) = of { all } else { vec![] });
                        EntityText { text, entities: entities.collect() }
                    })
                    .collect(),
            ),
            Asked::Fills { .. } => Output::Fills(
                of_texts
                    .map(|((text, _), read)| {
                        let masks = read.into_iter().flat_map(|of| if let Of::Fills(all) = of { all } else { vec![] });
                        FilledText { text, masks: masks.collect() }
                    })
                    .collect(),
            ),
            Asked::Answers { most, .. } => Output::Answers(
                of_texts
                    .map(|((question, _), read)| {
                        let found =
                            read.into_iter().flat_map(|of| if let Of::Answers(all) = of { all } else { vec![] });
                        AnsweredQuestion { question, answers: answers::merged(found, most) }
                    })
                    .collect(),
            ),
        })
    }
}

fn logits(read: Vec<Of>) -> Vec<Vec<f32>> {
    read.into_iter().filter_map(|of| if let Of::Logits(logits) = of { Some(logits) } else { None }).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
