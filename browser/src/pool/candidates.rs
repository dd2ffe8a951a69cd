//! Which browsers a pool can open. Whether one is open is not known here.

use std::collections::HashMap;

use pelago_protocol::{BrowserKind, InstallationId};

use crate::driver::{Installation, Remote, Target};

/// A browser that can be opened.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Product and version, or a remote's URL: the same in every session. Further
    /// remotes at one URL have `#2`, `#3`, … after it.
    pub id: InstallationId,
    /// The kind that a request names.
    pub kind: BrowserKind,
    /// What to open.
    pub target: Target,
}

/// The remotes, and the installed browsers of the kinds that no remote has.
pub(super) fn of(remotes: &[Remote], installations: &[Installation]) -> Vec<Candidate> {
    let mut at_url = HashMap::<&str, u32>::new();
    let mut candidates = Vec::new();
    for found in remotes {
        let number = at_url.entry(&found.url).and_modify(|number| *number += 1).or_insert(1);
        let id = if *number == 1 { found.url.clone() } else { format!("{}#{number}", found.url) };
        candidates.push(Candidate { id: id.into(), kind: found.kind, target: found.clone().into() });
    }
    let local = installations.iter().filter(|found| !remotes.iter().any(|remote| remote.kind == found.kind));
    candidates.extend(local.map(|found| Candidate {
        id: found.id.clone(),
        kind: found.kind,
        target: found.clone().into(),
    }));
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Product;

    fn installation(product: Product) -> Installation {
        Installation {
            id: format!("{}-1.0", product.name().to_lowercase()).into(),
            kind: product.kind(),
            product,
            binary: "browser".into(),
            version: "1.0".to_owned(),
            driver: "driver".into(),
            driver_version: "1.0".to_owned(),
        }
    }

    #[test]
    fn a_remote_takes_the_place_of_its_kind_and_shares_its_id_with_no_other() {
        let remote = |url: &str, kind| Remote { url: url.to_owned(), kind };
        let remotes = [
            remote("http://a/", BrowserKind::Chrome),
            remote("http://b/", BrowserKind::Chrome),
            remote("http://a/", BrowserKind::Chrome),
            remote("http://a/", BrowserKind::Edge),
        ];
        let found = of(&remotes, &[installation(Product::Chromium), installation(Product::Firefox)]);
        let ids: Vec<_> = found.iter().map(|candidate| candidate.id.as_str()).collect();
        assert_eq!(ids, ["http://a/", "http://b/", "http://a/#2", "http://a/#3", "firefox-1.0"]);
    }
}
