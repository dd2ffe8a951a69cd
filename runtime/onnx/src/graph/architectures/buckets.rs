//! T5's buckets of distances, also MPNet's.

/// Half of the buckets look ahead; of each half, half are one distance each and
/// the others grow with its logarithm, up to `most`, from which on all share one.
pub(super) fn bucket(distance: i32, buckets: i32, most: f32) -> i32 {
    let half = buckets / 2;
    let exact = half / 2;
    let (side, length) = (if distance > 0 { half } else { 0 }, distance.abs());
    if length < exact {
        return side + length;
    }
    let share = (length as f32 / exact as f32).ln() / (most / exact as f32).ln();
    side + half.min(exact + (share * (half - exact) as f32) as i32 + 1) - 1
}

#[cfg(test)]
mod tests {
    use super::bucket;

    /// What transformers' `MPNetEncoder.relative_position_bucket` gives.
    #[test]
    fn buckets_are_those_of_the_published_code() {
        let ahead = [0, 1, 7, 8, 11, 12, 15, 16, 23, 31, 32, 63, 64, 90, 91, 127, 128, 500];
        assert_eq!(
            ahead.map(|distance| bucket(distance, 32, 128.0)),
            [0, 17, 23, 24, 24, 25, 25, 26, 27, 27, 28, 29, 30, 30, 31, 31, 31, 31]
        );
        assert_eq!(
            ahead.map(|distance| bucket(-distance, 32, 128.0)),
            [0, 1, 7, 8, 8, 9, 9, 10, 11, 11, 12, 13, 14, 14, 15, 15, 15, 15]
        );
    }
}
