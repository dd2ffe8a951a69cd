//! What the data of a table cost: `cargo run --locked -p pelago-table --example cost`.

#![allow(clippy::print_stdout, reason = "an example says what it found")]

use std::time::Instant;

use pelago_table::Data;
use polars::prelude::{Column, DataFrame, PolarsResult};

/// Times that each is measured; the least counts.
const TIMES: usize = 7;

fn main() -> PolarsResult<()> {
    for (rows, columns) in [(10, 10), (100, 10), (10_000, 10), (1_000_000, 10)] {
        for (kind, frame) in
            [("f64", floats(rows, columns)?), ("i64", integers(rows, columns)?), ("str", texts(rows, columns)?)]
        {
            let measured = (0..TIMES).map(|_| {
                let start = Instant::now();
                std::hint::black_box(Data::of(&frame));
                start.elapsed()
            });
            let least = measured.min().unwrap_or_default();
            println!("{rows:>9} rows × {columns} columns of {kind}: {:.3} ms", least.as_secs_f64() * 1000.0);
        }
    }
    Ok(())
}

fn frame(rows: usize, columns: usize, column: impl Fn(usize) -> Column) -> PolarsResult<DataFrame> {
    DataFrame::new(rows, (0..columns).map(|index| column(index).with_name(format!("c{index}").into())).collect())
}

fn floats(rows: usize, columns: usize) -> PolarsResult<DataFrame> {
    frame(rows, columns, |index| {
        Column::new("".into(), (0..rows).map(|row| (row * index) as f64 / 7.0).collect::<Vec<_>>())
    })
}

fn integers(rows: usize, columns: usize) -> PolarsResult<DataFrame> {
    frame(rows, columns, |index| Column::new("".into(), (0..rows).map(|row| (row * index) as i64).collect::<Vec<_>>()))
}

fn texts(rows: usize, columns: usize) -> PolarsResult<DataFrame> {
    frame(rows, columns, |index| {
        Column::new("".into(), (0..rows).map(|row| format!("text {}", row * index)).collect::<Vec<_>>())
    })
}
