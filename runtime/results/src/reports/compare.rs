//! Two reports against each other, route by route. What a regression leads to is
//! for the caller to decide.

use serde::{Deserialize, Serialize};

use super::{RouteSummary, Summary};
use pelago_statistics::{self as statistics, Comparison, Ratio};

/// What became of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Slower by more than was allowed, and the interval is above 1.
    Regression,
    /// Its output is not one of the model any more.
    Broken,
    /// It has no runs any more.
    Missing,
    /// Slower, within what was allowed.
    Slower,
    /// The interval covers 1, or there are too few runs for one.
    NoDifference,
    /// Faster.
    Faster,
    /// It had no runs before, or none that were warm.
    New,
}

impl Change {
    /// As in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Regression => "REGRESSION",
            Self::Broken => "BROKEN",
            Self::Missing => "MISSING",
            Self::Slower => "slower",
            Self::NoDifference => "no difference",
            Self::Faster => "faster",
            Self::New => "new",
        }
    }

    /// Whether it should stop a build.
    #[must_use]
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Regression | Self::Broken | Self::Missing)
    }
}

/// A route in both reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteChange {
    /// Model, browser, platform, precision and input size.
    pub route: String,
    /// Median before, in ms.
    pub before_ms: Option<f64>,
    /// Median after, in ms.
    pub after_ms: Option<f64>,
    /// Median after by median before: above 1 is slower.
    pub ratio: Option<Ratio>,
    /// What that amounts to.
    pub change: Change,
}

/// Two reports against each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// Slower by more than this is a regression.
    pub max_ratio: f64,
    /// Every route of either.
    pub routes: Vec<RouteChange>,
}

impl Compared {
    /// Whether a route got worse than is allowed.
    #[must_use]
    pub fn has_regressed(&self) -> bool {
        self.routes.iter().any(|route| route.change.is_bad())
    }

    /// Routes whose times could be compared.
    #[must_use]
    pub fn compared(&self) -> usize {
        self.routes.iter().filter(|route| route.ratio.is_some()).count()
    }
}

/// Compares `after` with `before`. A route is one of both where model, browser, platform,
/// precision, threads and input size are the same.
#[must_use]
pub fn compare(before: &Summary, after: &Summary, max_ratio: f64) -> Compared {
    let of =
        |route: &RouteSummary, routes: &[RouteSummary]| routes.iter().find(|other| key(other) == key(route)).cloned();
    let mut routes = Vec::new();
    for old in &before.routes {
        let new = of(old, &after.routes);
        routes.push(changed(old, new.as_ref(), max_ratio));
    }
    for new in after.routes.iter().filter(|new| of(new, &before.routes).is_none()) {
        let change = if new.is_broken() { Change::Broken } else { Change::New };
        routes.push(RouteChange { route: name(new), before_ms: None, after_ms: new.p50_ms, ratio: None, change });
    }
    Compared { max_ratio, routes }
}

fn changed(old: &RouteSummary, new: Option<&RouteSummary>, max_ratio: f64) -> RouteChange {
    let ratio = new.and_then(|new| statistics::independent(&new.samples_ms, &old.samples_ms));
    let change = match (new, ratio) {
        (Some(new), _) if new.is_broken() => Change::Broken,
        (None, _) => Change::Missing,
        // Nothing to be slower than.
        (Some(_), None) if old.samples_ms.is_empty() => Change::New,
        (Some(_), None) => Change::Missing,
        // The ratio is one of times, so what a speedup would be is turned round.
        (Some(_), Some(ratio)) => match ratio.comparison() {
            Comparison::Faster if ratio.value > max_ratio => Change::Regression,
            Comparison::Faster => Change::Slower,
            Comparison::Slower => Change::Faster,
            Comparison::NoDifference => Change::NoDifference,
        },
    };
    let after_ms = new.and_then(|new| new.p50_ms);
    RouteChange { route: name(old), before_ms: old.p50_ms, after_ms, ratio, change }
}

fn key(route: &RouteSummary) -> (&str, &str, &str, u8, bool, u32, u64, Option<u64>) {
    (
        &route.model,
        &route.product,
        &route.platform,
        route.precision,
        route.mixed_precision,
        route.threads,
        route.batch_size,
        route.tokens,
    )
}

/// Model and route in one line.
fn name(route: &RouteSummary) -> String {
    format!("{}: {}", route.model, route.label())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{route, summary};
    use super::*;

    fn check(before: Vec<f64>, after: Vec<f64>, expected: Change) {
        let (before, after) = (summary(vec![route("wasm", before)]), summary(vec![route("wasm", after)]));
        let compared = compare(&before, &after, 1.10);
        assert_eq!(compared.routes[0].change, expected, "{compared:?}");
        assert_eq!(compared.has_regressed(), expected.is_bad());
    }

    fn around(middle: f64) -> Vec<f64> {
        (0..20).map(|turn| middle + f64::from(turn % 5) * 0.1).collect()
    }

    #[test]
    fn only_what_is_surely_slower_by_more_than_allowed_is_a_regression() {
        check(around(10.0), around(12.0), Change::Regression);
        check(around(10.0), around(10.5), Change::Slower);
        check(around(10.0), around(10.0), Change::NoDifference);
        check(around(10.0), around(8.0), Change::Faster);
        // Twice as slow in the middle, but from 1 to 40 both times.
        let wide: Vec<f64> = (1..=20).map(|turn| f64::from(turn) * 2.0).collect();
        check(wide.iter().map(|ms| ms / 1.3).collect(), wide, Change::NoDifference);
        // Three runs are no evidence.
        check(around(10.0), vec![20.0; 3], Change::NoDifference);
        check(around(10.0), Vec::new(), Change::Missing);
        check(Vec::new(), around(10.0), Change::New);
    }

    #[test]
    fn broken_and_missing_routes_stop_a_build() {
        let (fine, mut broken) = (route("wasm", around(10.0)), route("wasm", around(1.0)));
        broken.verdict = Some("broken".to_owned());
        let compared = compare(&summary(vec![fine.clone()]), &summary(vec![broken]), 1.10);
        assert_eq!(compared.routes[0].change, Change::Broken);
        let compared = compare(&summary(vec![fine]), &summary(Vec::new()), 1.10);
        assert!(compared.has_regressed() && compared.compared() == 0);
    }
}
