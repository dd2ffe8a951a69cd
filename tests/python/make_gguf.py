"""Make GGUF files of tiny checkpoints, with what PyTorch generates with their weights.

    pip install torch safetensors transformers==4.57.6 gguf==0.19.0
    python make_gguf.py

Writes `tests/fixtures/models/gguf/<name>.gguf` and `others.json`: tensors and settings as llama.cpp's converter lays them
out, in types that these architectures do not have elsewhere in the tests. That the layout is llama.cpp's is checked with
transformers' own reader of GGUF files, which must give the same weights.
"""

import json
import math
import pathlib
import tempfile

import gguf
import numpy
import torch
import transformers
from gguf import GGMLQuantizationType as Type

MODELS = pathlib.Path(__file__).resolve().parent.parent / "fixtures/models"
OUTSIDE = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
OUTSIDE |= {"transformer.wte": "token_embd", "transformer.wpe": "position_embd", "transformer.ln_f": "output_norm"}
WITHIN = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "self_attn.qkv_proj": "attn_qkv", "mlp.gate_up_proj": "ffn_up", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "ln_1": "attn_norm", "ln_2": "ffn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output",
    "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down",
}  # fmt: skip
GEMMA = {"post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm"}
GEMMA |= {"post_feedforward_layernorm": "post_ffw_norm"}


def permuted(values, heads):
    """llama.cpp has the two numbers that are turned together side by side."""
    shape = values.shape
    return values.reshape(heads, 2, shape[0] // heads // 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def unpermuted(values, heads):
    shape = values.shape
    return values.reshape(heads, shape[0] // heads // 2, 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def factors(config, size):
    """What Llama 3's scaling divides each frequency by: the tensor `rope_freqs`."""
    scaling = config.rope_scaling
    factor, old = scaling["factor"], scaling["original_max_position_embeddings"]
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    found = []
    for pair in range(0, size, 2):
        length = 2 * math.pi * config.rope_theta ** (pair / size)
        if length < old / high:
            found.append(1.0)
        elif length > old / low:
            found.append(factor)
        else:
            smooth = (old / length - low) / (high - low)
            found.append(1 / ((1 - smooth) / factor + smooth))
    return numpy.array(found, numpy.float32)


def name_of(name, gemma):
    module, kind = name.rsplit(".", 1)
    if module in OUTSIDE:
        return f"{OUTSIDE[module]}.{kind}"
    _, _, layer, part = module.split(".", 3)
    return f"blk.{layer}.{({**WITHIN, **GEMMA} if gemma else WITHIN)[part]}.{kind}"


def stored(values, kind):
    """Values as a type keeps them, and as what they then are."""
    packed = gguf.quants.quantize(values, kind)
    return packed, gguf.quants.dequantize(packed, kind).astype(numpy.float32).reshape(values.shape)


def write(path, model, architecture, kind, table):
    config = model.config
    gemma, gpt2 = architecture.startswith("gemma"), architecture == "gpt2"
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(4 * config.n_embd if gpt2 else config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    if gpt2:
        writer.add_layer_norm_eps(config.layer_norm_epsilon)
    else:
        writer.add_head_count_kv(config.num_key_value_heads)
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
        writer.add_rope_freq_base(config.rope_theta)
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        if architecture in ("qwen3", "gemma2", "gemma3"):
            writer.add_key_length(size)
            writer.add_value_length(size)
        if architecture == "llama":
            writer.add_tensor("rope_freqs.weight", factors(config, size))
        if architecture in ("phi3", "llama"):
            writer.add_rope_dimension_count(size)
    if gemma:
        writer.add_sliding_window(config.sliding_window)
    if architecture == "gemma2":
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    if architecture == "gemma3":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(config.rope_scaling["factor"])
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([f"token{place}" for place in range(config.vocab_size)])
    writer.add_token_merges([])
    state = {}
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        values = tensor.numpy().astype(numpy.float32)
        # Conv1D is kept as [in, out]; norms of Gemma less 1.
        turned = gpt2 and values.ndim == 2 and "c_" in name
        offset = 1.0 if gemma and "norm" in name else 0.0
        values = numpy.ascontiguousarray(values.T if turned else values) + numpy.float32(offset)
        heads = None
        if architecture == "llama" and ("q_proj" in name or "k_proj" in name):
            heads = config.num_attention_heads if "q_proj" in name else config.num_key_value_heads
            values = permuted(values, heads)
        of = Type.F32 if values.ndim == 1 else table if "embed" in name or "wte" in name else kind
        if values.shape[-1] % gguf.GGML_QUANT_SIZES[of][0]:
            of = Type.F16
        packed, kept = stored(values, of)
        writer.add_tensor(name_of(name, gemma), packed, raw_dtype=of)
        kept = unpermuted(kept, heads) if heads else kept
        state[name] = torch.tensor((kept - numpy.float32(offset)).T.copy() if turned else kept - numpy.float32(offset))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return state


def check_layout(path, state, config):
    """transformers' own reader gives these weights."""
    # It takes rotary positions of Gemma 3 from a config that it does not read whole.
    with tempfile.TemporaryDirectory() as folder:
        target = pathlib.Path(folder) / "model.gguf"
        target.write_bytes(path.read_bytes())
        loaded = transformers.AutoModelForCausalLM.from_pretrained(folder, gguf_file="model.gguf", config=config)
    found = loaded.state_dict()
    for name, tensor in state.items():
        assert torch.allclose(found[name].float(), tensor, atol=1e-6), f"{path}: {name}"


def golden(model):
    """Of the first prompt with which no step is close to a tie."""
    for seed in range(100):
        values = continuation(model, seed)
        if values["min_margin"] > 2e-3:
            return values
    raise SystemExit("every prompt has a step that is close to a tie")


def continuation(model, seed):
    torch.manual_seed(seed)
    vocabulary = model.config.vocab_size
    ids = torch.randint(5, vocabulary, (1, 20))
    settings = dict(do_sample=False, max_new_tokens=12, output_logits=True, return_dict_in_generate=True)
    settings |= dict(pad_token_id=0, eos_token_id=None)
    with torch.no_grad():
        found = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), **settings)
    best = torch.stack(found.logits).topk(2, dim=-1).values
    margin = float((best[..., 0] - best[..., 1]).min())
    return {
        "min_margin": margin,
        "input_ids": ids[0].tolist(),
        "logits": found.logits[0][0].tolist(),
        "generated_ids": found.sequences[0].tolist(),
    }


def of(folder, **settings):
    config = transformers.AutoConfig.from_pretrained(MODELS / folder, attn_implementation="eager", **settings)
    return transformers.AutoModelForCausalLM.from_pretrained(MODELS / folder, config=config).eval()


def gemma3():
    """Six layers, of which the last sees all: files do not say which do."""
    torch.manual_seed(1)
    config = transformers.Gemma3TextConfig(
        hidden_size=32, num_hidden_layers=6, num_attention_heads=2, num_key_value_heads=1, head_dim=16, vocab_size=120,
        intermediate_size=32, max_position_embeddings=128, query_pre_attn_scalar=16, sliding_window=8,
        rope_scaling=dict(rope_type="linear", factor=8.0), attn_implementation="eager",
    )  # fmt: skip
    assert config.layer_types == ["sliding_attention"] * 5 + ["full_attention"]
    model = transformers.Gemma3ForCausalLM(config).eval()
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter.data, std=0.15 if "norm" in name else 0.1 if "embed" in name else 0.25)
    return model


def llama():
    """As Llama 3.1 scales positions, with heads that the operator turns itself."""
    torch.manual_seed(2)
    scaling = dict(rope_type="llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0)
    scaling |= dict(original_max_position_embeddings=16)
    config = transformers.LlamaConfig(
        hidden_size=64, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, vocab_size=120,
        intermediate_size=64, max_position_embeddings=128, rope_theta=500.0, rope_scaling=scaling,
        tie_word_embeddings=True, attn_implementation="eager",
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config).eval()
    for name, parameter in model.named_parameters():
        norm = "norm" in name
        torch.nn.init.normal_(parameter.data, mean=float(norm), std=0.15 if norm else 0.2)
    return model


def main():
    cases = {
        "llama3": (llama(), "llama", Type.Q4_0, Type.Q8_0),
        "qwen2": (of("text/qwen2"), "qwen2", Type.Q4_1, Type.Q8_0),
        "qwen3": (of("text/qwen3"), "qwen3", Type.BF16, Type.BF16),
        "phi3": (of("text/phi3"), "phi3", Type.F16, Type.F16),
        "gemma2": (of("text/gemma2", query_pre_attn_scalar=16), "gemma2", Type.Q8_0, Type.Q4_0),
        "gemma3": (gemma3(), "gemma3", Type.Q4_0, Type.F16),
        "gpt2": (of("text/gpt2"), "gpt2", Type.Q4_1, Type.F32),
    }
    goldens = {}
    for name, (model, architecture, kind, table) in cases.items():
        path = MODELS / f"gguf/{name}.gguf"
        state = write(path, model, architecture, kind, table)
        model.load_state_dict(state, strict=False)
        model.tie_weights()
        check_layout(path, state, model.config)
        goldens[path.name] = golden(model)
        print(path.name, "margin", f"{goldens[path.name]['min_margin']:.1e}")
    (MODELS / "gguf/others.json").write_text(json.dumps(goldens))


if __name__ == "__main__":
    main()
