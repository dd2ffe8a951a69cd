//! What must hold of any bytes whatever that are said to be a model or a
//! checkpoint. A fuzzer calls this (see `fuzz/README.md`), and the tests below
//! call it with good ones that were damaged.

mod gguf_seed;
mod seeds;

use std::{collections::BTreeMap, io};

use prost::Message;

#[cfg(test)]
pub(crate) use self::gguf_seed::{GgufFile, llama as llama_file};
pub use self::seeds::{seeds, sow};
use crate::{
    files::Files,
    gguf::{Gguf, Kept, Weights},
    graph::{self, BuildOptions, GenerationOptions},
    precision::{Destination, Recipe, Shapes, convert, layers, predict},
    proto::{GraphProto, NodeProto},
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

/// Nodes of a graph and of those within it.
fn nodes_of(graph: &GraphProto) -> usize {
    let inner = graph.node.iter().flat_map(NodeProto::graphs).map(nodes_of);
    graph.node.len() + inner.sum::<usize>()
}

/// A model of any bytes, in every precision. Gives in how many it was made.
///
/// # Panics
///
/// Where a model that was made of it cannot be read again.
pub fn model(data: &[u8]) -> usize {
    let files = Memory([(MODEL.to_owned(), data.to_vec())].into());
    let looked_at = read::check(&files, MODEL).and_then(|()| read::facts(&files, MODEL));
    let Ok(proto) = read::open(&files, MODEL) else { return 0 };
    // What loses nothing is read by a look too, unless a tensor points past the end of a file.
    let nodes = looked_at.map(|facts| facts.integer_nodes.len() + facts.other_nodes.len());
    assert!(nodes.is_err() || nodes.ok() == proto.graph.as_ref().map(nodes_of));
    // What was read is a message that can be written.
    assert!(proto.encoded_len() <= 2 * data.len() + 4096);
    let _ = layers(&files, MODEL);
    let _ = predict(&files, MODEL, &serde_json::Value::Null, &Shapes::default());
    let Ok(folder) = tempfile::tempdir() else { return 0 };
    let mut made_in = 0;
    let recipes = [Recipe::new(4), Recipe::new(8).integer(), Recipe::new(16), Recipe::standard(2).mixed()];
    for recipe in recipes {
        let to = Destination::new(folder.path(), MODEL);
        if convert(&files, MODEL, &recipe, to).is_ok() {
            let made = crate::files::Folder(folder.path().to_owned());
            assert!(read::open(&made, MODEL).is_ok());
            assert!(layers(&made, MODEL).is_ok());
            made_in += 1;
        }
    }
    made_in
}

/// A checkpoint of any bytes: its config up to the first zero, and its safetensors. Gives whether it is one.
///
/// # Panics
///
/// Where the graph that was built of it cannot be read.
pub fn checkpoint(data: &[u8]) -> bool {
    let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let (config, tensors) = (data[..end].to_vec(), data.get(end + 1..).unwrap_or_default().to_vec());
    let mut files = Memory([("config.json".to_owned(), config), ("model.safetensors".to_owned(), tensors)].into());
    let options = GenerationOptions { context: 8, ..GenerationOptions::default() };
    let mut graphs = Vec::new();
    graphs.extend(graph::build(&files, &BuildOptions::default()));
    graphs.extend(graph::build_head_in(&files, "", &BuildOptions::default()).map(|built| built.model));
    graphs.extend(graph::build_decoder_in(&files, "", &options).map(|built| built.model));
    if let Ok(built) = graph::build_encoder_decoder_in(&files, "", &options) {
        graphs.extend([built.encoder, built.cross, built.decoder]);
    }
    for built in &graphs {
        files.0.insert(MODEL.to_owned(), built.onnx.clone());
        assert!(read::open(&files, MODEL).is_ok());
        assert!(layers(&files, MODEL).is_ok());
    }
    !graphs.is_empty()
}

/// A GGUF file of any bytes. Gives whether a decoder was built of it.
///
/// # Panics
///
/// Where the graph that was built of it cannot be read, or its weights not.
pub fn gguf(data: &[u8]) -> bool {
    const FILE: &str = "model.gguf";
    let files = Memory([(FILE.to_owned(), data.to_vec())].into());
    let Ok(header) = Gguf::read(&files, FILE) else { return false };
    let _ = header.tokenizer();
    let options = GenerationOptions { context: 8, ..GenerationOptions::default() };
    let mut whole = true;
    for kept in [Kept::Blocks, Kept::Single] {
        let Ok(built) = header.build_decoder(&files, &options, kept) else {
            whole = false;
            continue;
        };
        let weights = Weights::new(&files, &header).with(MODEL, built.model.onnx);
        assert!(layers(&weights, MODEL).is_ok());
        let Ok(folder) = tempfile::tempdir() else { return false };
        let made = convert(&weights, MODEL, &Recipe::new(32), Destination::new(folder.path(), MODEL));
        assert!(made.is_ok(), "{made:?}");
    }
    whole
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test panics where something is wrong")]

    use std::path::Path;

    use proptest::prelude::*;

    use super::seeds;

    /// Models whose graphs are most of their bytes, one with branches, and the small ones.
    fn models() -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models");
        let large = ["bert/onnx/model.onnx", "llama/onnx/model.onnx", "t5/onnx/decoder_model_merged.onnx"];
        large.iter().map(|path| std::fs::read(folder.join(path)).unwrap()).chain(seeds("model")).collect()
    }

    proptest! {
        #[test]
        fn damaged_models(
            mut bytes in prop::sample::select(models()),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
            cut in prop::option::of(any::<prop::sample::Index>()),
            moved in prop::option::of((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1usize..200)),
        ) {
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
        fn damaged_checkpoints(
            mut bytes in prop::sample::select(seeds("checkpoint")),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        ) {
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            super::checkpoint(&bytes);
        }

        #[test]
        fn damaged_gguf_files(
            mut bytes in prop::sample::select(seeds("gguf")),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
            cut in prop::option::of(any::<prop::sample::Index>()),
        ) {
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            super::gguf(&bytes);
        }

        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            super::model(&bytes);
        }
    }

    #[test]
    fn whole_models() {
        let made: Vec<_> = models().iter().map(|seed| super::model(seed)).collect();
        // The last is refused for its shape.
        assert_eq!(made, [4, 4, 4, 4, 4, 4, 0]);
    }

    #[test]
    fn whole_gguf_files() {
        seeds("gguf").iter().for_each(|seed| assert!(super::gguf(seed)));
    }

    #[test]
    fn whole_checkpoints() {
        seeds("checkpoint").iter().for_each(|seed| assert!(super::checkpoint(seed)));
    }
}
