//! Good inputs, damaged at random.

use proptest::prelude::*;

/// A change to bytes: where (of 256 parts), how, and with what.
type Change = (u8, u8, u8);

/// Good inputs with a few random changes.
pub(super) fn damaged(seeds: Option<Vec<Vec<u8>>>) -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec(any::<Change>(), 0..8);
    (prop::sample::select(seeds.unwrap_or_default()), changes).prop_map(|(mut bytes, changes)| {
        for (part, how, with) in changes {
            let at = bytes.len() * usize::from(part) / 256;
            match how % 6 {
                0 if at < bytes.len() => bytes[at] = with,
                1 if at < bytes.len() => bytes[at] ^= 1 << (with % 8),
                2 => bytes.insert(at, with),
                3 if at < bytes.len() => drop(bytes.remove(at)),
                4 => bytes.truncate(at),
                // A piece again, behind itself.
                _ => {
                    let end = bytes.len().min(at + usize::from(with));
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece);
                }
            }
        }
        bytes
    })
}

/// As many cases as `PROPTEST_CASES` says, and some thousands at least.
pub(super) fn many() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases.max(4096), ..config }
}
