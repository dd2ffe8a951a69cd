//! Texts to the rows that a graph runs on, and its vectors back to one a text.

use pelago_protocol::{DType, EmbedData, Graphs, OnLong, Tensor};

use crate::{Error, TextModel};

/// How texts are encoded.
#[derive(Clone, Copy, Debug)]
pub struct EncodeOptions<'a> {
    /// The name of a prompt; `None` for the model's default, `""` for none.
    pub prompt: Option<&'a str>,
    /// What happens to a text that is too long.
    pub on_long: OnLong,
}

/// The rows of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Tokens of each row, without padding.
    pub lengths: Vec<u32>,
    /// The ids of all rows, one after the other.
    pub ids: Vec<i32>,
    /// The type of each token; `None` where all are 0.
    pub types: Option<Vec<i32>>,
    /// The text that each row is of.
    pub of: Vec<usize>,
    /// Tokens of a row that pooling leaves out, at its front: those of a prompt.
    pub unpooled: u32,
    /// The id that fills a shorter row.
    pub pad_id: u32,
    /// Whether padding stands before the tokens.
    pub pad_left: bool,
    /// The prompt's name, where one was put before the texts.
    pub prompt: Option<String>,
    /// Number of the graph's task, where the model has tasks and the prompt is one.
    pub task: Option<u32>,
    /// Texts that were cut, by their numbers from 0.
    pub truncated: Vec<usize>,
    /// Texts that are empty: their vectors are those of the special tokens alone.
    pub empty: Vec<usize>,
}

impl Tokens {
    /// Tokens of each text: of all its rows, where it was split.
    #[must_use]
    pub fn of_texts(&self) -> Vec<usize> {
        let mut tokens = vec![0; self.of.last().map_or(0, |last| last + 1)];
        for (text, length) in self.of.iter().zip(&self.lengths) {
            tokens[*text] += *length as usize;
        }
        tokens
    }
}

impl TextModel {
    /// The rows for texts.
    ///
    /// # Errors
    /// `NoPrompt`, `TooLong`, `NoTokens`, `TokenBeyondTable`, `Tokenize`; a text is named by its number.
    pub fn encode(&self, texts: &[String], options: EncodeOptions<'_>) -> Result<Tokens, Error> {
        let prompt = self.prompts.choose(options.prompt)?;
        let before = prompt.map_or("", |(_, text)| text);
        let prepared = texts.iter().map(|text| self.prepare(before, text)).collect();
        let mut tokens = Tokens {
            pad_id: self.tokenizer.pad_id,
            pad_left: self.tokenizer.pad_left,
            prompt: prompt.map(|(name, _)| name.to_owned()),
            task: self.task(prompt.map(|(name, _)| name)),
            unpooled: if self.modules.pools_prompt { 0 } else { self.prompt_length(before)? },
            ..Tokens::default()
        };
        let mut types = Vec::new();
        for (text, encoding) in self.tokenizer.encode(prepared)?.into_iter().enumerate() {
            let number = text + 1;
            let over = encoding.get_overflowing();
            if !over.is_empty() {
                match options.on_long {
                    OnLong::Error => {
                        let own = std::iter::once(&encoding).chain(over).map(tokenizers::Encoding::len).sum::<usize>();
                        let most = self.tokenizer.max_tokens.unwrap_or_default();
                        let tokens = own - over.len() * self.tokenizer.special;
                        return Err(Error::TooLong { number, tokens, most });
                    }
                    OnLong::Truncate => tokens.truncated.push(text),
                    OnLong::Split => {}
                }
            }
            if texts[text].chars().all(is_blank) {
                tokens.empty.push(text);
            }
            let mut pieces = vec![&encoding];
            if options.on_long == OnLong::Split {
                pieces.extend(over);
                if self.tokenizer.cuts_front() {
                    pieces.reverse();
                }
            }
            for piece in pieces {
                let ids = piece.get_ids();
                if ids.is_empty() {
                    return Err(Error::NoTokens { number });
                }
                if let Some((token, rows)) = self.beyond(ids) {
                    return Err(Error::TokenBeyondTable { number, token, rows });
                }
                tokens.lengths.push(u32::try_from(ids.len()).unwrap_or(u32::MAX));
                tokens.ids.extend(ids.iter().map(|id| *id as i32));
                types.extend(piece.get_type_ids().iter().map(|kind| *kind as i32));
                tokens.of.push(text);
            }
        }
        tokens.types = types.iter().any(|kind| *kind != 0).then_some(types);
        Ok(tokens)
    }

    /// What the page is asked for these rows.
    #[must_use]
    pub fn embed_data(&self, graphs: Graphs, tokens: &Tokens) -> (EmbedData, Vec<Tensor>) {
        let tensor = |name: &str, values: &[i32]| Tensor {
            name: name.to_owned(),
            dtype: DType::Int32,
            shape: vec![values.len()],
            bytes: values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>().into(),
        };
        let mut tensors = vec![tensor("input_ids", &tokens.ids)];
        tensors.extend(tokens.types.as_ref().map(|types| tensor("token_type_ids", types)));
        let data = EmbedData {
            graphs,
            lengths: tokens.lengths.clone(),
            pad_id: tokens.pad_id,
            pad_left: tokens.pad_left,
            max_tokens: self.max_tokens(),
            pooling: self.pooling().to_vec(),
            unpooled: tokens.unpooled,
            task_id: tokens.task,
        };
        (data, tensors)
    }

    /// The vectors of texts from what the graph gave for their rows, `[rows, dimensions]`. `by_graph` says that the
    /// graph has done all that the modules do.
    ///
    /// # Errors
    /// `Shape` where a module takes other vectors, `Dimensions` where more are asked for than there are.
    pub fn finish(
        &self,
        tokens: &Tokens,
        mut values: Vec<f32>,
        mut dimensions: usize,
        by_graph: bool,
        truncate_dim: Option<usize>,
    ) -> Result<(Vec<f32>, usize), Error> {
        if tokens.of.last().is_some_and(|last| last + 1 < tokens.of.len()) {
            values = joined(tokens, &values, dimensions, self.tokenizer.special);
        }
        if !by_graph {
            (values, dimensions) = self.modules.finish(values, dimensions)?;
        } else if self.modules.normalizes() {
            crate::modules::normalize(&mut values, dimensions);
        }
        let Some(asked) = truncate_dim else { return Ok((values, dimensions)) };
        if asked == 0 || asked > dimensions {
            return Err(Error::Dimensions { asked, dimensions });
        }
        let cut = values.chunks_exact(dimensions).flat_map(|row| &row[..asked]).copied().collect();
        Ok((cut, asked))
    }

    /// As sentence-transformers prepares a text: the prompt before it, and in lower case where the model's settings
    /// say so. That is done letter by letter, so a sigma at the end of a word is one as elsewhere.
    fn prepare(&self, prompt: &str, text: &str) -> String {
        let joined = format!("{prompt}{text}");
        if self.lower_case { joined.chars().flat_map(char::to_lowercase).collect() } else { joined }
    }

    /// Tokens of a prompt with those before it, without the one that ends a text.
    fn prompt_length(&self, prompt: &str) -> Result<u32, Error> {
        if prompt.is_empty() {
            return Ok(0);
        }
        let encoded = self.tokenizer.encode(vec![self.prepare(prompt, "")])?;
        let ids = encoded.first().map(tokenizers::Encoding::get_ids).unwrap_or_default();
        let ends = ids.last().is_some_and(|id| self.tokenizer.is_special(*id));
        Ok(u32::try_from(ids.len() - usize::from(ends)).unwrap_or(u32::MAX))
    }

    fn beyond(&self, ids: &[u32]) -> Option<(u32, usize)> {
        let rows = self.rows?;
        ids.iter().find(|id| **id as usize >= rows).map(|id| (*id, rows))
    }
}

/// What Python's `str.strip` takes away: Unicode's white space, and four control characters.
pub(crate) fn is_blank(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

/// The mean of the vectors of each text's rows, weighted by their tokens.
fn joined(tokens: &Tokens, values: &[f32], dimensions: usize, special: usize) -> Vec<f32> {
    let texts = tokens.of.last().map_or(0, |last| last + 1);
    let mut sums = vec![0.0_f64; texts * dimensions];
    let mut weights = vec![0.0_f64; texts];
    for ((row, text), length) in values.chunks_exact(dimensions.max(1)).zip(&tokens.of).zip(&tokens.lengths) {
        let weight = (*length as usize).saturating_sub(special).max(1) as f64;
        weights[*text] += weight;
        let sums = &mut sums[text * dimensions..(text + 1) * dimensions];
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * f64::from(*value));
    }
    let mean = |(at, sum): (usize, f64)| (sum / weights[at / dimensions]) as f32;
    sums.into_iter().enumerate().map(mean).collect()
}
