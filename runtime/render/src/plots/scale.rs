//! From values to places along an axis, and the ticks between. It draws nothing.

/// A length from zero.
#[derive(Clone, Debug)]
pub(super) struct Linear {
    end: f64,
    /// Values that get a line and a number.
    pub(super) ticks: Vec<f64>,
}

impl Linear {
    /// For values up to `most`; ticks at 1, 2 or 5 times a power of ten, about five of them.
    pub(super) fn new(most: f64) -> Self {
        let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
        let rough = most / 5.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(rough);
        let count = (most / step).ceil();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is at most six")]
        let ticks = (0..=count as u32).map(|tick| f64::from(tick) * step).collect();
        Self { end: count * step, ticks }
    }

    /// 0 at zero, 1 at the last tick.
    pub(super) fn place(&self, value: f64) -> f64 {
        if value.is_finite() { (value / self.end).clamp(0.0, 1.0) } else { 1.0 }
    }
}

/// A logarithmic span.
#[derive(Clone, Debug)]
pub(super) struct Log {
    low: f64,
    high: f64,
    /// Values that get a line and a number.
    pub(super) ticks: Vec<f64>,
}

impl Log {
    /// For those of `values` that are above `floor`, whole decades, or 1, 2 and 5 within few of them.
    pub(super) fn new(values: impl Iterator<Item = f64>, floor: f64) -> Self {
        let (low, high) = values
            .filter(|value| value.is_finite())
            .map(|value| value.max(floor).log10())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low.is_finite() { (low, high) } else { (0.0, 1.0) };
        let fine = high - low < 2.0;
        // A bit of room, so that no mark lies on the frame.
        let (low, high) = if fine { (low - 0.15, high + 0.15) } else { (low.floor() - 0.1, high.ceil() + 0.1) };
        let factors: &[f64] = if fine { &[1.0, 2.0, 5.0] } else { &[1.0] };
        #[allow(clippy::cast_possible_truncation, reason = "exponents of a double are below 400")]
        let decades = low.floor() as i32..=high.ceil() as i32;
        let every = if fine { 1 } else { ((high - low) / 8.0).ceil().max(1.0) as usize };
        let ticks = decades.step_by(every).flat_map(|decade| factors.iter().map(move |f| f * 10_f64.powi(decade)));
        let ticks = ticks.filter(|tick| (low..=high).contains(&tick.log10())).collect();
        Self { low, high, ticks }
    }

    /// 0 at the least, 1 at the most; what has no logarithm is at the least.
    pub(super) fn place(&self, value: f64) -> f64 {
        let place = (value.log10() - self.low) / (self.high - self.low);
        if place.is_nan() { 0.0 } else { place.clamp(0.0, 1.0) }
    }
}

/// A number in as few characters as three digits that count need.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if !value.is_finite() => value.to_string(),
        0.0 => "0".to_owned(),
        _ if size < 1e-3 => format!("{value:.0e}").replace("e-", "e−"),
        _ if size >= 1e6 => format!("{value:.1e}"),
        _ if size >= 100.0 => format!("{value:.0}"),
        _ => {
            let text = format!(
                "{value:.*}",
                if size >= 10.0 {
                    1
                } else if size >= 1.0 {
                    2
                } else {
                    3
                }
            );
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(Linear::new(37.0).ticks, [0.0, 10.0, 20.0, 30.0, 40.0]);
        assert_eq!(Linear::new(0.0).ticks.last(), Some(&1.0));
        assert_eq!(Log::new([3.0, 40.0].into_iter(), 1e-9).ticks, [5.0, 10.0, 20.0, 50.0]);
        assert_eq!([0.0, 1.5, 12.34, 456.7, 0.000_02, 0.25].map(number), ["0", "1.5", "12.3", "457", "2e−5", "0.25"]);
    }

    proptest! {
        #[test]
        fn every_value_has_a_place(most in any::<f64>(), value in any::<f64>()) {
            let linear = Linear::new(most);
            prop_assert!((0.0..=1.0).contains(&linear.place(value)) && linear.ticks.len() <= 7);
            let log = Log::new([most, value].into_iter(), 1e-9);
            prop_assert!((0.0..=1.0).contains(&log.place(value)) && log.ticks.len() <= 40);
        }
    }
}
