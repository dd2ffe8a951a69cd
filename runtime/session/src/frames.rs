//! What a session has, for those who look: its browsers, and one model.

use pelago_models::Model;
use pelago_protocol::cells::{ModelFile, ModelInfo};
use pelago_protocol::{Observer, Tuned};
use polars::prelude::{Column, DataFrame, NamedFrom, PolarsError, Series};

use crate::{Session, SessionError};

impl Session {
    /// Browsers that can be opened: `browser`, `product`, `version`, `driver`, `remote`.
    ///
    /// # Errors
    /// [`SessionError::Frame`].
    pub fn browsers_frame(&self) -> Result<DataFrame, SessionError> {
        let installations = &self.browsers().discovery().installations;
        let texts = |name: &str, of: &dyn Fn(&pelago_browser::driver::Installation) -> String| {
            column(name, installations.iter().map(of).collect())
        };
        let columns = vec![
            texts("id", &|found| found.id.to_string()),
            texts("browser", &|found| found.kind.to_string()),
            texts("product", &|found| found.product.name().to_owned()),
            texts("version", &|found| found.version.clone()),
            texts("binary", &|found| found.binary.display().to_string()),
            texts("driver", &|found| found.driver.display().to_string()),
        ];
        Ok(DataFrame::new(installations.len(), columns)?)
    }

    /// One model: a name, a CID, or a folder, which is added first. What is not here is fetched.
    ///
    /// # Errors
    /// [`SessionError`] where it is not known, and nobody has it.
    pub async fn model(&self, model: &str, observer: Option<&Observer>) -> Result<ModelInfo, SessionError> {
        let (described, fetched) = self.engine.preparer().describe(model, observer).await?;
        let files = described.files.iter().map(|file| ModelFile {
            path: file.path.clone(),
            size: file.size,
            cid: file.cid.to_string(),
        });
        let sources = fetched.iter().flat_map(|fetched| &fetched.sources).filter(|source| source.bytes > 0);
        Ok(ModelInfo {
            name: described.name.clone(),
            cid: described.cid.to_string(),
            family: described.family,
            size: described.size(),
            files: files.collect(),
            fetched_bytes: fetched.as_ref().map_or(0, |fetched| fetched.bytes),
            fetched_seconds: fetched.as_ref().map_or(0.0, |fetched| fetched.elapsed.as_secs_f64()),
            sources: sources.map(|source| (format!("{} {}", source.kind, source.name), source.bytes)).collect(),
        })
    }
}

/// What each group of layers adds to the error: `layers`, `error_added`, `bytes_saved`.
///
/// # Errors
/// [`SessionError::Frame`].
pub fn sensitivities_frame(tuned: &Tuned) -> Result<DataFrame, SessionError> {
    let groups = &tuned.sensitivities;
    let layers = groups.iter().map(|group| group.layers.join(", ")).collect::<Vec<_>>();
    let columns = vec![
        column("layers", layers),
        Series::new("error_added".into(), groups.iter().map(|group| group.error).collect::<Vec<_>>()).into(),
        Series::new("bytes_saved".into(), groups.iter().map(|group| group.saved).collect::<Vec<_>>()).into(),
    ];
    Ok(DataFrame::new(groups.len(), columns)?)
}

/// One row a model: `name`, `size` (bytes), `files`, `cid`, `source`, `added_at` (RFC 3339).
///
/// # Errors
/// Polars'.
pub fn models_frame(models: &[Model]) -> Result<DataFrame, PolarsError> {
    let texts = |name: &str, of: fn(&Model) -> String| -> Column {
        Series::new(name.into(), models.iter().map(of).collect::<Vec<_>>()).into()
    };
    let numbers = |name: &str, of: fn(&Model) -> u64| -> Column {
        Series::new(name.into(), models.iter().map(of).collect::<Vec<_>>()).into()
    };
    let columns = vec![
        texts("name", |model| model.name.clone()),
        numbers("size", |model| model.size),
        numbers("files", |model| model.files),
        texts("cid", |model| model.cid.to_string()),
        texts("source", |model| model.source.clone()),
        texts("added_at", |model| model.added_at.clone()),
    ];
    DataFrame::new(models.len(), columns)
}

fn column(name: &str, values: Vec<String>) -> Column {
    Series::new(name.into(), values).into()
}
