//! The numbers that shapes are made of, followed through the nodes that compute
//! them.

use super::{Known, VALUES_MAX, bounds};
use crate::{
    precision::graphs::{attribute, int},
    proto::{DataType, NodeProto},
};

/// The arithmetic of shapes.
pub(super) fn integers(node: &NodeProto, inputs: &[Known]) -> Option<Known> {
    let values = |number: usize| inputs.get(number)?.values.as_ref();
    let scalar = |number: usize| inputs.get(number).and_then(|it| it.shape.as_ref()).is_some_and(Vec::is_empty);
    match node.op_type() {
        "Shape" => {
            let shape = inputs.first()?.shape.as_ref()?;
            let rank = shape.len() as i64;
            let at = |value: i64| (if value < 0 { value + rank } else { value }).clamp(0, rank) as usize;
            let (start, end) = (at(int(node, "start", 0)), at(int(node, "end", rank)));
            Some(Known::list(shape.get(start..end)?.iter().map(|it| *it as i64).collect(), false))
        }
        "Constant" => {
            let attribute = node.attribute.first()?;
            match attribute.name() {
                "value_int" => Some(Known::list(vec![attribute.i?], true)),
                "value_ints" if attribute.ints.len() <= VALUES_MAX => Some(Known::list(attribute.ints.clone(), false)),
                "value" => {
                    let tensor = attribute.t.as_ref().filter(|it| it.data_type == Some(DataType::Int64 as i32))?;
                    let values = match &tensor.raw_data {
                        Some(raw) => raw.as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect(),
                        None => tensor.int64_data.clone(),
                    };
                    (values.len() <= VALUES_MAX && tensor.dims.len() < 2)
                        .then(|| Known::list(values, tensor.dims.is_empty()))
                }
                _ => None,
            }
        }
        "Gather" if inputs.first()?.shape.as_ref()?.len() == 1 => {
            let (list, at) = (values(0)?, values(1)?);
            let picked = at.iter().map(|at| {
                let at = if *at < 0 { *at + list.len() as i64 } else { *at };
                usize::try_from(at).ok().and_then(|at| list.get(at).copied())
            });
            Some(Known::list(picked.collect::<Option<_>>()?, scalar(1)))
        }
        "Concat" => {
            let all = (0..inputs.len()).map(values).collect::<Option<Vec<_>>>()?;
            Some(Known::list(all.into_iter().flatten().copied().take(VALUES_MAX).collect(), false))
        }
        "Identity" => Some(Known::list(values(0)?.clone(), scalar(0))),
        "Unsqueeze" if scalar(0) => Some(Known::list(values(0)?.clone(), false)),
        "Squeeze" if values(0)?.len() == 1 => Some(Known::list(values(0)?.clone(), true)),
        "Reshape" if values(1)?.len() == 1 => Some(Known::list(values(0)?.clone(), false)),
        "Cast" if int(node, "to", 0) == DataType::Int64 as i64 => Some(Known::list(values(0)?.clone(), scalar(0))),
        "ConstantOfShape" => {
            let count = usize::try_from(*values(0)?.first()?).ok().filter(|it| *it <= VALUES_MAX)?;
            let tensor =
                attribute(node, "value")?.t.as_ref().filter(|it| it.data_type == Some(DataType::Int64 as i32))?;
            let value = match &tensor.raw_data {
                Some(raw) => i64::from_le_bytes(*raw.first_chunk()?),
                None => *tensor.int64_data.first()?,
            };
            (values(0)?.len() == 1).then(|| Known::list(vec![value; count], false))
        }
        "Where" => {
            let (which, one, other) = (values(0)?, values(1)?, values(2)?);
            let pick = |list: &[i64], at: usize| list.get(if list.len() == 1 { 0 } else { at }).copied();
            let length = which.len().max(one.len()).max(other.len());
            let result = (0..length).map(|at| pick(if pick(which, at)? != 0 { one } else { other }, at));
            Some(Known::list(result.collect::<Option<_>>()?, scalar(0) && scalar(1) && scalar(2)))
        }
        "Add" | "Sub" | "Mul" | "Div" | "Equal" => {
            let (one, other) = (values(0)?, values(1)?);
            let length = one.len().max(other.len());
            let pick = |list: &[i64], at: usize| list.get(if list.len() == 1 { 0 } else { at }).copied();
            let result = (0..length).map(|at| {
                let (one, other) = (pick(one, at)?, pick(other, at)?);
                match node.op_type() {
                    "Add" => one.checked_add(other),
                    "Sub" => one.checked_sub(other),
                    "Mul" => one.checked_mul(other),
                    "Equal" => Some(i64::from(one == other)),
                    _ => one.checked_div(other),
                }
            });
            Some(Known::list(result.collect::<Option<_>>()?, scalar(0) && scalar(1)))
        }
        "Slice" if inputs.first()?.shape.as_ref()?.len() == 1 => {
            let list = values(0)?;
            let at = |number| values(number).and_then(|it| it.first().copied());
            let (start, end) = bounds(list.len() as u64, at(1)?, at(2)?, at(4).unwrap_or(1))?;
            Some(Known::list(list.get(start as usize..end as usize)?.to_vec(), false))
        }
        _ => None,
    }
}
