//! `pelago history`: earlier runs of this machine, and SQL over them.

use std::process::ExitCode;

use pelago_results::{Filter, Place, Results};
use pelago_session::{SessionError, SessionOptions};
use polars::prelude::{DataFrame, JsonFormat, JsonWriter, SerWriter};

use crate::args::History;
use crate::failure::Failure;
use crate::output;
use crate::output::table;

pub(crate) async fn run(options: &SessionOptions, arguments: History) -> Result<ExitCode, Failure> {
    let results = open(options, arguments.db_only).await?;
    let frame = match &arguments.sql {
        Some(query) => results.sql(query).await.map_err(SessionError::from)?,
        None => {
            let filter = Filter { limit: Some(arguments.limit.into()), ..Filter::default() };
            results.history(filter).await.map_err(SessionError::from)?
        }
    };
    if arguments.json {
        print_json(frame)?;
    } else if arguments.sql.is_some() {
        output::print(&frame.to_string())?;
    } else {
        output::print(&table::summary(&frame).map_err(SessionError::from)?.to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The results, without browsers and models: nothing of a session is needed to read them.
pub(crate) async fn open(options: &SessionOptions, db_only: bool) -> Result<Results, Failure> {
    let place = if db_only { Place::ReadOnly(options.results.database()) } else { options.results.clone() };
    Ok(Results::at(place).await.map_err(SessionError::from)?)
}

fn print_json(mut frame: DataFrame) -> Result<(), Failure> {
    JsonWriter::new(std::io::stdout().lock())
        .with_json_format(JsonFormat::JsonLines)
        .finish(&mut frame)
        .map_err(SessionError::from)?;
    Ok(())
}
