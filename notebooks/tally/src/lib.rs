//! Counts words. `crates-and-async.ipynb` adds it by its path.

use std::collections::BTreeMap;

/// How often each word occurs, in lower case.
pub fn words(text: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        *counts.entry(word.to_lowercase()).or_default() += 1;
    }
    counts
}
