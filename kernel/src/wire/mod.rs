//! Messages on their way out, and the requests that the kernel understands: one
//! file each. Requests are read leniently, as clients leave out what they do not use.

pub(crate) mod complete;
pub(crate) mod execute;
pub(crate) mod history;
pub(crate) mod inspect;
pub(crate) mod is_complete;
pub(crate) mod kernel_info;
mod message;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(crate) use self::message::Message;
use crate::sockets::Incoming;

/// The content of a request.
///
/// # Errors
/// The content of an error reply that says what does not fit.
pub(crate) fn read<T: DeserializeOwned>(request: &Incoming) -> Result<T, Value> {
    T::deserialize(&request.content).map_err(|error| {
        let kind = &request.header.msg_type;
        failure("MalformedRequest", &format!("the content of {kind} does not fit: {error}"))
    })
}

/// The content of a reply to a request that cannot be answered.
pub(crate) fn failure(name: &str, value: &str) -> Value {
    json!({ "status": "error", "ename": name, "evalue": value, "traceback": [format!("{name}: {value}")] })
}

/// `execute_reply` for `execute_request`.
pub(crate) fn reply_kind(request: &str) -> String {
    request.strip_suffix("_request").map_or_else(|| request.to_owned(), |stem| format!("{stem}_reply"))
}
