//! Texts and pairs to the rows that a graph with a head runs on.

use pelago_protocol::{HeadOptions, Input, OnLong, Task};

use super::config::Config;
use super::tokens::{RowTokens, part, pieces};
use super::{fills, labels};
use crate::Error;
use crate::encode::is_blank;
use crate::tokenizer::HeadTokenizer;

/// A text, with the second one of a pair.
pub(super) type Pair = (String, Option<String>);

/// The rows of a request.
#[derive(Clone, Debug)]
pub struct HeadRows {
    /// At least one of each text.
    pub rows: Vec<HeadRow>,
    /// The id that fills a shorter row.
    pub pad_id: u32,
    /// Tokens that a row may have; `None` where nothing limits them.
    pub max_tokens: Option<usize>,
    /// Texts that were cut, by their numbers from 0.
    pub truncated: Vec<usize>,
    pub(super) texts: Vec<Pair>,
    pub(super) asked: Asked,
}

/// One row.
#[derive(Clone, Debug)]
pub struct HeadRow {
    pub(super) tokens: RowTokens,
    /// The text that it is of.
    pub(super) of: usize,
    has_types: bool,
}

/// What is to be found.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    Labels { most: Option<usize> },
    ZeroShot { labels: Vec<String>, each: bool },
    Entities,
    Fills { mask: u32, most: usize },
    Answers { most: usize, longest: usize },
}

impl HeadRows {
    /// The graph's outputs that are to be read, by name.
    #[must_use]
    pub fn outputs(&self) -> &'static [&'static str] {
        if matches!(self.asked, Asked::Answers { .. }) { &["start_logits", "end_logits"] } else { &["logits"] }
    }

    /// Whether an output has a number, or several, for each token. Otherwise they are for the whole row.
    #[must_use]
    pub fn is_by_token(&self) -> bool {
        !matches!(self.asked, Asked::Labels { .. } | Asked::ZeroShot { .. })
    }
}

impl HeadRow {
    /// Its tokens, special ones included.
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.tokens.ids
    }

    /// The type of a token: 1 in the second text of a pair, of models that tell them apart by it.
    #[must_use]
    pub fn kind(&self, token: usize) -> u32 {
        if self.has_types { self.tokens.types[token] } else { 0 }
    }
}

/// How a row that is too long is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// The longer text loses tokens, or the only one.
    Longest,
    /// The first loses tokens.
    First,
    /// The second is cut into pieces that share so many tokens.
    Second(usize),
}

/// The rows for an input.
pub(super) fn of(
    config: &Config,
    tokenizer: &HeadTokenizer,
    (task, options, on_long): (Task, &HeadOptions, OnLong),
    input: &Input,
) -> Result<HeadRows, Error> {
    let texts = texts(input);
    check_words(&texts)?;
    let kept = options.top_k.map(|most| most as usize);
    let (mut cut, mut most, mut sentences) = (Cut::Longest, tokenizer.max_tokens, None);
    let asked = match task {
        Task::TokenClassification => Asked::Entities,
        Task::FillMask => {
            let Some((_, mask)) = &tokenizer.mask else {
                let what = "a vocabulary without a mask".to_owned();
                let help = "use a model that was trained to fill masks";
                return Err(Error::Unsupported { file: "tokenizer_config.json".to_owned(), what, help });
            };
            Asked::Fills { mask: *mask, most: kept.unwrap_or(HeadOptions::FILLS as usize) }
        }
        Task::QuestionAnswering => {
            let (length, stride) = lengths(tokenizer, options)?;
            (cut, most) = (Cut::Second(stride), Some(length));
            let longest = options.max_answer_len.unwrap_or(HeadOptions::ANSWER_TOKENS) as usize;
            Asked::Answers { most: kept.unwrap_or(1), longest }
        }
        Task::ZeroShotClassification => {
            config.entailment()?;
            sentences = Some(hypotheses(options, &texts)?);
            cut = Cut::First;
            Asked::ZeroShot { labels: options.labels.clone(), each: options.multi_label }
        }
        _ => Asked::Labels { most: kept },
    };
    // Of each text and each label one, the labels of a text side by side.
    let each = sentences.as_ref().map_or(1, |_| options.labels.len().max(1));
    let pairs = sentences.as_ref().unwrap_or(&texts);
    let inputs = pairs.iter().map(|(text, pair)| (text.as_str(), pair.as_deref())).collect::<Vec<_>>();
    let mut rows = HeadRows {
        rows: Vec::with_capacity(inputs.len()),
        pad_id: tokenizer.pad_id,
        max_tokens: most,
        truncated: Vec::new(),
        asked,
        texts: Vec::new(),
    };
    for (at, encoding) in tokenizer.encode(&inputs)?.into_iter().enumerate() {
        let (of, whole) = (at / each, RowTokens::from(encoding));
        let (number, tokens) = (of + 1, whole.len());
        let over = most.filter(|most| tokens > *most);
        if let Some(most) = over.filter(|_| on_long == OnLong::Error) {
            return Err(Error::TooLong { number, tokens, most });
        }
        let cuts = match over {
            None => vec![whole],
            Some(most) => cut_to(&whole, cut, most, tokenizer.cuts_front, number)?,
        };
        let is_cut = over.is_some() && !matches!(cut, Cut::Second(_));
        if is_cut && rows.truncated.last() != Some(&of) {
            rows.truncated.push(of);
        }
        let has_types = config.has_types && tokenizer.has_types;
        rows.rows.extend(cuts.into_iter().map(|tokens| HeadRow { tokens, of, has_types }));
    }
    for row in &rows.rows {
        check_row(config, tokenizer, &rows.asked, row)?;
    }
    rows.texts = texts;
    Ok(rows)
}

/// What is made of a row with too many tokens.
fn cut_to(whole: &RowTokens, cut: Cut, most: usize, front: bool, number: usize) -> Result<Vec<RowTokens>, Error> {
    let no_room = |what, tokens| Error::NoRoom { number, what, tokens, most };
    // What the other text and the special tokens leave.
    let room = |text| most.saturating_sub(whole.len() - whole.count(text));
    match cut {
        Cut::Longest => Ok(whole.cut(most, front).into_iter().collect()),
        Cut::First if room(0) == 0 => Err(no_room("label", whole.count(1))),
        Cut::First => Ok(vec![whole.with(0, part(whole.count(0), room(0), front))]),
        Cut::Second(stride) if room(1) <= stride => Err(no_room("question", whole.count(0))),
        Cut::Second(stride) => {
            let pieces = pieces(whole.count(1), room(1), stride);
            Ok(pieces.into_iter().map(|piece| whole.with(1, piece)).collect())
        }
    }
}

fn texts(input: &Input) -> Vec<Pair> {
    match input {
        Input::Texts(texts) => texts.iter().map(|text| (text.clone(), None)).collect(),
        Input::Pairs(pairs) => pairs.iter().map(|[first, second]| (first.clone(), Some(second.clone()))).collect(),
        Input::Chat(_) | Input::Tensors(_) => Vec::new(),
    }
}

fn check_words(texts: &[Pair]) -> Result<(), Error> {
    let is_empty = |text: &String| text.chars().all(is_blank);
    for (at, (text, pair)) in texts.iter().enumerate() {
        let second = pair.as_ref().is_some_and(is_empty);
        if second || is_empty(text) {
            return Err(Error::EmptyText { number: at + 1, second });
        }
    }
    Ok(())
}

fn check_row(config: &Config, tokenizer: &HeadTokenizer, asked: &Asked, row: &HeadRow) -> Result<(), Error> {
    let number = row.of + 1;
    if row.ids().is_empty() {
        return Err(Error::EmptyText { number, second: false });
    }
    if let (Asked::Fills { mask, .. }, Some((name, _))) = (asked, &tokenizer.mask)
        && fills::masks(row.ids(), *mask).is_empty()
    {
        return Err(Error::NoMask { number, mask: name.clone() });
    }
    let beyond = |rows: usize| row.ids().iter().find(|id| **id as usize >= rows).map(|token| (*token, rows));
    match config.vocabulary.and_then(beyond) {
        Some((token, rows)) => Err(Error::TokenBeyondTable { number, token, rows }),
        None => Ok(()),
    }
}

/// The length of the pieces that a context is cut into, with the question, and how much of them neighbours share.
fn lengths(tokenizer: &HeadTokenizer, options: &HeadOptions) -> Result<(usize, usize), Error> {
    let most = tokenizer.max_tokens;
    let usual = most.unwrap_or(usize::MAX).min(HeadOptions::PIECE_TOKENS as usize);
    let length = options.max_seq_len.map_or(usual, |length| length as usize);
    let stride = options.doc_stride.map_or((length / 2).min(HeadOptions::STRIDE as usize), |stride| stride as usize);
    if most.is_some_and(|most| length > most) || stride >= length {
        return Err(Error::Pieces { length, stride, most });
    }
    Ok((length, stride))
}

/// Each text with each label, as a sentence.
fn hypotheses(options: &HeadOptions, texts: &[Pair]) -> Result<Vec<Pair>, Error> {
    let template = options.hypothesis.as_deref().unwrap_or(HeadOptions::HYPOTHESIS);
    let said = options.labels.iter().map(|label| labels::hypothesis(template, label));
    let said = said.collect::<Result<Vec<_>, Error>>()?;
    let with = |text: &String| said.iter().map(|said| (text.clone(), Some(said.clone()))).collect::<Vec<_>>();
    Ok(texts.iter().flat_map(|(text, _)| with(text)).collect())
}
