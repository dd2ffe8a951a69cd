//! How a head is asked, of models that have one: options of `accelerate`.

use clap::Args;
use pelago_protocol::{HeadOptions, Input, Task};
use pelago_session::RunError;

use super::values;

/// How a head is asked.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Models that label texts, find entities, fill masks or answer questions")]
pub(super) struct Asking {
    /// The second text of a pair: what answers the question, a document for the query, a sentence that may follow. Once for each text, or several for one
    #[arg(long, value_name = "TEXT", conflicts_with = "chat")]
    pair: Vec<String>,
    /// Labels that the texts may get, of a model of natural language inference (zero-shot-classification)
    #[arg(long, value_name = "LABELS", value_delimiter = ',')]
    labels: Vec<String>,
    /// The sentence that says such a label, with {} in its place [default: "This example is {}."]
    #[arg(long, value_name = "SENTENCE", requires = "labels")]
    hypothesis: Option<String>,
    /// Say of each of such labels whether it is true; otherwise one of them is
    #[arg(long, requires = "labels")]
    multi_label: bool,
    /// Labels, tokens for a mask, or answers that are kept, the best first [default: all labels, 5 tokens, 1 answer]
    #[arg(long, value_name = "N", value_parser = values::whole::<u32>(1..=1_000_000))]
    top: Option<u32>,
    /// Tokens that an answer may have [default: 15]
    #[arg(long, value_name = "N", value_parser = values::whole::<u32>(1..=1_000_000))]
    max_answer_len: Option<u32>,
    /// Tokens of a question with a piece of its text, where a long one is read in pieces [default: 384, or what the model takes]
    #[arg(long, value_name = "N", value_parser = values::whole::<u32>(1..=1_000_000))]
    max_seq_len: Option<u32>,
    /// Tokens that a piece shares with the one before it [default: 128, or half a piece]
    #[arg(long, value_name = "N", value_parser = values::whole::<u32>(0..=1_000_000))]
    doc_stride: Option<u32>,
}

impl Asking {
    /// Pairs of these texts, where second ones are given.
    ///
    /// # Errors
    /// [`RunError::Unsupported`] where it is not clear which go together.
    pub(super) fn pairs(&self, texts: &[String]) -> Result<Option<Input>, RunError> {
        let (firsts, seconds) = (texts.len(), self.pair.len());
        let both = |(first, second): (&String, &String)| [first.clone(), second.clone()];
        match texts {
            _ if seconds == 0 => Ok(None),
            [one] => Ok(Some(Input::Pairs(self.pair.iter().map(|second| [one.clone(), second.clone()]).collect()))),
            _ if firsts == seconds => Ok(Some(Input::Pairs(texts.iter().zip(&self.pair).map(both).collect()))),
            _ => Err(RunError::Unsupported {
                what: format!("{firsts} texts with {seconds} second ones"),
                advice: "give one text with all of them, or as many texts as second ones".into(),
            }),
        }
    }

    /// The task that the options name.
    pub(super) fn task(&self) -> Option<Task> {
        (!self.labels.is_empty()).then_some(Task::ZeroShotClassification)
    }

    pub(super) fn options(&self) -> HeadOptions {
        HeadOptions {
            labels: self.labels.iter().map(|label| label.trim().to_owned()).collect(),
            hypothesis: self.hypothesis.clone(),
            multi_label: self.multi_label,
            top_k: self.top,
            max_answer_len: self.max_answer_len,
            max_seq_len: self.max_seq_len,
            doc_stride: self.doc_stride,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Given {
        #[command(flatten)]
        asking: Asking,
        #[arg(long)]
        chat: bool,
    }

    fn pairs(texts: &[&str], arguments: &[&str]) -> Result<Option<Input>, RunError> {
        let given = Given::try_parse_from(["x"].iter().chain(arguments)).unwrap();
        given.asking.pairs(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_text_goes_with_each_second_one_or_each_with_its_own() {
        let of = |pairs: &[(&str, &str)]| Some(Input::from(pairs));
        assert_eq!(pairs(&["q"], &["--pair", "a", "--pair", "b"]).unwrap(), of(&[("q", "a"), ("q", "b")]));
        assert_eq!(pairs(&["p", "q"], &["--pair", "a", "--pair", "b"]).unwrap(), of(&[("p", "a"), ("q", "b")]));
        assert_eq!(pairs(&["q"], &[]).unwrap(), None);
        assert!(pairs(&["p", "q", "r"], &["--pair", "a", "--pair", "b"]).is_err());
    }

    #[test]
    fn labels_name_the_task() {
        let given = Given::try_parse_from(["x", "--labels", "travel, cooking", "--multi-label"]).unwrap();
        assert_eq!(given.asking.task(), Some(Task::ZeroShotClassification));
        assert_eq!(given.asking.options().labels, ["travel", "cooking"]);
        assert!(Given::try_parse_from(["x", "--multi-label"]).is_err());
    }
}
