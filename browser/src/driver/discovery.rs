//! What a search for browsers found. How it is found is not known here.

use pelago_protocol::BrowserKind;

use super::installation::Installation;
use super::problem::Problem;

/// What is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// Browsers that can be opened, the preferred first.
    pub installations: Vec<Installation>,
    /// What was found and cannot be used.
    pub problems: Vec<Problem>,
    /// Kinds for which the user named an executable that cannot be used.
    pub unusable: Vec<BrowserKind>,
}

impl Discovery {
    /// Adds an installation. The same browser under a second path brings nothing
    /// new.
    pub(super) fn add(&mut self, installation: Installation) {
        if !self.installations.iter().any(|known| known.id == installation.id) {
            self.installations.push(installation);
        }
    }
}
