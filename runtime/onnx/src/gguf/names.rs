//! What the tensors of each architecture are called: in GGUF files, and in the checkpoints of transformers that the
//! builders know.

/// The parts of a layer, `blk.N.` and what follows; both names without `.weight` or `.bias`.
type Names = &'static [(&'static str, &'static str)];

/// The names of one architecture.
pub(super) struct Architecture {
    /// `general.architecture`.
    pub(super) name: &'static str,
    /// `model_type` of the builder.
    pub(super) model_type: &'static str,
    /// What a layer's names begin with, before its number.
    layers: &'static str,
    outside: Names,
    within: Names,
}

const OUTSIDE: Names = &[("token_embd", "model.embed_tokens"), ("output_norm", "model.norm"), ("output", "lm_head")];
const ATTENTION: [(&str, &str); 4] = [
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj"),
    ("attn_output", "self_attn.o_proj"),
];
const GATED: [(&str, &str); 3] =
    [("ffn_gate", "mlp.gate_proj"), ("ffn_up", "mlp.up_proj"), ("ffn_down", "mlp.down_proj")];
const NORMS: [(&str, &str); 2] = [("attn_norm", "input_layernorm"), ("ffn_norm", "post_attention_layernorm")];
const HEAD_NORMS: [(&str, &str); 2] = [("attn_q_norm", "self_attn.q_norm"), ("attn_k_norm", "self_attn.k_norm")];
const GEMMA_NORMS: [(&str, &str); 4] = [
    ("attn_norm", "input_layernorm"),
    ("post_attention_norm", "post_attention_layernorm"),
    ("ffn_norm", "pre_feedforward_layernorm"),
    ("post_ffw_norm", "post_feedforward_layernorm"),
];

const LLAMA: Names =
    &[ATTENTION[0], ATTENTION[1], ATTENTION[2], ATTENTION[3], GATED[0], GATED[1], GATED[2], NORMS[0], NORMS[1]];
const QWEN3: Names = &[
    ATTENTION[0],
    ATTENTION[1],
    ATTENTION[2],
    ATTENTION[3],
    GATED[0],
    GATED[1],
    GATED[2],
    NORMS[0],
    NORMS[1],
    HEAD_NORMS[0],
    HEAD_NORMS[1],
];
const GEMMA2: Names = &[
    ATTENTION[0],
    ATTENTION[1],
    ATTENTION[2],
    ATTENTION[3],
    GATED[0],
    GATED[1],
    GATED[2],
    GEMMA_NORMS[0],
    GEMMA_NORMS[1],
    GEMMA_NORMS[2],
    GEMMA_NORMS[3],
];
const GEMMA3: Names = &[
    ATTENTION[0],
    ATTENTION[1],
    ATTENTION[2],
    ATTENTION[3],
    GATED[0],
    GATED[1],
    GATED[2],
    GEMMA_NORMS[0],
    GEMMA_NORMS[1],
    GEMMA_NORMS[2],
    GEMMA_NORMS[3],
    HEAD_NORMS[0],
    HEAD_NORMS[1],
];
const PHI3: Names =
    &[("attn_qkv", "self_attn.qkv_proj"), ATTENTION[3], ("ffn_up", "mlp.gate_up_proj"), GATED[2], NORMS[0], NORMS[1]];

/// Every architecture that is read.
pub(super) const ALL: &[Architecture] = &[
    Architecture { name: "llama", model_type: "llama", layers: "model.layers.", outside: OUTSIDE, within: LLAMA },
    Architecture { name: "qwen2", model_type: "qwen2", layers: "model.layers.", outside: OUTSIDE, within: LLAMA },
    Architecture { name: "qwen3", model_type: "qwen3", layers: "model.layers.", outside: OUTSIDE, within: QWEN3 },
    Architecture { name: "phi3", model_type: "phi3", layers: "model.layers.", outside: OUTSIDE, within: PHI3 },
    Architecture { name: "gemma2", model_type: "gemma2", layers: "model.layers.", outside: OUTSIDE, within: GEMMA2 },
    Architecture {
        name: "gemma3",
        model_type: "gemma3_text",
        layers: "model.layers.",
        outside: OUTSIDE,
        within: GEMMA3,
    },
    Architecture {
        name: "gpt2",
        model_type: "gpt2",
        layers: "transformer.h.",
        outside: &[
            ("token_embd", "transformer.wte"),
            ("position_embd", "transformer.wpe"),
            ("output_norm", "transformer.ln_f"),
            ("output", "lm_head"),
        ],
        within: &[
            ("attn_norm", "ln_1"),
            ("attn_qkv", "attn.c_attn"),
            ("attn_output", "attn.c_proj"),
            ("ffn_norm", "ln_2"),
            ("ffn_up", "mlp.c_fc"),
            ("ffn_down", "mlp.c_proj"),
        ],
    },
];

impl Architecture {
    /// The name that the builder knows a tensor by; none where it knows no such tensor.
    pub(super) fn rename(&self, tensor: &str) -> Option<String> {
        let (module, kind) = tensor.rsplit_once('.')?;
        let find = |names: Names, module: &str| names.iter().find(|(known, _)| *known == module).map(|(_, name)| *name);
        if let Some(layer) = module.strip_prefix("blk.") {
            let (number, part) = layer.split_once('.')?;
            let number = number.parse::<u16>().ok()?;
            return Some(format!("{}{number}.{}.{kind}", self.layers, find(self.within, part)?));
        }
        Some(format!("{}.{kind}", find(self.outside, module)?))
    }
}
