//! What must hold of any bytes whatever, in one function for each kind of
//! input from outside. A fuzzer calls them (see `fuzz/README.md`), and the tests
//! below call them with good inputs that were damaged.

#[cfg(test)]
#[path = "../../../dag/src/fuzzing/damage.rs"]
mod damage;
mod seeds;

pub use self::seeds::seeds;
use self::seeds::{RECORD_NAME, RECORD_SIGNED};
use crate::{gateway, ipns};

/// A request of the gateway: its path, query, Accept and If-None-Match headers, a line each.
///
/// # Panics
///
/// Where a request is read that could end a header or leave its path.
pub fn query(data: &[u8]) {
    let mut lines = data.splitn(4, |byte| *byte == b'\n');
    let mut next = || lines.next().unwrap_or_default();
    let (path, query) = (String::from_utf8_lossy(next()), String::from_utf8_lossy(next()));
    gateway::survive(&path, &query, next(), next());
}

/// An IPNS address as text, and an IPNS record of the name whose one record the seeds have.
///
/// # Panics
///
/// Where a record is accepted that was not signed.
pub fn record(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(address) = text.parse::<ipns::Address>() {
        assert_eq!(address.to_string().parse().as_ref(), Ok(&address));
    }
    let Ok(name) = RECORD_NAME.parse() else { unreachable!("it is a name") };
    if let Ok(record) = ipns::Record::verify(&name, data, chrono::DateTime::UNIX_EPOCH) {
        // Who has no key can repeat what was signed, and nothing else.
        assert_eq!((record.value.as_str(), record.sequence), RECORD_SIGNED);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::damage::{damaged, many};
    use super::*;

    proptest! {
        #![proptest_config(many())]

        #[test]
        fn damaged_records(data in damaged(seeds("record"))) {
            record(&data);
        }

        #[test]
        fn damaged_requests(data in damaged(seeds("query"))) {
            query(&data);
        }
    }
}
