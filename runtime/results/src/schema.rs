//! The tables of the database, their version, and how older ones become the
//! newest. It does not know reports.

use std::path::Path;

use duckdb::Connection;

use super::ResultsError;

/// The version of the tables, and of the lines of journals, that this code writes.
pub(super) const VERSION: u64 = STEPS.len() as u64;

/// Step `n` makes version `n + 1` of version `n`; what a released Pelago wrote
/// is never edited, only followed by another step.
pub(super) const STEPS: &[&str] = &[
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    concat!(include_str!("schema_5.sql"), include_str!("parts_of_runs.sql")),
    include_str!("schema_6.sql"),
];

/// The version from which on parts of a run are rows of their own.
pub(super) const PARTS: u64 = 5;

/// Makes the parts of runs that an older version recorded.
///
/// # Errors
/// Those of DuckDB.
pub(super) fn make_parts(connection: &Connection) -> duckdb::Result<()> {
    connection.execute_batch(include_str!("parts_of_runs.sql"))
}

/// Brings a database to the newest version, in one transaction.
///
/// # Errors
/// [`ResultsError::Newer`] and [`ResultsError::Foreign`], which leave the database
/// untouched, and those of DuckDB.
pub(super) fn migrate(connection: &Connection, path: &Path, steps: &[&str]) -> Result<(), ResultsError> {
    let failed = |source| ResultsError::database("migrate", path, source);
    let known = steps.len() as u64;
    let found = version(connection, path)?;
    if found > known {
        return Err(ResultsError::Newer { path: path.to_owned(), found, known });
    }
    if found == known {
        return Ok(());
    }
    let transaction = connection.unchecked_transaction().map_err(failed)?;
    for step in steps.iter().skip(usize::try_from(found).unwrap_or(usize::MAX)) {
        transaction.execute_batch(step).map_err(failed)?;
    }
    transaction.execute("UPDATE schema_version SET version = ?", [known]).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// Whether a database has the newest version.
///
/// # Errors
/// Those of [`migrate`].
pub(super) fn is_newest(connection: &Connection, path: &Path) -> Result<bool, ResultsError> {
    let found = version(connection, path)?;
    if found > VERSION {
        return Err(ResultsError::Newer { path: path.to_owned(), found, known: VERSION });
    }
    Ok(found == VERSION)
}

/// The version of a database; 0 of an empty one.
fn version(connection: &Connection, path: &Path) -> Result<u64, ResultsError> {
    let failed = |source| ResultsError::database("read the version of", path, source);
    let count = |sql| connection.query_row(sql, [], |row| row.get::<_, u64>(0)).map_err(failed);
    if count("SELECT count(*) FROM duckdb_tables() WHERE NOT internal")? == 0 {
        return Ok(0);
    }
    if count("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'schema_version'")? == 0 {
        return Err(ResultsError::Foreign { path: path.to_owned() });
    }
    count("SELECT coalesce(max(version), 0)::UBIGINT FROM schema_version")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use duckdb::Connection;

    use super::*;
    use crate::columns::Table;

    fn names(connection: &Connection, table: &str) -> Vec<(String, String)> {
        let sql = "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index";
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn tables_have_the_columns_of_their_rows() {
        let connection = Connection::open_in_memory().unwrap();
        migrate(&connection, Path::new("memory"), STEPS).unwrap();
        for table in Table::ALL {
            let columns = table.columns();
            let expected: Vec<_> =
                columns.iter().map(|column| (column.name.to_owned(), column.kind.sql().to_owned())).collect();
            assert_eq!(names(&connection, table.name()), expected);
        }
    }

    #[test]
    fn a_migration_keeps_old_rows_and_a_failed_one_changes_nothing() {
        let connection = Connection::open_in_memory().unwrap();
        let path = Path::new("memory");
        migrate(&connection, path, STEPS).unwrap();
        connection.execute("INSERT INTO runs (run_id) VALUES ('old')", []).unwrap();
        let add = "ALTER TABLE runs ADD COLUMN energy_joules DOUBLE";

        let broken: Vec<&str> = STEPS.iter().copied().chain([add, "ALTER TABLE nowhere ADD COLUMN a INT"]).collect();
        let error = migrate(&connection, path, &broken).unwrap_err();
        assert!(matches!(error, ResultsError::Database { action: "migrate", .. }), "{error}");
        assert_eq!(version(&connection, path).unwrap(), VERSION);
        assert_eq!(names(&connection, "runs").len(), Table::Runs.columns().len());

        let longer: Vec<&str> = STEPS.iter().copied().chain([add]).collect();
        migrate(&connection, path, &longer).unwrap();
        assert_eq!(version(&connection, path).unwrap(), VERSION + 1);
        let row =
            connection.query_row("SELECT run_id, energy_joules FROM runs", [], |row| Ok((row.get(0)?, row.get(1)?)));
        assert_eq!(row.unwrap(), ("old".to_owned(), None::<f64>));

        let error = migrate(&connection, path, STEPS).unwrap_err();
        assert!(matches!(error, ResultsError::Newer { found, known, .. } if found == VERSION + 1 && known == VERSION));
    }

    #[test]
    fn the_tables_of_something_else_are_left_alone() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE runs (laps INT)").unwrap();
        let error = migrate(&connection, Path::new("memory"), STEPS).unwrap_err();
        assert!(matches!(error, ResultsError::Foreign { .. }), "{error}");
    }
}
