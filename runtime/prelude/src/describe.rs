//! `describe` of a DataFrame, as Python's Polars has it and the Rust library has not.

use polars::prelude::{
    ChunkAgg, ChunkQuantile, ChunkVar, Column, DataFrame, DataType, NamedFrom, PolarsResult, QuantileMethod, Series,
};

/// The rows of the table.
const STATISTICS: [&str; 9] = ["count", "null_count", "mean", "std", "min", "25%", "50%", "75%", "max"];

/// A summary of the columns of a frame.
pub trait Describe {
    /// A table with a row a statistic and a column a column: `count`, `null_count`, `mean`, `std` (with `n - 1`), `min`,
    /// quartiles (the nearest value) and `max`. Flags have no `std` and no quartiles; texts have counts, `min` and
    /// `max`; other types have counts.
    ///
    /// # Errors
    /// Those of Polars, for types that it cannot cast.
    fn describe(&self) -> PolarsResult<DataFrame>;
}

impl Describe for DataFrame {
    fn describe(&self) -> PolarsResult<DataFrame> {
        let names: Vec<&str> = STATISTICS.to_vec();
        let mut columns: Vec<Column> = vec![Series::new("statistic".into(), names).into()];
        for column in self.columns() {
            columns.push(of(column.as_materialized_series())?.into());
        }
        DataFrame::new(STATISTICS.len(), columns)
    }
}

fn of(series: &Series) -> PolarsResult<Series> {
    let (nulls, count) = (series.null_count(), series.len() - series.null_count());
    let name = series.name().clone();
    let dtype = series.dtype();
    let is_flag = *dtype == DataType::Boolean;
    if dtype.is_numeric() || is_flag {
        let cast = series.cast(&DataType::Float64)?;
        let values = cast.f64()?;
        let quantile = |q| if is_flag { Ok(None) } else { values.quantile(q, QuantileMethod::Nearest) };
        #[expect(clippy::cast_precision_loss, reason = "frames have fewer rows than 2^52")]
        let (nulls, count) = (nulls as f64, count as f64);
        return Ok(Series::new(
            name,
            [
                Some(count),
                Some(nulls),
                values.mean(),
                values.std(1).filter(|_| !is_flag),
                values.min(),
                quantile(0.25)?,
                quantile(0.5)?,
                quantile(0.75)?,
                values.max(),
            ],
        ));
    }
    let mut rows = vec![Some(count.to_string()), Some(nulls.to_string())];
    rows.resize(STATISTICS.len(), None);
    if let Ok(texts) = series.str() {
        let texts = || texts.iter().flatten();
        rows[4] = texts().min().map(str::to_owned);
        rows[8] = texts().max().map(str::to_owned);
    }
    Ok(Series::new(name, rows))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use polars::prelude::df;

    use super::*;

    /// Values of Python's Polars 2.1 for the same frame.
    #[test]
    fn it_is_what_python_gives() {
        let frame = df!("n" => [Some(3), Some(1), Some(4), None], "s" => ["b", "a", "c", "a"], "t" => [true, false, true, true]).unwrap();
        let found = frame.describe().unwrap();
        let numbers = |name: &str| found.column(name).unwrap().f64().unwrap().iter().collect::<Vec<_>>();
        let n = [3.0, 1.0, 8.0 / 3.0, 1.527_525_231_651_946_8, 1.0, 3.0, 3.0, 4.0, 4.0];
        for (found, expected) in numbers("n").into_iter().zip(n) {
            assert!((found.unwrap() - expected).abs() < 1e-12, "{found:?} for {expected}");
        }
        let flags = [Some(4.0), Some(0.0), Some(0.75), None, Some(0.0), None, None, None, Some(1.0)];
        assert_eq!(numbers("t"), flags);
        let texts = found.column("s").unwrap().str().unwrap().iter().collect::<Vec<_>>();
        assert_eq!(texts, [Some("4"), Some("0"), None, None, Some("a"), None, None, None, Some("c")]);
    }
}
