//! Comparing a model with vectors that another library gave: a `golden.json` of the model's folder or of the user's,
//! as `scripts/golden.py` writes it.

use pelago_models::PrepareError;
use pelago_protocol::{Observer, OnLong, Output, Parity, Request};
use pelago_text::EncodeOptions;
use serde::Deserialize;

use super::distance::distance;
use crate::run::checked::Checked;
use crate::{Engine, RunError};

/// The name of the file in a model's folder.
pub const GOLDEN: &str = "golden.json";
/// Longest file that is read.
const FILE_MAX: u64 = 256 << 20;

/// Vectors of another library.
#[derive(Clone, Debug, Deserialize)]
pub struct Golden {
    /// The library, e.g. `sentence-transformers`.
    pub library: String,
    /// Batches of texts.
    pub cases: Vec<GoldenCase>,
}

/// Texts and their vectors.
#[derive(Clone, Debug, Deserialize)]
pub struct GoldenCase {
    /// One a row.
    pub texts: Vec<String>,
    /// The prompt that was put before them, by its name.
    #[serde(default)]
    pub prompt: Option<String>,
    /// Their token ids, special ones included, without padding.
    #[serde(default)]
    pub ids: Option<Vec<Vec<i64>>>,
    /// `[texts, dimensions]`.
    pub embeddings: Vec<Vec<f32>>,
}

/// One case compared.
#[derive(Clone, Debug, PartialEq)]
pub struct GoldenCompared {
    /// Texts.
    pub texts: usize,
    /// The prompt's name.
    pub prompt: Option<String>,
    /// The first text whose token ids differ, from 1; `None` where all are equal, or none were given.
    pub other_ids: Option<usize>,
    /// Whether the file has token ids.
    pub has_ids: bool,
    /// How far the vectors are; `None` where they have another shape.
    pub parity: Option<Parity>,
    /// Shape of the model's vectors.
    pub shape: [usize; 2],
}

impl Golden {
    /// Reads a file's bytes; `file` names it in errors.
    ///
    /// # Errors
    /// [`RunError::Golden`] where it is none, or where its parts do not go together.
    pub fn read(file: &str, bytes: &[u8]) -> Result<Self, RunError> {
        let wrong = |problem: String| RunError::Golden { file: file.to_owned(), problem };
        let golden: Self = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        if golden.cases.is_empty() {
            return Err(wrong("it has no cases".to_owned()));
        }
        for (number, case) in golden.cases.iter().enumerate() {
            let number = number + 1;
            let (texts, vectors) = (case.texts.len(), case.embeddings.len());
            if texts == 0 || texts != vectors {
                return Err(wrong(format!("case {number} has {texts} texts and {vectors} embeddings")));
            }
            if case.ids.as_ref().is_some_and(|ids| ids.len() != texts) {
                return Err(wrong(format!("case {number} does not have ids for each of its {texts} texts")));
            }
            let dimensions = case.embeddings[0].len();
            if dimensions == 0 || case.embeddings.iter().any(|row| row.len() != dimensions) {
                return Err(wrong(format!("the embeddings of case {number} are not all of one length")));
            }
        }
        Ok(golden)
    }

    /// The golden file of a model's own folder.
    ///
    /// # Errors
    /// [`RunError::Golden`] where there is none; those of finding the model.
    pub async fn of_model(engine: &Engine, model: &str, observer: Option<&Observer>) -> Result<Self, RunError> {
        let (described, _) = engine.preparer.describe(model, observer).await?;
        if described.file(GOLDEN).is_none() {
            let problem = format!("{} has no such file", described.name);
            return Err(RunError::Golden { file: GOLDEN.to_owned(), problem });
        }
        let bytes = engine.preparer.store().read_all(described.cid, GOLDEN, FILE_MAX).await?;
        Self::read(GOLDEN, &bytes)
    }
}

/// Runs a model on the texts of a golden file and compares. `route` says where and how it runs; its input and
/// prompt are the file's. Each run is recorded with its distance.
///
/// # Errors
/// As [`Engine::accelerate`].
pub async fn check(
    engine: &Engine,
    golden: &Golden,
    route: &Request,
    observer: Option<Observer>,
) -> Result<Vec<GoldenCompared>, RunError> {
    let mut compared = Vec::with_capacity(golden.cases.len());
    for case in &golden.cases {
        let request = Request {
            input: case.texts.clone().into(),
            // A file without a prompt was made with the model's default, as the library does it.
            prompt: case.prompt.clone(),
            on_long: OnLong::Truncate,
            ..route.clone()
        };
        let other_ids = other_ids(engine, case, &request, observer.as_ref()).await?;
        let expected = Output::Embeddings {
            shape: [case.embeddings.len(), case.embeddings[0].len()],
            values: case.embeddings.concat(),
        };
        let reference = |output: &Output| {
            distance(&expected, output).map(|parity| Parity { reference: "golden".to_owned(), ..parity })
        };
        let run = engine.accelerate_compared(&request, observer.clone(), reference).await?;
        let shape = match &run.output {
            Output::Embeddings { shape, .. } => *shape,
            _ => [0, 0],
        };
        compared.push(GoldenCompared {
            texts: case.texts.len(),
            prompt: run.report.prompt.clone(),
            other_ids,
            has_ids: case.ids.is_some(),
            parity: run.report.parity,
            shape,
        });
    }
    Ok(compared)
}

/// The first text whose token ids are not those of the file.
async fn other_ids(
    engine: &Engine,
    case: &GoldenCase,
    request: &Request,
    observer: Option<&Observer>,
) -> Result<Option<usize>, RunError> {
    let Some(expected) = &case.ids else { return Ok(None) };
    let prepared = engine.prepare(&Checked::of(request.clone())?, observer).await?;
    let model = engine.preparer.text(&prepared).await?;
    let options = EncodeOptions { prompt: request.prompt.as_deref(), on_long: request.on_long };
    let tokens = model
        .encode(&case.texts, options)
        .map_err(|source| PrepareError::Text { model: prepared.source.name.clone(), source })?;
    let mut rest = tokens.ids.as_slice();
    for (number, (length, expected)) in tokens.lengths.iter().zip(expected).enumerate() {
        let (row, after) = rest.split_at(*length as usize);
        rest = after;
        if !row.iter().map(|id| i64::from(*id)).eq(expected.iter().copied()) {
            return Ok(Some(number + 1));
        }
    }
    Ok(None)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_whose_parts_do_not_go_together_is_refused() {
        let refused = |json: &str| Golden::read("golden.json", json.as_bytes()).unwrap_err().to_string();
        for (json, wanted) in [
            ("{", "golden.json"),
            (r#"{"library": "x", "cases": []}"#, "no cases"),
            (r#"{"library": "x", "cases": [{"texts": ["a"], "embeddings": []}]}"#, "1 texts and 0 embeddings"),
            (r#"{"library": "x", "cases": [{"texts": ["a", "b"], "embeddings": [[1], [1, 2]]}]}"#, "one length"),
            (r#"{"library": "x", "cases": [{"texts": ["a"], "ids": [], "embeddings": [[1]]}]}"#, "ids"),
        ] {
            assert!(refused(json).contains(wanted), "{json}: {}", refused(json));
        }
    }
}
