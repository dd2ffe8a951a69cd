//! The tensors of a `pytorch_model.bin`. Its pickle is a program for a machine with a stack; the few instructions
//! that PyTorch writes for a dictionary of tensors are followed here, and whatever else it would call is refused:
//! nothing of it runs. The format: Python's `pickletools`, and `torch.save` since PyTorch 1.6 (a zip archive).

mod machine;

use std::collections::HashMap;
use std::io::{Cursor, Read};

use self::machine::{Problem, follow};
use super::Weight;
use crate::Error;

/// Longest pickle that is followed: it names tensors, their bytes are beside it.
const PICKLE_MAX: u64 = 4 << 20;
/// Bytes of all tensors.
const TENSORS_MAX: u64 = 1 << 30;

/// The type of a storage.
#[derive(Clone, Copy, Debug)]
enum Kind {
    F64,
    F32,
    F16,
    Bf16,
    I64,
}

/// A tensor that the program made: where its numbers are.
#[derive(Clone, Debug)]
struct Described {
    kind: Kind,
    file: String,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

/// The tensors of a file by their names.
///
/// # Errors
/// `Pickle` where it calls anything but what makes tensors, `Damaged` where it is cut or no archive.
pub(super) fn tensors(file: &str, bytes: &[u8]) -> Result<HashMap<String, Weight>, Error> {
    let damaged = |problem: &str| Error::Damaged { file: file.to_owned(), problem: problem.to_owned() };
    if !bytes.starts_with(b"PK") {
        return Err(damaged(
            "expected an archive, as PyTorch 1.6 and later write; save the module as model.safetensors",
        ));
    }
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(&error.to_string()))?;
    let names = archive.file_names().filter_map(Result::ok);
    let pickle = names.map(std::borrow::Cow::into_owned).find(|name| name.ends_with("/data.pkl"));
    let pickle = pickle.ok_or_else(|| damaged("expected a data.pkl in the archive"))?;
    let folder = pickle.strip_suffix("data.pkl").unwrap_or_default().to_owned();
    let program = entry(&mut archive, &pickle, PICKLE_MAX).map_err(|problem| damaged(&problem))?;
    let dictionary = follow(&program).map_err(|problem| match problem {
        Problem::Calls(what) => Error::Pickle { file: file.to_owned(), what },
        Problem::Damaged(problem) => damaged(problem),
    })?;
    let mut left = TENSORS_MAX;
    let mut found = HashMap::new();
    for (name, tensor) in dictionary {
        let bytes = entry(&mut archive, &format!("{folder}data/{}", tensor.file), left).map_err(|it| damaged(&it))?;
        left = left.saturating_sub(bytes.len() as u64);
        let weight = tensor.read(&bytes).ok_or_else(|| damaged("a tensor is longer than its storage"))?;
        found.insert(name, weight);
    }
    Ok(found)
}

fn entry(archive: &mut zip::ZipArchive<Cursor<&[u8]>>, name: &str, most: u64) -> Result<Vec<u8>, String> {
    let file = archive.by_name(name).map_err(|error| format!("{name}: {error}"))?;
    let mut bytes = Vec::new();
    // What the archive says of its length is not believed.
    file.take(most + 1).read_to_end(&mut bytes).map_err(|error| format!("{name}: {error}"))?;
    if bytes.len() as u64 > most { Err(format!("{name} is longer than {most} bytes")) } else { Ok(bytes) }
}

impl Described {
    fn read(&self, bytes: &[u8]) -> Option<Weight> {
        let count = self.shape.iter().try_fold(1_usize, |count, length| count.checked_mul(*length))?;
        let width = match self.kind {
            Kind::F64 | Kind::I64 => 8,
            Kind::F32 => 4,
            Kind::F16 | Kind::Bf16 => 2,
        };
        if count > bytes.len() / width {
            return None;
        }
        let mut values = Vec::with_capacity(count);
        let mut index = vec![0; self.shape.len()];
        for _ in 0..count {
            let steps = index
                .iter()
                .zip(&self.strides)
                .try_fold(self.offset, |at, (index, stride)| at.checked_add(usize::checked_mul(*index, *stride)?))?;
            let start = steps.checked_mul(width)?;
            let value = bytes.get(start..start.checked_add(width)?)?;
            values.push(match self.kind {
                Kind::F64 => f64::from_le_bytes(value.try_into().ok()?) as f32,
                Kind::I64 => i64::from_le_bytes(value.try_into().ok()?) as f32,
                Kind::F32 => f32::from_le_bytes(value.try_into().ok()?),
                Kind::F16 => half::f16::from_le_bytes(value.try_into().ok()?).to_f32(),
                Kind::Bf16 => half::bf16::from_le_bytes(value.try_into().ok()?).to_f32(),
            });
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                if index[axis] < self.shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        Some(Weight { shape: self.shape.clone(), values })
    }
}
