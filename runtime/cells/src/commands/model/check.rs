//! `model check`: a model beside another library's vectors.

use std::path::Path;

use pelago_protocol::{Input, ParityVerdict, Request};
use polars::prelude::{Column, DataFrame, NamedFrom, PolarsError, Series};
use serde_json::json;

use super::answer::Answer;
use super::arguments::Check;
use pelago_protocol::Observer;
use pelago_session::{Golden, GoldenCompared, RunError, Session, SessionError};

impl Check {
    /// Runs the model on the file's texts and compares. The file's path is relative to `folder`.
    pub(super) async fn perform(
        self,
        session: &Session,
        folder: &Path,
        observer: &Observer,
    ) -> Result<Answer, SessionError> {
        let golden = match &self.golden {
            Some(file) => {
                let path = folder.join(file);
                let name = file.display().to_string();
                let bytes = std::fs::read(&path)
                    .map_err(|error| RunError::Golden { file: name.clone(), problem: error.to_string() })?;
                Golden::read(&name, &bytes)?
            }
            None => session.golden(&self.model, Some(observer)).await?,
        };
        let route = Request {
            platform: self.platform,
            browser: self.browser,
            precision: self.precision,
            ..Request::new(self.model.as_str(), Input::Texts(Vec::new()))
        };
        let compared = session.check_golden(&golden, &route, Some(observer.clone())).await?;
        Ok(answer(&self.model, &golden.library, &compared)?)
    }
}

fn is_good(case: &GoldenCompared) -> bool {
    let near = |verdict| matches!(verdict, ParityVerdict::Exact | ParityVerdict::Close);
    case.other_ids.is_none() && case.parity.as_ref().is_some_and(|parity| near(parity.verdict))
}

fn ids(case: &GoldenCompared) -> String {
    match (case.has_ids, case.other_ids) {
        (false, _) => "not given".to_owned(),
        (true, None) => "equal".to_owned(),
        (true, Some(number)) => format!("other in text {number}"),
    }
}

fn verdict(case: &GoldenCompared) -> String {
    match &case.parity {
        Some(parity) => parity.verdict.to_string(),
        None => format!("another shape: {:?}", case.shape),
    }
}

fn answer(model: &str, library: &str, compared: &[GoldenCompared]) -> Result<Answer, PolarsError> {
    let is_failed = !compared.iter().all(is_good);
    let said = if is_failed { "does not agree with" } else { "agrees with" };
    let parity = |field: fn(&pelago_protocol::Parity) -> f64| -> Vec<Option<f64>> {
        compared.iter().map(|case| case.parity.as_ref().map(field)).collect()
    };
    let cosines = parity(|parity| parity.cosine);
    let errors = parity(|parity| parity.max_abs_error);
    let rows = compared.iter().enumerate().map(|(number, case)| {
        let figures = match &case.parity {
            Some(parity) => format!("cosine {:.7}, largest difference {:.1e}", parity.cosine, parity.max_abs_error),
            None => String::new(),
        };
        let prompt = case.prompt.as_ref().map(|name| format!(", prompt {name}")).unwrap_or_default();
        format!(
            "  case {}: {} texts{prompt}: token ids {}, {figures} {}",
            number + 1,
            case.texts,
            ids(case),
            verdict(case)
        )
    });
    let columns: Vec<Column> = vec![
        Series::new("case".into(), (1..=compared.len() as u64).collect::<Vec<_>>()).into(),
        Series::new("texts".into(), compared.iter().map(|case| case.texts as u64).collect::<Vec<_>>()).into(),
        Series::new("prompt".into(), compared.iter().map(|case| case.prompt.clone()).collect::<Vec<_>>()).into(),
        Series::new("token_ids".into(), compared.iter().map(ids).collect::<Vec<_>>()).into(),
        Series::new("cosine".into(), cosines).into(),
        Series::new("max_abs_error".into(), errors).into(),
        Series::new("verdict".into(), compared.iter().map(verdict).collect::<Vec<_>>()).into(),
    ];
    let json = compared.iter().enumerate().map(|(number, case)| {
        json!({
            "case": number + 1, "texts": case.texts, "prompt": case.prompt, "token_ids": ids(case),
            "shape": case.shape, "parity": case.parity,
        })
    });
    Ok(Answer {
        head: vec![format!("{model} {said} {library}")],
        rows: rows.collect(),
        table: Some(DataFrame::new(compared.len(), columns)?),
        json: json.collect(),
        is_failed,
    })
}
