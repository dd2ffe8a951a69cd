//! IPNS: names whose owner says what they stand for, in records that whoever
//! reads them verifies (<https://specs.ipfs.tech/ipns/ipns-record/>).
//!
//! A [`Name`] is the hash of a public key, or the key itself. A [`Record`] says
//! which content the name stands for, until when, and how long that may be
//! remembered; it is signed with the key. [`resolve`] asks all sources that the
//! caller names at once and takes the newest record.
//!
//! Nobody is asked whom the caller did not name. What a routing service or a
//! gateway answers is a signed record, and is verified here. A Kubo daemon
//! answers with a path: it has verified the record itself, and is believed as
//! the user's own daemon; a record that was verified here counts before it.
//!
//! Domains (`/ipns/example.org`, DNSLink) are not looked up here, since DNS
//! proves nothing: a Kubo daemon may, where one is named.

mod error;
mod key;
mod kind;
mod name;
mod record;
mod resolve;
mod source;

pub use error::{AnswerError, NameError, RecordError, ResolveError, Unanswered};
pub use kind::{NameSourceKind, RECORD_MAX};
pub use name::{Address, Name, Owner};
pub use record::{Record, Value, newest};
pub use resolve::{ResolveOptions, Resolved, resolve};
pub use source::NameSource;
