//! A target and what was found.

/// One target of the benchmark.
#[derive(Debug)]
pub(crate) struct Verdict {
    target: String,
    wanted: String,
    found: String,
    met: bool,
}

impl Verdict {
    pub(crate) fn new(
        target: impl Into<String>,
        wanted: impl Into<String>,
        found: impl Into<String>,
        met: bool,
    ) -> Self {
        Self { target: target.into(), wanted: wanted.into(), found: found.into(), met }
    }

    /// The cells of its row.
    pub(crate) fn cells(&self) -> [String; 4] {
        let met = if self.met { "yes" } else { "NO" };
        [self.target.clone(), self.wanted.clone(), self.found.clone(), met.to_owned()]
    }
}
