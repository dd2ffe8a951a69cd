//! How rows of tokens are cut into runs of a graph, and the shape that each run is padded to. Knows lengths only.

use pelago_protocol::{FIXED_ROWS_A_RUN, ROWS_A_RUN, TOKENS_A_RUN};

/// Numbers that a graph may give for one run: 64 MiB of float32, where each token has as many as there are words.
const VALUES_A_RUN: usize = 1 << 24;
/// Tokens of a run with its padding, as a share of its rows' own, above which it gets no more rows.
const PADDED: f64 = 1.25;

/// Which shapes a run may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shapes {
    /// Whether a graph is compiled for one shape: then there are few of them.
    pub(super) fixed: bool,
    /// Tokens that a row may have; `None` where nothing limits them.
    pub(super) max_tokens: Option<usize>,
    /// Numbers that the graph gives for a token.
    pub(super) values_a_token: usize,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    /// The numbers of its rows, the longest first.
    pub(super) rows: Vec<usize>,
    /// Rows and tokens with padding.
    pub(super) shape: [usize; 2],
}

/// Cuts rows of these lengths into runs. Rows of like lengths go together.
pub(super) fn plan(lengths: &[usize], shapes: Shapes) -> Vec<Batch> {
    let mut order = (0..lengths.len()).collect::<Vec<_>>();
    order.sort_by_key(|row| std::cmp::Reverse(lengths[*row]));
    let most_rows = if shapes.fixed { FIXED_ROWS_A_RUN } else { ROWS_A_RUN } as usize;
    let most_tokens = (TOKENS_A_RUN as usize).min(VALUES_A_RUN / shapes.values_a_token.max(1));
    let mut batches: Vec<Batch> = Vec::new();
    let mut own = 0;
    for row in order {
        let length = lengths[row];
        let joined = batches.last_mut().filter(|batch| {
            let (rows, tokens) = (batch.rows.len() + 1, batch.shape[1]);
            let padded = rows * tokens;
            let is_near = shapes.fixed || padded as f64 <= PADDED * (own + length) as f64;
            rows <= most_rows && padded <= most_tokens && is_near
        });
        match joined {
            Some(batch) => {
                batch.rows.push(row);
                own += length;
            }
            None => {
                batches.push(Batch { rows: vec![row], shape: [1, padded_length(length, shapes)] });
                own = length;
            }
        }
    }
    for batch in &mut batches {
        let rows = batch.rows.len();
        batch.shape[0] = if shapes.fixed { rows.next_power_of_two() } else { rows };
    }
    batches
}

/// The length that a row is padded to before others join it; never more than the model takes.
fn padded_length(length: usize, shapes: Shapes) -> usize {
    if !shapes.fixed {
        return length;
    }
    length.next_power_of_two().min(shapes.max_tokens.unwrap_or(usize::MAX).max(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Shapes = Shapes { fixed: false, max_tokens: Some(512), values_a_token: 1 };

    fn shapes_of(lengths: &[usize], shapes: Shapes) -> Vec<[usize; 2]> {
        let batches = plan(lengths, shapes);
        let mut rows = batches.iter().flat_map(|batch| batch.rows.clone()).collect::<Vec<_>>();
        rows.sort_unstable();
        assert_eq!(rows, (0..lengths.len()).collect::<Vec<_>>());
        batches.iter().map(|batch| batch.shape).collect()
    }

    #[test]
    fn rows_of_like_lengths_go_together() {
        assert_eq!(plan(&[9, 10, 8], FREE), [Batch { rows: vec![1, 0, 2], shape: [3, 10] }]);
        assert_eq!(shapes_of(&[500, 10, 490, 9], FREE), [[2, 500], [2, 10]]);
        assert!(shapes_of(&[], FREE).is_empty());
    }

    #[test]
    fn a_run_has_as_many_rows_and_tokens_as_it_may() {
        assert_eq!(shapes_of(&[512; 40], FREE), [[16, 512], [16, 512], [8, 512]]);
        assert_eq!(shapes_of(&[4; 100], FREE), [[64, 4], [36, 4]]);
        // A token of 250,000 words is a megabyte of numbers.
        let words = Shapes { values_a_token: 250_000, ..FREE };
        assert_eq!(shapes_of(&[30; 3], words), [[2, 30], [1, 30]]);
        assert_eq!(shapes_of(&[512], words), [[1, 512]]);
    }

    #[test]
    fn fixed_shapes_are_few() {
        let fixed = Shapes { fixed: true, max_tokens: Some(96), values_a_token: 1 };
        assert_eq!(shapes_of(&[9, 10, 16], fixed), [[4, 16]]);
        assert_eq!(shapes_of(&[70], fixed), [[1, 96]]);
        assert_eq!(shapes_of(&[3; 20], fixed), [[16, 4], [4, 4]]);
    }
}
