//! What a session has, as DataFrames: one row a browser, one row a model.

use polars::prelude::{Column, DataFrame, NamedFrom, Series};

use super::{Session, SessionError};

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
            texts("id", &|found| found.id.clone()),
            texts("browser", &|found| found.kind.to_string()),
            texts("product", &|found| found.product.name().to_owned()),
            texts("version", &|found| found.version.clone()),
            texts("binary", &|found| found.binary.display().to_string()),
            texts("driver", &|found| found.driver.display().to_string()),
        ];
        Ok(DataFrame::new(installations.len(), columns)?)
    }

    /// Models that have a name: `name`, `cid`, `bytes`, `files`, `added`, `source`.
    ///
    /// # Errors
    /// [`SessionError`] where the index cannot be read.
    pub async fn models_frame(&self) -> Result<DataFrame, SessionError> {
        let models = self.models().list().await?;
        let columns = vec![
            column("name", models.iter().map(|model| model.name.clone()).collect()),
            column("cid", models.iter().map(|model| model.cid.to_string()).collect()),
            Series::new("bytes".into(), models.iter().map(|model| model.size).collect::<Vec<_>>()).into(),
            Series::new("files".into(), models.iter().map(|model| model.files).collect::<Vec<_>>()).into(),
            column("added", models.iter().map(|model| model.added_at.clone()).collect()),
            column("source", models.iter().map(|model| model.source.clone()).collect()),
        ];
        Ok(DataFrame::new(models.len(), columns)?)
    }
}

fn column(name: &str, values: Vec<String>) -> Column {
    Series::new(name.into(), values).into()
}
