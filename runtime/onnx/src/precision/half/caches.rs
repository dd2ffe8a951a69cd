//! A decoder's cache of keys and values: an input and an output of the model, and the one thing that crosses its border in
//! half precision. It is as large as the model for long texts, and a static cache is one buffer for input and output,
//! between which no conversion may stand. Exporters' graphs keep theirs: what runs them gives all precisions the same
//! inputs. What a decoder sees of an encoder is the same at every step, so it is not
//! converted at every step either.

use std::collections::HashSet;

use super::HALF;
use crate::{
    precision::{
        graphs::{Definition, Graphs, Index, label},
        rewrite::CONTRIB,
    },
    proto::{DataType, ValueInfoProto},
};

/// Where `GroupQueryAttention` takes keys and values.
const PAST: [usize; 2] = [3, 4];
/// Where it gives them.
const PRESENT: [usize; 2] = [1, 2];

/// What the names of a cache begin with in Pelago's own graphs.
const OWN: &str = "past.";
/// What the names of keys and values of an encoder begin with there.
const SEEN: &str = "cross.";

/// Gives the caches of attention that computes in half precision that element type.
pub(super) fn halve(graphs: &mut Graphs, index: &Index, keep: &HashSet<String>) {
    let proto = &graphs.all[0].graph;
    let attention = proto.node.iter().filter(|node| {
        node.domain() == CONTRIB && node.op_type() == "GroupQueryAttention" && !keep.contains(&label(node))
    });
    let (mut past, mut present) = (HashSet::new(), HashSet::new());
    for node in attention {
        let inputs = PAST.map(|place| node.input.get(place).filter(|name| !name.is_empty()));
        let given =
            |name: &&String| name.starts_with(OWN) && matches!(index.find(0, name), Some((0, Definition::Input)));
        // A cache that comes from within the model is converted as any other value.
        if inputs.iter().flatten().all(given) {
            past.extend(inputs.into_iter().flatten().cloned());
            present.extend(PRESENT.iter().filter_map(|place| node.output.get(*place)).cloned());
        }
    }
    let proto = &mut graphs.all[0].graph;
    let halve = |values: &mut [ValueInfoProto], names: &HashSet<String>| {
        for value in values.iter_mut().filter(|value| names.contains(value.name()) || value.name().starts_with(SEEN)) {
            let tensor = value.r#type.as_mut().and_then(|found| found.tensor_type.as_mut());
            if let Some(tensor) = tensor.filter(|tensor| tensor.elem_type == Some(DataType::Float as i32)) {
                tensor.elem_type = Some(HALF as i32);
            }
        }
    };
    halve(&mut proto.input, &past);
    halve(&mut proto.output, &present);
}
