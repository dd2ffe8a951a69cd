//! The shape of a node's results from those of its inputs.

mod values;

use values::integers;

use super::graphs::{attribute, int};
use crate::proto::{DataType, NodeProto};

/// Numbers of a shape that are followed; no tensor has so many dimensions.
const VALUES_MAX: usize = 64;

/// Dimensions of a tensor.
const RANK_MAX: usize = 64;

/// What is known of a value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Known {
    pub(super) shape: Option<Vec<u64>>,
    pub(super) dtype: i32,
    /// What a short list of integers holds.
    pub(super) values: Option<Vec<i64>>,
    /// Whether it is an initializer.
    pub(super) weight: bool,
    /// How much to count where the shape is not known.
    pub(super) bytes: u64,
}

impl Known {
    fn new(shape: Vec<u64>, dtype: i32) -> Self {
        Self { shape: Some(shape), dtype, ..Self::default() }
    }

    fn list(values: Vec<i64>, scalar: bool) -> Self {
        let shape = if scalar { vec![] } else { vec![values.len() as u64] };
        Self { values: Some(values), ..Self::new(shape, DataType::Int64 as i32) }
    }
}

/// What is known of each result; nothing where that cannot be told.
pub(super) fn infer(node: &NodeProto, inputs: &[Known]) -> Vec<Known> {
    if let Some(values) = integers(node, inputs) {
        return vec![values];
    }
    let dtype = dtype(node, inputs);
    match shapes(node, inputs) {
        // A tensor used as its own index doubles its rank: no model does.
        Some(shapes) if shapes.iter().any(|shape| shape.len() > RANK_MAX) => Vec::new(),
        Some(shapes) => shapes.into_iter().map(|shape| Known::new(shape, dtype)).collect(),
        None => Vec::new(),
    }
}

fn dtype(node: &NodeProto, inputs: &[Known]) -> i32 {
    let of = |number: usize| inputs.get(number).map_or(DataType::Float as i32, |known| known.dtype);
    match node.op_type() {
        "Cast" => int(node, "to", DataType::Float as i64) as i32,
        "Shape" | "Size" | "ArgMax" | "ArgMin" | "NonZero" => DataType::Int64 as i32,
        "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" | "And" | "Or" | "Not" | "IsNaN" => {
            DataType::Bool as i32
        }
        "Where" | "DequantizeLinear" => of(1),
        "GatherBlockQuantized" => of(2),
        "MatMulInteger" => DataType::Int32 as i32,
        "DynamicQuantizeLinear" => DataType::Uint8 as i32,
        "ConstantOfShape" | "Constant" => node
            .attribute
            .first()
            .and_then(|value| value.t.as_ref())
            .map_or(DataType::Float as i32, |tensor| tensor.data_type.unwrap_or_default()),
        _ => of(0),
    }
}

fn shapes(node: &NodeProto, inputs: &[Known]) -> Option<Vec<Vec<u64>>> {
    let shape = |number: usize| inputs.get(number)?.shape.clone();
    let axes = |number: usize| {
        let given = inputs.get(number).and_then(|known| known.values.clone());
        given.or_else(|| attribute(node, "axes").map(|it| it.ints.clone())).filter(|axes| axes.len() <= RANK_MAX)
    };
    let first = || shape(0);
    let one = match node.op_type() {
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual"
        | "And" | "Or" | "Xor" | "Where" | "Min" | "Max" | "Mod" | "PRelu" => {
            let mut result = Vec::new();
            for number in 0..inputs.len() {
                result = broadcast(&result, &shape(number)?)?;
            }
            result
        }
        "MatMul" | "MatMulInteger" => matmul(&first()?, &shape(1)?)?,
        "MatMulNBits" => {
            let mut result = first()?;
            *result.last_mut()? = u64::try_from(int(node, "N", 0)).ok()?;
            result
        }
        "Gemm" => {
            let (a, b) = (first()?, shape(1)?);
            let turned = |name| int(node, name, 0) != 0;
            vec![*a.get(usize::from(turned("transA")))?, *b.get(usize::from(!turned("transB")))?]
        }
        "Gather" | "GatherBlockQuantized" => {
            let (mut data, at) = (first()?, shape(1)?);
            if node.op_type() == "GatherBlockQuantized" && inputs.first()?.dtype == DataType::Uint8 as i32 {
                let packed = 8 / u64::try_from(int(node, "bits", 4)).ok().filter(|bits| *bits > 0)?;
                *data.last_mut()? = data.last()?.checked_mul(packed)?;
            }
            let axis = axis(int(node, "axis", 0), data.len())?;
            data.splice(axis..=axis, at);
            data
        }
        "Transpose" => {
            let data = first()?;
            let order = attribute(node, "perm").map(|it| it.ints.clone());
            let order = order.unwrap_or_else(|| (0..data.len() as i64).rev().collect());
            order.iter().map(|at| data.get(usize::try_from(*at).ok()?).copied()).collect::<Option<_>>()?
        }
        "Reshape" => reshape(&first()?, inputs.get(1)?.values.as_ref()?)?,
        "Expand" => {
            let wanted = inputs.get(1)?.values.as_ref()?;
            broadcast(&first()?, &wanted.iter().map(|it| u64::try_from(*it).ok()).collect::<Option<Vec<_>>>()?)?
        }
        "ConstantOfShape" => {
            let wanted = inputs.first()?.values.as_ref()?;
            wanted.iter().map(|it| u64::try_from(*it).ok()).collect::<Option<_>>()?
        }
        "Constant" => {
            let tensor = node.attribute.first()?.t.as_ref()?;
            tensor.dims.iter().map(|it| u64::try_from(*it).ok()).collect::<Option<_>>()?
        }
        "Range" => {
            let at = |number: usize| inputs.get(number)?.values.as_ref()?.first().copied();
            let (start, end, step) = (at(0)?, at(1)?, at(2)?);
            vec![u64::try_from(end.checked_sub(start)?.checked_div(step)?).ok()?]
        }
        "Unsqueeze" => {
            let mut data = first()?;
            let axes = axes(1)?;
            let rank = data.len() + axes.len();
            let mut axes = axes.iter().map(|it| axis(*it, rank)).collect::<Option<Vec<_>>>()?;
            axes.sort_unstable();
            axes.into_iter().for_each(|at| data.insert(at.min(data.len()), 1));
            data
        }
        "Squeeze" => {
            let data = first()?;
            let axes = axes(1).map(|axes| axes.iter().map(|it| axis(*it, data.len())).collect::<Option<Vec<_>>>());
            let gone = |at: &usize| match &axes {
                Some(Some(axes)) => axes.contains(at),
                _ => data[*at] == 1,
            };
            (0..data.len()).filter(|at| !gone(at)).map(|at| data[at]).collect()
        }
        "Concat" => {
            let mut data = first()?;
            let axis = axis(int(node, "axis", 0), data.len())?;
            let mut lengths = (0..inputs.len()).map(|number| shape(number)?.get(axis).copied());
            data[axis] = lengths.try_fold(0u64, |sum, length| sum.checked_add(length?))?;
            data
        }
        "Flatten" => {
            let data = first()?;
            let at = axis(int(node, "axis", 1), data.len() + 1)?;
            vec![product(&data[..at])?, product(&data[at..])?]
        }
        "Slice" => {
            let mut data = first()?;
            let list = |number: usize| inputs.get(number).and_then(|known| known.values.clone());
            let (starts, ends) = (list(1)?, list(2)?);
            let axes = list(3).unwrap_or_else(|| (0..starts.len() as i64).collect());
            for (number, at) in axes.iter().enumerate() {
                let at = axis(*at, data.len())?;
                let step = list(4).and_then(|steps| steps.get(number).copied()).unwrap_or(1);
                let (start, end) = bounds(data[at], *starts.get(number)?, *ends.get(number)?, step)?;
                data[at] = (end - start).div_ceil(step.unsigned_abs());
            }
            data
        }
        "Split" => return split(node, &first()?, inputs),
        "Tile" => {
            let times = inputs.get(1)?.values.as_ref()?;
            let data = first()?;
            data.iter()
                .zip(times)
                .map(|(it, times)| it.checked_mul(u64::try_from(*times).ok()?))
                .collect::<Option<_>>()?
        }
        "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceL2" | "ReduceProd" | "ReduceSumSquare"
        | "ArgMax" | "ArgMin" => {
            let data = first()?;
            let named = attribute(node, "axis").and_then(|it| it.i).map(|axis| vec![axis]);
            let axes = named.or_else(|| axes(1)).unwrap_or_else(|| (0..data.len() as i64).collect());
            let axes = axes.iter().map(|it| axis(*it, data.len())).collect::<Option<Vec<_>>>()?;
            let keep = int(node, "keepdims", 1) != 0;
            let lengths = data.iter().enumerate().filter(|(at, _)| keep || !axes.contains(at));
            lengths.map(|(at, length)| if axes.contains(&at) { 1 } else { *length }).collect()
        }
        "Conv" | "MaxPool" | "AveragePool" => conv(node, &first()?, shape(1).as_deref())?,
        "GlobalAveragePool" | "GlobalMaxPool" => {
            let data = first()?;
            data.iter().enumerate().map(|(at, length)| if at < 2 { *length } else { 1 }).collect()
        }
        "DynamicQuantizeLinear" => return Some(vec![first()?, vec![], vec![]]),
        "SkipLayerNormalization" | "SkipSimplifiedLayerNormalization" => {
            return Some(vec![first()?, vec![], vec![], first()?]);
        }
        "GroupQueryAttention" => return attention(node, &first()?, &shape(3)?, inputs.get(1)?.shape.is_some()),
        "Abs"
        | "BatchNormalization"
        | "Cast"
        | "Ceil"
        | "Clip"
        | "Cos"
        | "CumSum"
        | "DequantizeLinear"
        | "Dropout"
        | "Elu"
        | "Erf"
        | "Exp"
        | "Floor"
        | "Gelu"
        | "GroupNormalization"
        | "HardSigmoid"
        | "HardSwish"
        | "Identity"
        | "InstanceNormalization"
        | "IsNaN"
        | "LayerNormalization"
        | "LeakyRelu"
        | "Log"
        | "LogSoftmax"
        | "Neg"
        | "Not"
        | "QuantizeLinear"
        | "RMSNormalization"
        | "Reciprocal"
        | "Relu"
        | "Round"
        | "Sigmoid"
        | "Sign"
        | "SimplifiedLayerNormalization"
        | "Sin"
        | "Softmax"
        | "Softplus"
        | "Sqrt"
        | "Tanh"
        | "Trilu"
        | "FastGelu"
        | "QuickGelu" => first()?,
        _ => return None,
    };
    Some(vec![one])
}

fn axis(axis: i64, rank: usize) -> Option<usize> {
    let at = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(at).ok().filter(|at| *at < rank)
}

fn product(lengths: &[u64]) -> Option<u64> {
    lengths.iter().try_fold(1u64, |product, length| product.checked_mul(*length))
}

fn broadcast(one: &[u64], other: &[u64]) -> Option<Vec<u64>> {
    let rank = one.len().max(other.len());
    let at = |shape: &[u64], at: usize| (at + shape.len()).checked_sub(rank).map_or(1, |at| shape[at]);
    let lengths = (0..rank).map(|place| match (at(one, place), at(other, place)) {
        (1, length) | (length, 1) => Some(length),
        (one, other) => (one == other).then_some(one),
    });
    lengths.collect()
}

fn matmul(a: &[u64], b: &[u64]) -> Option<Vec<u64>> {
    let (columns, rows) = (*b.last()?, a.len().checked_sub(2).map(|at| a[at]));
    let batch = |shape: &[u64]| shape[..shape.len().saturating_sub(2)].to_vec();
    let mut result = broadcast(&batch(a), &batch(b))?;
    result.extend(rows);
    if b.len() > 1 {
        result.push(columns);
    }
    Some(result)
}

fn reshape(data: &[u64], wanted: &[i64]) -> Option<Vec<u64>> {
    let mut shape = wanted.iter().enumerate().map(|(at, length)| match length {
        0 => data.get(at).copied(),
        -1 => Some(1),
        length => u64::try_from(*length).ok(),
    });
    let mut shape = shape.by_ref().collect::<Option<Vec<_>>>()?;
    if let Some(at) = wanted.iter().position(|length| *length == -1) {
        shape[at] = product(data)?.checked_div(product(&shape)?)?;
    }
    Some(shape)
}

/// From where to where a slice goes; backwards it has as many elements.
fn bounds(length: u64, start: i64, end: i64, step: i64) -> Option<(u64, u64)> {
    let length = i64::try_from(length).ok()?;
    let at = |value: i64| (if value < 0 { value.saturating_add(length) } else { value }).clamp(0, length);
    let (start, end) =
        if step < 0 { (at(end.saturating_add(1)), at(start.saturating_add(1))) } else { (at(start), at(end)) };
    (step != 0).then(|| (start as u64, end.max(start) as u64))
}

/// Of queries alone, or with keys and values beside them, and of a cache that grows.
fn attention(node: &NodeProto, query: &[u64], past: &[u64], apart: bool) -> Option<Vec<Vec<u64>>> {
    let [batch, sequence, _] = query else { return None };
    let [_, keys, before, size] = past else { return None };
    let heads = u64::try_from(int(node, "num_heads", 0)).ok()?;
    let mut result = query.to_vec();
    if !apart {
        *result.last_mut()? = heads.checked_mul(*size)?;
    }
    let present = vec![*batch, *keys, before.checked_add(*sequence)?, *size];
    Some(vec![result, present.clone(), present])
}

fn split(node: &NodeProto, data: &[u64], inputs: &[Known]) -> Option<Vec<Vec<u64>>> {
    let axis = axis(int(node, "axis", 0), data.len())?;
    let given = inputs.get(1).and_then(|known| known.values.clone());
    let parts = given.or_else(|| attribute(node, "split").map(|it| it.ints.clone()));
    let count = node.output.len().max(1) as u64;
    let parts = parts.unwrap_or_else(|| vec![data[axis].div_ceil(count) as i64; count as usize]);
    let shapes = parts.iter().map(|part| {
        let mut shape = data.to_vec();
        shape[axis] = u64::try_from(*part).ok()?;
        Some(shape)
    });
    shapes.collect()
}

fn conv(node: &NodeProto, data: &[u64], weight: Option<&[u64]>) -> Option<Vec<u64>> {
    let ints = |name| attribute(node, name).map(|it| it.ints.clone());
    let spatial = data.len().checked_sub(2)?;
    let kernel = match ints("kernel_shape") {
        Some(kernel) => kernel.iter().map(|it| u64::try_from(*it).ok()).collect::<Option<Vec<_>>>()?,
        None => weight?.get(2..)?.to_vec(),
    };
    let at = |list: &Option<Vec<i64>>, at: usize, default: u64| {
        list.as_ref().and_then(|list| u64::try_from(*list.get(at)?).ok()).unwrap_or(default)
    };
    let (strides, pads, dilations) = (ints("strides"), ints("pads"), ints("dilations"));
    let same = attribute(node, "auto_pad").is_some_and(|it| it.s.as_deref().is_some_and(|s| s.starts_with(b"SAME")));
    let channels = if node.op_type() == "Conv" { *weight?.first()? } else { *data.get(1)? };
    let mut shape = vec![*data.first()?, channels];
    for place in 0..spatial {
        let (length, stride) = (data[place + 2], at(&strides, place, 1).max(1));
        let reach = at(&dilations, place, 1).checked_mul(kernel.get(place)?.checked_sub(1)?)?.checked_add(1)?;
        let padded = length.checked_add(at(&pads, place, 0))?.checked_add(at(&pads, place + spatial, 0))?;
        shape.push(if same {
            length.div_ceil(stride)
        } else {
            (padded.checked_sub(reach)? / stride).checked_add(1)?
        });
    }
    Some(shape)
}
