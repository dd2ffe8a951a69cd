//! Models as a DataFrame.

use polars::prelude::{Column, DataFrame, NamedFrom, PolarsError, Series};

use super::Model;

/// One row a model: `name`, `size` (bytes), `files`, `cid`, `source`, `added_at` (RFC 3339).
///
/// # Errors
/// Polars'.
pub fn frame(models: &[Model]) -> Result<DataFrame, PolarsError> {
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
