//! What must hold of any bytes whatever that are said to be a model. A fuzzer
//! calls this (see `fuzz/README.md`), and the tests below call it with good
//! models that were damaged.

use std::{collections::BTreeMap, io};

use prost::Message;

use crate::{
    files::Files,
    precision::{Destination, Recipe, Shapes, convert, layers, predict},
    read,
};

const MODEL: &str = "model.onnx";

/// Files in memory.
#[derive(Clone, Debug, Default)]
pub struct Memory(pub BTreeMap<String, Vec<u8>>);

impl Files for Memory {
    fn size(&self, file: &str) -> io::Result<u64> {
        self.0.get(file).map(|bytes| bytes.len() as u64).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn read(&self, file: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let bytes = self.0.get(file).ok_or(io::ErrorKind::NotFound)?;
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let bytes = bytes.get(offset..).and_then(|bytes| bytes.get(..length));
        Ok(bytes.ok_or(io::ErrorKind::UnexpectedEof)?.to_vec())
    }
}

/// A model of any bytes, in every precision.
///
/// # Panics
///
/// Where a model that was made of it cannot be read again.
pub fn model(data: &[u8]) {
    let files = Memory([(MODEL.to_owned(), data.to_vec())].into());
    let Ok(proto) = read::open(&files, MODEL) else { return };
    // What was read is a message that can be written.
    assert!(proto.encoded_len() <= 2 * data.len() + 4096);
    let _ = layers(&files, MODEL);
    let _ = predict(&files, MODEL, &serde_json::Value::Null, &Shapes::default());
    let Ok(folder) = tempfile::tempdir() else { return };
    let recipes = [Recipe::new(4), Recipe::new(8).integer(), Recipe::new(16), Recipe::standard(2).mixed()];
    for recipe in recipes {
        let to = Destination::new(folder.path(), MODEL);
        if convert(&files, MODEL, &recipe, to).is_ok() {
            let made = crate::files::Folder(folder.path().to_owned());
            assert!(read::open(&made, MODEL).is_ok());
            assert!(layers(&made, MODEL).is_ok());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test panics where something is wrong")]

    use std::path::Path;

    use proptest::prelude::*;

    fn seed(path: &str) -> Vec<u8> {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models");
        std::fs::read(models.join(path)).unwrap()
    }

    /// Models whose graphs are most of their bytes, and one with branches.
    fn seeds() -> Vec<Vec<u8>> {
        ["bert/onnx/model.onnx", "llama/onnx/model.onnx", "t5/onnx/decoder_model_merged.onnx"].map(seed).into()
    }

    proptest! {
        #[test]
        fn damaged_models(
            number in 0usize..3,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
            cut in prop::option::of(any::<prop::sample::Index>()),
            moved in prop::option::of((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1usize..200)),
        ) {
            let mut bytes = seeds().swap_remove(number);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Some((from, to, length)) = moved {
                let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
                let length = length.min(bytes.len() - from).min(bytes.len() - to);
                bytes.copy_within(from..from + length, to);
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            super::model(&bytes);
        }

        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            super::model(&bytes);
        }
    }

    #[test]
    fn whole_models() {
        seeds().iter().for_each(|seed| super::model(seed));
    }
}
