//! How far one run's output is from another's.

use pelago_protocol::{DType, Output, Parity, Precision, Report, Tensor};
use pelago_statistics::parity::{self, Rows};

/// What a run is called where others are compared with it, e.g. `fp32 on wasm`.
pub(crate) fn reference_of(report: &Report) -> String {
    match report.precision {
        Precision::Bits32 => format!("fp32 on {}", report.platform),
        other => format!("{other} bits on {}", report.platform),
    }
}

/// The distance of two outputs of the same shapes, of several tensors the worst; `None` where they cannot be
/// compared.
pub(crate) fn distance(reference: &Output, output: &Output) -> Option<Parity> {
    match (reference, output) {
        (Output::Embeddings { shape, values: a }, Output::Embeddings { shape: other, values: b }) => {
            if shape == other {
                parity::compare(a, b, shape[1], Rows::Vectors)
            } else {
                None
            }
        }
        (Output::Tensors(reference), Output::Tensors(output)) => {
            let mut worst: Option<Parity> = None;
            for tensor in reference.iter().filter(|tensor| is_compared(tensor)) {
                let other = output.iter().find(|other| other.name == tensor.name)?;
                let found = tensors(tensor, other)?;
                worst = Some(match worst {
                    Some(worst) => parity::worse(worst, found),
                    None => found,
                });
            }
            worst
        }
        _ => None,
    }
}

/// Numbers that the model gives; not the cache that a decoder hands on to its next step.
fn is_compared(tensor: &Tensor) -> bool {
    matches!(tensor.dtype, DType::Float32) && !tensor.name.starts_with("present") && !tensor.bytes.is_empty()
}

fn tensors(reference: &Tensor, output: &Tensor) -> Option<Parity> {
    if reference.shape != output.shape {
        return None;
    }
    let (a, b) = (reference.to_f32().ok()?, output.to_f32().ok()?);
    let rows = if reference.name.contains("logits") { Rows::Scores } else { Rows::Vectors };
    parity::compare(&a, &b, reference.shape.last().copied().unwrap_or(1), rows)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use pelago_protocol::ParityVerdict;

    use super::*;

    fn tensor(name: &str, values: &[f32]) -> Tensor {
        Tensor::from_f32(name, vec![1, values.len()], values).unwrap()
    }

    #[test]
    fn the_worst_of_several_tensors_counts() {
        let reference = Output::Tensors(vec![tensor("hidden", &[1.0, 0.0]), tensor("logits", &[0.0, 1.0])]);
        let moved = vec![tensor("logits", &[1.0, 0.0]), tensor("hidden", &[1.0, 0.0])];
        let found = distance(&reference, &Output::Tensors(moved)).unwrap();
        assert_eq!((found.verdict, found.top1_agreement), (ParityVerdict::Broken, Some(0.0)));
        let same = distance(&reference, &reference.clone()).unwrap();
        assert_eq!((same.verdict, same.top1_agreement), (ParityVerdict::Exact, Some(1.0)));
    }

    #[test]
    fn a_cache_is_no_answer_and_what_is_missing_no_distance() {
        let with = |present: f32| Output::Tensors(vec![tensor("logits", &[1.0]), tensor("present.0.key", &[present])]);
        assert_eq!(distance(&with(1.0), &with(-1.0)).unwrap().verdict, ParityVerdict::Exact);
        assert_eq!(distance(&with(1.0), &Output::Tensors(Vec::new())), None);
        let other = Output::Tensors(vec![tensor("logits", &[1.0, 2.0])]);
        assert_eq!(distance(&with(1.0), &other), None);
    }
}
