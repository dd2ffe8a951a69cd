//! What the session writes into a cell's code around the user's own. Not for users.

use std::any::type_name_of_val;
use std::cell::Cell as StdCell;
use std::fmt;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use pelago_protocol::cells::{self, Call, CellShown, Content, Notice, Order, Place, Thrown};

use crate::session::INTERRUPTED;
use crate::{client, streams};

pub use crate::display::dispatch::*;

/// The cell that runs; 0 between cells.
static RUNNING: AtomicU64 = AtomicU64::new(0);
/// The connection that [`Notice`]s go over.
static CONTROL: OnceLock<Mutex<UnixStream>> = OnceLock::new();

thread_local! {
    /// Whether this is the thread that runs cells.
    static IS_CELL_THREAD: StdCell<bool> = const { StdCell::new(false) };
    /// Whether the running cell came to its last statement.
    static REACHED_ITS_END: StdCell<bool> = const { StdCell::new(false) };
}

/// What lives as long as the cell's code runs, however it ends.
#[derive(Debug)]
pub struct Guard {
    cell: u64,
}

/// The first statement of a cell, through `begin!`.
#[must_use = "the cell ends where this is dropped"]
pub fn begin(cell: u64) -> Guard {
    IS_CELL_THREAD.set(true);
    REACHED_ITS_END.set(false);
    INTERRUPTED.store(false, Ordering::Relaxed);
    RUNNING.store(cell, Ordering::Relaxed);
    tell(&Notice::Began { cell }, &[]);
    if let Err(error) = streams::take() {
        complain(&error);
    }
    Guard { cell }
}

/// The last statement of a cell.
pub fn end(cell: u64) {
    REACHED_ITS_END.set(true);
    tell(&Notice::Ended { cell }, &[]);
}

impl Drop for Guard {
    #[expect(clippy::print_stdout, reason = "evcxr reads it: the cell's new variables are not there")]
    fn drop(&mut self) {
        let was_ours = streams::are_ours();
        finish();
        if was_ours && !REACHED_ITS_END.get() && !std::thread::panicking() {
            // A `?` that evcxr itself turned into an early end: it said so in
            // the cell's stream, where it is not heard.
            println!("EVCXR_ERROR_OCCURRED");
        }
        RUNNING.store(0, Ordering::Relaxed);
        tell(&Notice::Left { cell: self.cell }, &[]);
    }
}

/// Begins a cell. The guard has no name that the cell's code could see, or that
/// evcxr would keep for the next cell.
#[doc(hidden)]
#[macro_export]
macro_rules! begin {
    ($cell:expr) => {
        let _cell = $crate::cell::begin($cell);
    };
}

fn finish() {
    if let Err(error) = streams::give_back() {
        complain(&error);
    }
}

/// Without a session there is nobody else to tell.
#[expect(clippy::print_stderr, reason = "the session reads it where the connection to it failed")]
fn complain(error: &io::Error) {
    eprintln!("the session does not answer: {error}");
}

fn threw(error: Thrown) {
    let cell = RUNNING.load(Ordering::Relaxed);
    if cell != 0 {
        tell(&Notice::Threw { cell, error }, &[]);
    }
}

/// Shows something and marks its place in stdout.
pub(crate) fn show(place: Place, content: Content, body: &[u8]) {
    static NEXT: AtomicU64 = AtomicU64::new(cells::END + 1);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    tell(&Notice::Show { id, shown: CellShown { place, content } }, body);
    if let Err(error) = streams::mark(id) {
        complain(&error);
    }
}

fn tell(notice: &Notice, body: &[u8]) {
    let told = control().and_then(|control| {
        let mut control = control.lock().unwrap_or_else(PoisonError::into_inner);
        cells::write_frame(&mut *control, notice, body)
    });
    if let Err(error) = told {
        complain(&error);
    }
}

fn control() -> io::Result<&'static Mutex<UnixStream>> {
    if let Some(control) = CONTROL.get() {
        return Ok(control);
    }
    let stream = client::connect(Call::Control, &[])?;
    let orders = stream.try_clone()?;
    let control = CONTROL.get_or_init(|| Mutex::new(stream));
    std::thread::Builder::new().name("pelago-orders".to_owned()).spawn(move || obey(orders))?;
    report_panics();
    Ok(control)
}

/// Follows the session's orders until it is gone, and ends with it: a cell whose
/// kernel was killed has nobody left to answer to.
fn obey(mut orders: UnixStream) {
    while let Ok((order, _)) = cells::read_frame::<Order>(&mut orders) {
        match order {
            Order::Interrupt => INTERRUPTED.store(true, Ordering::Relaxed),
        }
    }
    std::process::exit(0);
}

/// Reports a panic of the cell's own thread as the cell's error; others stay
/// what they are anywhere: text on stderr.
fn report_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !IS_CELL_THREAD.get() {
            return before(info);
        }
        let payload = info.payload();
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        threw(Thrown {
            name: "Panic".to_owned(),
            message: text.unwrap_or_else(|| "a panic whose payload is no text".to_owned()),
            help: String::new(),
            file: info.location().map(|place| place.file().to_owned()).unwrap_or_default(),
            line: info.location().map_or(0, std::panic::Location::line),
        });
    }));
}

/// An error that was reported already. evcxr prints it, which says nothing more.
pub struct Reported;

impl fmt::Debug for Reported {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

/// What `?` takes: `Result` and `Option`.
pub trait Attempt {
    /// What is left where it went well.
    type Output;
    /// That, or the error reported as the one of the cell's `line`.
    ///
    /// # Errors
    /// [`Reported`].
    fn attempt(self, line: u32) -> Result<Self::Output, Reported>;
}

impl<T, E: Explain> Attempt for Result<T, E> {
    type Output = T;
    fn attempt(self, line: u32) -> Result<T, Reported> {
        self.map_err(|error| {
            let (message, help) = error.explain();
            let name = short_type_name(type_name_of_val(&error));
            threw(Thrown { name, message, help, file: String::new(), line });
            // evcxr hears of it next, on its own stream.
            finish();
            Reported
        })
    }
}

impl<T> Attempt for Option<T> {
    type Output = T;
    fn attempt(self, line: u32) -> Result<T, Reported> {
        self.ok_or_else(|| {
            let message = "`?` on a value that is None".to_owned();
            threw(Thrown { name: "None".to_owned(), message, help: String::new(), file: String::new(), line });
            finish();
            Reported
        })
    }
}

/// `attempt(E, LINE)?` stands for the `E?` of a cell.
///
/// # Errors
/// [`Reported`].
pub fn attempt<T: Attempt>(value: T, line: u32) -> Result<T::Output, Reported> {
    value.attempt(line)
}

/// How an error that `?` returned tells itself.
pub trait Explain {
    /// Its message, and what to do next.
    fn explain(&self) -> (String, String);
}

impl<E: fmt::Debug + 'static> Explain for E {
    fn explain(&self) -> (String, String) {
        let any: &dyn std::any::Any = self;
        if let Some(error) = any.downcast_ref::<crate::Error>() {
            return (format!("{} ({})", error.message, error.code), error.help.clone());
        }
        if let Some(error) = any.downcast_ref::<polars::error::PolarsError>() {
            return (error.to_string(), String::new());
        }
        if let Some(text) = any.downcast_ref::<String>() {
            return (text.clone(), String::new());
        }
        if let Some(text) = any.downcast_ref::<&str>() {
            return ((*text).to_owned(), String::new());
        }
        if let Some(error) = any.downcast_ref::<Box<dyn std::error::Error>>() {
            return (chain(error.as_ref()), String::new());
        }
        if let Some(error) = any.downcast_ref::<io::Error>() {
            return (chain(error), String::new());
        }
        (format!("{self:?}"), String::new())
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(next) = source {
        text.push_str(": ");
        text.push_str(&next.to_string());
        source = next.source();
    }
    text
}

/// `core::option::Option<alloc::string::String>` as `Option<String>`.
#[must_use]
pub fn short_type_name(name: &str) -> String {
    let mut short = String::with_capacity(name.len());
    for word in name.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_' && c != ':') {
        let from = word.rfind("::").map_or(0, |at| at + 2);
        short.push_str(&word[from..]);
    }
    short
}
