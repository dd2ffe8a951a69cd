//! Printing. What a cell prints keeps its order over both streams, and belongs to
//! the cell that started the thread.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use crate::host;

/// One of the two standard streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout = 1,
    /// Standard error.
    Stderr = 2,
}

/// Prints to a stream.
///
/// # Panics
/// Where the stream cannot be written to, as `std::print!`.
pub fn print(stream: Stream, text: fmt::Arguments<'_>) {
    // Formatted before anything is locked: a Display may print, too.
    let text = text.as_str().map_or_else(|| Cow::Owned(text.to_string()), Cow::Borrowed);
    if let Some(table) = host::table() {
        (table.turn)(stream as i32, flush);
    }
    let (name, written) = match stream {
        Stream::Stdout => ("stdout", io::stdout().lock().write_all(text.as_bytes())),
        Stream::Stderr => ("stderr", io::stderr().lock().write_all(text.as_bytes())),
    };
    if let Err(error) = written {
        panic!("failed printing to {name}: {error}");
    }
}

/// See [`host::Flush`].
pub(crate) extern "C" fn flush() {
    // A stream that is gone has nobody who reads it.
    let _ = io::stdout().flush();
    let _ = io::stderr().flush();
}

/// `std::print!` of a cell.
#[doc(hidden)]
#[macro_export]
macro_rules! cell_print {
    ($($text:tt)*) => { $crate::print($crate::Stream::Stdout, ::core::format_args!($($text)*)) };
}

/// `std::println!` of a cell.
#[doc(hidden)]
#[macro_export]
macro_rules! cell_println {
    () => { $crate::print($crate::Stream::Stdout, ::core::format_args!("\n")) };
    ($($text:tt)*) => { $crate::print($crate::Stream::Stdout, ::core::format_args!("{}\n", ::core::format_args!($($text)*))) };
}

/// `std::eprint!` of a cell.
#[doc(hidden)]
#[macro_export]
macro_rules! cell_eprint {
    ($($text:tt)*) => { $crate::print($crate::Stream::Stderr, ::core::format_args!($($text)*)) };
}

/// `std::eprintln!` of a cell.
#[doc(hidden)]
#[macro_export]
macro_rules! cell_eprintln {
    () => { $crate::print($crate::Stream::Stderr, ::core::format_args!("\n")) };
    ($($text:tt)*) => { $crate::print($crate::Stream::Stderr, ::core::format_args!("{}\n", ::core::format_args!($($text)*))) };
}

/// `std::dbg!` of a cell.
#[doc(hidden)]
#[macro_export]
macro_rules! cell_dbg {
    () => { $crate::cell_eprintln!("[{}:{}:{}]", ::core::file!(), ::core::line!(), ::core::column!()) };
    ($value:expr $(,)?) => {
        match $value {
            value => {
                $crate::cell_eprintln!("[{}:{}:{}] {} = {:#?}",
                    ::core::file!(), ::core::line!(), ::core::column!(), ::core::stringify!($value), &value);
                value
            }
        }
    };
    ($($value:expr),+ $(,)?) => { ($($crate::cell_dbg!($value)),+,) };
}
