//! What is done with a model, by the names of Hugging Face's pipelines.

use crate::Family;

crate::word::words! {
    /// What is done with a model.
    Task, "task" {
        /// Texts become vectors.
        FeatureExtraction = "feature-extraction",
        /// A text, or a pair of texts, gets labels.
        TextClassification = "text-classification",
        /// Tokens get labels, and neighbours of one label become an entity.
        TokenClassification = "token-classification",
        /// Tokens are found for the place of a mask.
        FillMask = "fill-mask",
        /// The answer to a question is found in a text.
        QuestionAnswering = "question-answering",
        /// A text gets labels that the model was not trained for.
        ZeroShotClassification = "zero-shot-classification",
        /// A text, or a chat, is continued.
        TextGeneration = "text-generation",
        /// A text becomes another text: a translation, a summary.
        Text2TextGeneration = "text2text-generation",
    }
}

impl Task {
    /// What a model of a family does where nothing says more of it; `None` of families whose tasks do not run yet.
    #[must_use]
    pub fn of_family(family: Family) -> Option<Self> {
        match family {
            Family::TextEmbedding => Some(Self::FeatureExtraction),
            Family::TextGeneration => Some(Self::TextGeneration),
            Family::TextToText => Some(Self::Text2TextGeneration),
            Family::Vision | Family::Audio | Family::Multimodal => None,
        }
    }

    /// Whether it makes text a token at a time.
    #[must_use]
    pub fn generates(self) -> bool {
        matches!(self, Self::TextGeneration | Self::Text2TextGeneration)
    }

    /// What a checkpoint's head must be for, where this is done with a head: labels that a model was not trained for
    /// come of one that labels pairs.
    #[must_use]
    pub fn head(self) -> Option<Self> {
        match self {
            Self::TextClassification | Self::TokenClassification | Self::FillMask | Self::QuestionAnswering => {
                Some(self)
            }
            Self::ZeroShotClassification => Some(Self::TextClassification),
            Self::FeatureExtraction | Self::TextGeneration | Self::Text2TextGeneration => None,
        }
    }
}
