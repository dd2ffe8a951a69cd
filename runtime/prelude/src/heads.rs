//! What models with a head say of texts: labels, entities, tokens for masks, answers.

use pelago_protocol::cells::Content;
use pelago_protocol::{Input, Output, Report, Task};
use polars::prelude::{Column, DataFrame, NamedFrom, Series};

use crate::{Error, Result, Run, Show, accelerate};

/// The best label of each text, or of each pair of texts, with `model` (a name, a CID or a path).
/// `accelerate(model, input).task(Task::TextClassification)` gives all of them.
///
/// # Errors
/// [`Error`], as [`Accelerate::run`](crate::Accelerate::run).
pub fn classify(model: impl Into<String>, input: impl Into<Input>) -> Result<Predictions> {
    accelerate(model, input).task(Task::TextClassification).top_k(1).run()?.predictions()
}

/// Documents in the order in which they answer a query, by a cross-encoder.
///
/// # Errors
/// [`Error`], as [`Accelerate::run`](crate::Accelerate::run); `no_ranking` of a model that gives a pair more than one score.
pub fn rerank<D: Into<String>>(
    model: impl Into<String>,
    query: impl Into<String>,
    documents: impl IntoIterator<Item = D>,
) -> Result<Predictions> {
    let query = query.into();
    let pairs = documents.into_iter().map(|document| [query.clone(), document.into()]).collect::<Vec<_>>();
    let run = accelerate(model, pairs).task(Task::TextClassification).run()?;
    let frame = ranking(run.output())?;
    Ok(Predictions { run, frame })
}

/// The entities of texts, such as persons and places.
///
/// # Errors
/// [`Error`], as [`Accelerate::run`](crate::Accelerate::run).
pub fn entities(model: impl Into<String>, input: impl Into<Input>) -> Result<Predictions> {
    accelerate(model, input).task(Task::TokenClassification).run()?.predictions()
}

/// The five most likely tokens for each mask of texts.
///
/// # Errors
/// [`Error`], as [`Accelerate::run`](crate::Accelerate::run).
pub fn fill_mask(model: impl Into<String>, input: impl Into<Input>) -> Result<Predictions> {
    accelerate(model, input).task(Task::FillMask).run()?.predictions()
}

/// The part of a text that answers a question.
///
/// # Errors
/// [`Error`], as [`Accelerate::run`](crate::Accelerate::run).
pub fn answer(
    model: impl Into<String>,
    question: impl Into<String>,
    context: impl Into<String>,
) -> Result<Predictions> {
    let pair = vec![[question.into(), context.into()]];
    accelerate(model, pair).task(Task::QuestionAnswering).run()?.predictions()
}

/// How well labels fit texts, by a model of natural language inference that was not trained for them. One of them fits;
/// `accelerate(model, input).labels(…).multi_label(true)` says of each whether it does.
///
/// # Errors
/// [`Error`], as [`Accelerate::run`](crate::Accelerate::run).
pub fn zero_shot<L: Into<String>>(
    model: impl Into<String>,
    input: impl Into<Input>,
    labels: impl IntoIterator<Item = L>,
) -> Result<Predictions> {
    accelerate(model, input).labels(labels).run()?.predictions()
}

/// What a model with a head said, and the run that it came of.
#[derive(Clone, Debug)]
pub struct Predictions {
    run: Run,
    frame: DataFrame,
}

impl Run {
    /// What the model said, of a model with a head: labels, entities, tokens for masks, answers.
    ///
    /// # Errors
    /// `no_predictions` of a run that gave something else.
    pub fn predictions(self) -> Result<Predictions> {
        Predictions::of(self)
    }
}

impl Predictions {
    fn of(run: Run) -> Result<Self> {
        let frame = frame(run.output())?;
        Ok(Self { run, frame })
    }

    /// One row each: `text`, `label`, `score` (and `pair`, of pairs); `document`, `score` in order; `text`,
    /// `entity_group`, `word`, `score`, `start`, `end`; `text`, `mask`, `token_str`, `token`, `score`, `sequence`; or
    /// `question`, `answer`, `score`, `start`, `end`. Places are in Unicode code points.
    #[must_use]
    pub fn frame(&self) -> DataFrame {
        self.frame.clone()
    }

    /// The same as values.
    #[must_use]
    pub fn output(&self) -> &Output {
        self.run.output()
    }

    /// Device, provider, timings, bytes: every field of the report.
    #[must_use]
    pub fn report(&self) -> &Report {
        self.run.report()
    }

    /// The run.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.run
    }
}

impl Show for Predictions {
    fn content(&self) -> Content {
        self.run.content()
    }
}

/// One row for each thing that was said.
fn frame(output: &Output) -> Result<DataFrame> {
    match output {
        Output::Labels(texts) => {
            let rows = || texts.iter().flat_map(|text| text.labels.iter().map(move |label| (text, label)));
            let mut columns = vec![strings("text", rows().map(|(text, _)| text.text.as_str()))];
            if texts.iter().any(|text| text.pair.is_some()) {
                columns.push(strings("pair", rows().map(|(text, _)| text.pair.as_deref().unwrap_or_default())));
            }
            columns.push(strings("label", rows().map(|(_, label)| label.label.as_str())));
            columns.push(floats("score", rows().map(|(_, label)| label.score)));
            of(columns)
        }
        Output::Entities(texts) => {
            let rows = || texts.iter().flat_map(|text| text.entities.iter().map(move |entity| (text, entity)));
            of(vec![
                strings("text", rows().map(|(text, _)| text.text.as_str())),
                strings("entity_group", rows().map(|(_, entity)| entity.entity_group.as_str())),
                strings("word", rows().map(|(_, entity)| entity.word.as_str())),
                floats("score", rows().map(|(_, entity)| entity.score)),
                whole("start", rows().map(|(_, entity)| entity.start as u64)),
                whole("end", rows().map(|(_, entity)| entity.end as u64)),
            ])
        }
        Output::Fills(texts) => {
            let masks = || texts.iter().flat_map(|text| text.masks.iter().enumerate().map(move |mask| (text, mask)));
            let rows = || masks().flat_map(|(text, (mask, fills))| fills.iter().map(move |fill| (text, mask, fill)));
            of(vec![
                strings("text", rows().map(|(text, ..)| text.text.as_str())),
                whole("mask", rows().map(|(_, mask, _)| mask as u64)),
                strings("token_str", rows().map(|(.., fill)| fill.token_str.as_str())),
                whole("token", rows().map(|(.., fill)| u64::from(fill.token))),
                floats("score", rows().map(|(.., fill)| fill.score)),
                strings("sequence", rows().map(|(.., fill)| fill.sequence.as_str())),
            ])
        }
        Output::Answers(questions) => {
            let rows = || questions.iter().flat_map(|one| one.answers.iter().map(move |answer| (one, answer)));
            of(vec![
                strings("question", rows().map(|(question, _)| question.question.as_str())),
                strings("answer", rows().map(|(_, answer)| answer.answer.as_str())),
                floats("score", rows().map(|(_, answer)| answer.score)),
                whole("start", rows().map(|(_, answer)| answer.start as u64)),
                whole("end", rows().map(|(_, answer)| answer.end as u64)),
            ])
        }
        Output::Embeddings { .. } | Output::Texts(_) | Output::Tensors(_) => Err(Error {
            code: "no_predictions".to_owned(),
            message: "the model gave neither labels nor entities, tokens or answers".to_owned(),
            help: "use a model with a head, and name the task where its configuration names another".to_owned(),
        }),
    }
}

/// Documents and their scores, the best first.
fn ranking(output: &Output) -> Result<DataFrame> {
    let mut ranked = Vec::with_capacity(output.labels().len());
    for text in output.labels() {
        match (&text.pair, text.labels.as_slice()) {
            (Some(document), [label]) => ranked.push((document.as_str(), label.score)),
            _ => {
                return Err(Error {
                    code: "no_ranking".to_owned(),
                    message: format!(
                        "the model gives a pair {} labels, and a ranking needs one score",
                        text.labels.len()
                    ),
                    help: "use a cross-encoder with one label, or `classify` for the labels of pairs".to_owned(),
                });
            }
        }
    }
    ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let scores = ranked.iter().map(|(_, score)| *score);
    of(vec![strings("document", ranked.iter().map(|(document, _)| *document)), floats("score", scores)])
}

fn of(columns: Vec<Column>) -> Result<DataFrame> {
    Ok(DataFrame::new(columns.first().map_or(0, Column::len), columns)?)
}

fn strings<'a>(name: &str, values: impl Iterator<Item = &'a str>) -> Column {
    Series::new(name.into(), values.collect::<Vec<_>>()).into()
}

fn floats(name: &str, values: impl Iterator<Item = f64>) -> Column {
    Series::new(name.into(), values.collect::<Vec<_>>()).into()
}

fn whole(name: &str, values: impl Iterator<Item = u64>) -> Column {
    Series::new(name.into(), values.collect::<Vec<_>>()).into()
}

#[cfg(test)]
mod tests {
    use pelago_protocol::{Label, LabelledText};

    use super::*;

    fn labelled(pair: Option<&str>, labels: &[(&str, f64)]) -> LabelledText {
        let label = |(label, score): &(&str, f64)| Label { label: (*label).to_owned(), score: *score };
        let labels = labels.iter().map(label).collect();
        LabelledText { text: "a text".to_owned(), pair: pair.map(str::to_owned), labels }
    }

    fn names(frame: &DataFrame) -> Vec<String> {
        frame.columns().iter().map(|column| column.name().to_string()).collect()
    }

    #[test]
    fn a_label_is_a_row() {
        let texts = vec![labelled(None, &[("A", 0.75), ("B", 0.25)]), labelled(None, &[("A", 1.0)])];
        let found = frame(&Output::Labels(texts)).unwrap();
        assert_eq!((names(&found), found.height()), (["text", "label", "score"].map(str::to_owned).to_vec(), 3));
        let pairs = frame(&Output::Labels(vec![labelled(Some("another"), &[("A", 1.0)])])).unwrap();
        assert_eq!(names(&pairs), ["text", "pair", "label", "score"]);
        assert_eq!(frame(&Output::Tensors(Vec::new())).unwrap_err().code, "no_predictions");
    }

    #[test]
    fn documents_are_in_order() {
        let pairs = vec![labelled(Some("far"), &[("A", 0.1)]), labelled(Some("near"), &[("A", 0.9)])];
        let found = ranking(&Output::Labels(pairs)).unwrap();
        assert_eq!(names(&found), ["document", "score"]);
        assert_eq!(found.column("document").unwrap().str().unwrap().get(0), Some("near"));
        let two = vec![labelled(Some("far"), &[("A", 0.1), ("B", 0.9)])];
        assert_eq!(ranking(&Output::Labels(two)).unwrap_err().code, "no_ranking");
    }
}
