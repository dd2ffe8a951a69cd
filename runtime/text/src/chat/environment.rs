//! What a template can call: Jinja with the settings, functions and filters that `transformers` gives it, and Python's
//! methods on texts, lists and maps.

use chrono::NaiveDateTime;
use chrono::format::{Item, StrftimeItems};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Kwargs;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Value};

use super::python;

/// The work that a template may do. One unit is an instruction, or 64 bytes that are made or read; a template of a
/// published model takes some hundreds a message.
const FUEL: u64 = 1_000_000;
/// Macros that call one another, and what else nests while a template runs.
const DEPTH: usize = 120;

/// What a template said when it refused its messages.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Raised(pub(super) String);

/// An environment whose clock shows `now`.
pub(super) fn environment(now: NaiveDateTime) -> Environment<'static> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.unwrap_or_default());
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(DEPTH);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.set_formatter(|out, _, value| {
        out.write_str(&python::text(value)).map_err(|_| Error::from(ErrorKind::WriteFailure))
    });
    environment.add_filter("tojson", to_json);
    environment.add_filter("string", |value: Value| python::text(&value).into_owned());
    environment.add_function("raise_exception", |message: Value| -> Result<Value, Error> {
        let raised = Raised(python::text(&message).into_owned());
        Err(Error::new(ErrorKind::InvalidOperation, "the template refused the messages").with_source(raised))
    });
    environment.add_function("strftime_now", move |format: String| formatted(now, &format));
    environment
}

/// `json.dumps` with the options that `transformers` passes on; nothing is escaped for HTML.
fn to_json(value: Value, indent: Option<Value>, options: Kwargs) -> Result<String, Error> {
    let ascii = options.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false);
    let sorted = options.get::<Option<bool>>("sort_keys")?.unwrap_or(false);
    let separators = options.get::<Option<Vec<String>>>("separators")?;
    // Jinja's own filter takes the indent by place, that of transformers by name.
    let indent = options.get::<Option<Value>>("indent")?.or(indent).filter(|indent| !indent.is_none());
    options.assert_all_used()?;
    let indent = indent.map(|indent| match indent.as_str() {
        Some(text) => text.to_owned(),
        None => " ".repeat(indent.as_usize().unwrap_or_default().min(64)),
    });
    python::json(&value, &python::JsonStyle { ascii, sorted, indent, separators })
}

/// Python's `strftime`, in English. A directive that it does not know is refused: chrono would panic on it.
fn formatted(now: NaiveDateTime, format: &str) -> Result<String, Error> {
    // Microseconds there, nanoseconds here.
    let format = format.replace("%f", "%6f");
    let items = StrftimeItems::new(&format).collect::<Vec<_>>();
    if items.contains(&Item::Error) {
        return Err(Error::new(ErrorKind::InvalidOperation, format!("strftime_now cannot format {format:?}")));
    }
    let mut out = String::new();
    let written = std::fmt::Write::write_fmt(&mut out, format_args!("{}", now.format_with_items(items.into_iter())));
    written
        .map_err(|_| Error::new(ErrorKind::InvalidOperation, format!("strftime_now has no time zone: {format:?}")))?;
    Ok(out)
}
