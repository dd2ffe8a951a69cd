//! Good GGUF files of some kB, and the parts to write others with.

/// A file of tensors and metadata under construction.
#[derive(Default)]
pub(crate) struct GgufFile {
    keys: Vec<Vec<u8>>,
    tensors: Vec<(String, Vec<u64>, u32, Vec<u8>)>,
}

impl GgufFile {
    pub(crate) fn key(mut self, key: &str, kind: u32, value: &[u8]) -> Self {
        self.keys.push([&text(key)[..], &kind.to_le_bytes(), value].concat());
        self
    }

    pub(crate) fn count(self, key: &str, value: u32) -> Self {
        self.key(key, 4, &value.to_le_bytes())
    }

    pub(crate) fn real(self, key: &str, value: f32) -> Self {
        self.key(key, 6, &value.to_le_bytes())
    }

    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        self.key(key, 8, &text(value))
    }

    /// `shape` is innermost first, as in the file.
    pub(crate) fn tensor(mut self, name: &str, shape: &[u64], kind: u32, data: Vec<u8>) -> Self {
        self.tensors.push((name.to_owned(), shape.to_vec(), kind, data));
        self
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut bytes = [&b"GGUF"[..], &3u32.to_le_bytes()].concat();
        bytes.extend((self.tensors.len() as u64).to_le_bytes());
        bytes.extend((self.keys.len() as u64).to_le_bytes());
        bytes.extend(self.keys.concat());
        let mut offset = 0u64;
        for (name, shape, kind, data) in &self.tensors {
            bytes.extend(text(name));
            bytes.extend((shape.len() as u32).to_le_bytes());
            bytes.extend(shape.iter().flat_map(|length| length.to_le_bytes()));
            bytes.extend(kind.to_le_bytes());
            bytes.extend(offset.to_le_bytes());
            offset = (offset + data.len() as u64).next_multiple_of(32);
        }
        for (_, _, _, data) in &self.tensors {
            bytes.resize(bytes.len().next_multiple_of(32), 0);
            bytes.extend(data);
        }
        bytes
    }
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

/// A type's number, numbers of a block, bytes of one.
const KINDS: [(u32, u64, u64); 5] = [(0, 1, 4), (1, 1, 2), (2, 32, 18), (3, 32, 20), (8, 32, 34)];

/// Llamas of one layer, 32 wide, whose matrices are of each type but those with blocks of 256.
pub(super) fn files() -> Vec<Vec<u8>> {
    KINDS.iter().map(|kind| llama(*kind).write()).collect()
}

pub(crate) fn llama((kind, block, bytes): (u32, u64, u64)) -> GgufFile {
    let matrix = |rows: u64| vec![0; (rows * 32 / block * bytes) as usize];
    let mut file = GgufFile::default()
        .text("general.architecture", "llama")
        .count("llama.embedding_length", 32)
        .count("llama.attention.head_count", 2)
        .count("llama.attention.head_count_kv", 1)
        .count("llama.block_count", 1)
        .count("llama.feed_forward_length", 32)
        .count("llama.context_length", 8)
        .count("llama.rope.dimension_count", 16)
        .real("llama.attention.layer_norm_rms_epsilon", 1e-5)
        .text("tokenizer.ggml.model", "gpt2")
        .key("tokenizer.ggml.tokens", 9, &[&8u32.to_le_bytes()[..], &1u64.to_le_bytes(), &text("a")].concat())
        .key("tokenizer.ggml.add_bos_token", 7, &[1])
        .tensor("token_embd.weight", &[32, 4], kind, matrix(4))
        .tensor("output_norm.weight", &[32], 0, vec![0; 128]);
    for name in ["attn_norm", "ffn_norm"] {
        file = file.tensor(&format!("blk.0.{name}.weight"), &[32], 0, vec![0; 128]);
    }
    let rows = [("attn_q", 32), ("attn_k", 16), ("attn_v", 16), ("attn_output", 32)];
    for (name, rows) in rows.into_iter().chain(["ffn_gate", "ffn_up", "ffn_down"].map(|name| (name, 32))) {
        file = file.tensor(&format!("blk.0.{name}.weight"), &[32, rows], kind, matrix(rows));
    }
    file
}
