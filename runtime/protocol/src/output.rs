//! What a model gave, and the run that it came of.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::packed::{Attached, Attachments, PackedError};
use crate::{AnsweredQuestion, EntityText, FilledText, GeneratedText, LabelledText, Report, Tensor};

/// What a model gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// One vector a text.
    Embeddings {
        /// `[batch, hidden]`
        shape: [usize; 2],
        /// Row-major.
        #[serde(skip)]
        values: Vec<f32>,
    },
    /// One text a prompt.
    Texts(Vec<GeneratedText>),
    /// Labels of each text, or of each pair of texts.
    Labels(Vec<LabelledText>),
    /// Entities of each text.
    Entities(Vec<EntityText>),
    /// Tokens for the masks of each text.
    Fills(Vec<FilledText>),
    /// Answers to each question.
    Answers(Vec<AnsweredQuestion>),
    /// The graph's own outputs.
    Tensors(Vec<Tensor>),
}

/// A run that ended well: its report is recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What was asked, what ran, and how long each part took.
    pub report: Report,
    /// What the model gave.
    pub output: Output,
}

impl Output {
    /// The vectors, row-major, of shape [`Output::shape`]. Empty for a model that does not embed.
    #[must_use]
    pub fn embedding(&self) -> &[f32] {
        match self {
            Self::Embeddings { values, .. } => values,
            _ => &[],
        }
    }

    /// `[batch, hidden]`; zeros for a model that does not embed.
    #[must_use]
    pub fn shape(&self) -> [usize; 2] {
        match self {
            Self::Embeddings { shape, .. } => *shape,
            _ => [0, 0],
        }
    }

    /// One vector a text, each of length `hidden`.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.embedding().chunks(self.shape()[1].max(1))
    }

    /// The text that was made for the first prompt; empty for a model that makes none.
    #[must_use]
    pub fn text(&self) -> &str {
        self.texts().first().map_or("", |text| &text.text)
    }

    /// The texts that were made, one a prompt; empty for a model that makes none.
    #[must_use]
    pub fn texts(&self) -> &[GeneratedText] {
        match self {
            Self::Texts(texts) => texts,
            _ => &[],
        }
    }

    /// The labels of each text; empty for a model that gives none.
    #[must_use]
    pub fn labels(&self) -> &[LabelledText] {
        if let Self::Labels(texts) = self { texts } else { &[] }
    }

    /// The entities of each text; empty for a model that finds none.
    #[must_use]
    pub fn entities(&self) -> &[EntityText] {
        if let Self::Entities(texts) = self { texts } else { &[] }
    }

    /// The tokens for the masks of each text; empty for a model that fills none.
    #[must_use]
    pub fn fills(&self) -> &[FilledText] {
        if let Self::Fills(texts) = self { texts } else { &[] }
    }

    /// The answers to each question; empty for a model that gives none.
    #[must_use]
    pub fn answers(&self) -> &[AnsweredQuestion] {
        if let Self::Answers(questions) = self { questions } else { &[] }
    }

    /// The graph's own outputs by name; of a model that embeds, the one tensor `embedding`.
    #[must_use]
    pub fn tensors(&self) -> Vec<Tensor> {
        match self {
            Self::Embeddings { shape, values } => {
                Tensor::from_f32("embedding", shape.to_vec(), values).into_iter().collect()
            }
            Self::Tensors(tensors) => tensors.clone(),
            _ => Vec::new(),
        }
    }
}

impl Attached for Output {
    fn detach(&self, attachments: &mut Vec<Bytes>) {
        match self {
            Self::Embeddings { values, .. } => {
                attachments.push(values.iter().flat_map(|value| value.to_le_bytes()).collect());
            }
            Self::Tensors(tensors) => tensors.detach(attachments),
            Self::Texts(_) | Self::Labels(_) | Self::Entities(_) | Self::Fills(_) | Self::Answers(_) => {}
        }
    }

    fn attach(&mut self, attachments: &mut Attachments) -> Result<(), PackedError> {
        match self {
            Self::Embeddings { shape, values } => {
                let bytes = attachments.take()?;
                let (chunks, rest) = bytes.as_chunks::<4>();
                let expected = shape.iter().try_fold(1_usize, |product, length| product.checked_mul(*length));
                if !rest.is_empty() || expected != Some(chunks.len()) {
                    let expected = expected.and_then(|values| values.checked_mul(4)).unwrap_or(usize::MAX);
                    return Err(PackedError::Vectors { shape: *shape, expected, found: bytes.len() });
                }
                *values = chunks.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect();
                Ok(())
            }
            Self::Tensors(tensors) => tensors.attach(attachments),
            Self::Texts(_) | Self::Labels(_) | Self::Entities(_) | Self::Fills(_) | Self::Answers(_) => Ok(()),
        }
    }
}

impl Attached for Run {
    fn detach(&self, attachments: &mut Vec<Bytes>) {
        self.output.detach(attachments);
    }

    fn attach(&mut self, attachments: &mut Attachments) -> Result<(), PackedError> {
        self.output.attach(attachments)
    }
}
