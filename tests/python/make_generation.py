"""Make the tiny checkpoints of `tests/fixtures/models/generation`, with what PyTorch generates with them.

    pip install torch safetensors transformers==4.57.6
    python make_generation.py [NAME …]

Each has settings that no other checkpoint of the tests has: rotary positions that are scaled, turn a part of a head, or
belong to heads of odd sizes; windows in some layers; biases; tied and untied heads. Every parameter is random, also those
that usually start as 0 or 1. `golden.json` holds a prompt, the logits after it, what is generated greedily, and a batch of
two prompts that is padded at the left. A seed is taken with which no step of these is close to a tie.
"""

import json
import pathlib
import sys

import torch
import transformers

MODELS = pathlib.Path(__file__).resolve().parent.parent / "fixtures/models/generation"
SIZES = dict(hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=48, vocab_size=120)
TOKENS = dict(bos_token_id=1, eos_token_id=2, pad_token_id=0)
NEW = 12
MARGIN = 5e-3


def make(name, model_of, config, prompt=18, norm=1.0, table=0.5, dtype=None, shard="5GB"):
    for seed in range(200):
        torch.manual_seed(seed)
        model = model_of(config).eval()
        for parameter_name, parameter in model.named_parameters():
            is_norm = "norm" in parameter_name or "ln_" in parameter_name
            is_norm = is_norm and parameter_name.endswith("weight")
            is_table = "embed" in parameter_name or "wte" in parameter_name or "lm_head" in parameter_name
            mean, std = (norm, 0.15) if is_norm else (0.0, table if is_table else 0.25)
            torch.nn.init.normal_(parameter.data, mean=mean, std=std)
        # What is saved, as single precision; not the frequencies, which are computed in it.
        for parameter in model.parameters():
            parameter.data = parameter.data.to(dtype or torch.float32).to(torch.float32)
        values, margin = golden(model, config, prompt)
        if margin >= MARGIN:
            break
    else:
        sys.exit(f"{name}: every seed has a step that is close to a tie")
    folder = MODELS / name
    model.to(dtype or torch.float32).save_pretrained(folder, max_shard_size=shard)
    (folder / "generation_config.json").unlink(missing_ok=True)
    (folder / "golden.json").write_text(json.dumps({"seed": seed, "min_margin": margin, **values}))
    print(name, "seed", seed, "margin", f"{margin:.1e}")


def generate(model, input_ids, attention_mask):
    settings = dict(do_sample=False, max_new_tokens=NEW, output_logits=True, return_dict_in_generate=True)
    settings |= dict(pad_token_id=0, eos_token_id=None)
    with torch.no_grad():
        found = model.generate(input_ids=input_ids, attention_mask=attention_mask, **settings)
    best = torch.stack(found.logits).topk(2, dim=-1).values
    return found.sequences, found.logits[0], float((best[..., 0] - best[..., 1]).min())


def golden(model, config, prompt):
    ids = torch.randint(5, config.vocab_size, (1, prompt))
    sequence, logits, margin = generate(model, ids, torch.ones_like(ids))
    batch = torch.randint(5, config.vocab_size, (2, prompt - 3))
    mask = torch.ones_like(batch)
    batch[1, :6] = mask[1, :6] = 0
    rows, _, other = generate(model, batch, mask)
    values = {
        "input_ids": ids[0].tolist(),
        "logits": logits[0].tolist(),
        "generated_ids": sequence[0].tolist(),
        "batch": {"input_ids": batch.tolist(), "attention_mask": mask.tolist(), "generated_ids": rows.tolist()},
    }
    # Ends of texts are no end here; a model that repeats itself proves little.
    varied = len(set(sequence[0, prompt:].tolist())) >= 5
    return values, min(margin, other) if varied else 0.0


def llama_scaled():
    scaling = dict(rope_type="llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0)
    scaling |= dict(original_max_position_embeddings=32)
    config = transformers.LlamaConfig(
        **SIZES, **TOKENS, num_key_value_heads=2, head_dim=16, max_position_embeddings=128, attention_bias=True,
        mlp_bias=True, rope_scaling=scaling, tie_word_embeddings=True, attn_implementation="eager",
    )  # fmt: skip
    make("llama_scaled", transformers.LlamaForCausalLM, config, prompt=70)


def llama_odd():
    config = transformers.LlamaConfig(
        **{**SIZES, "num_attention_heads": 3}, **TOKENS, num_key_value_heads=1, head_dim=10, max_position_embeddings=300,
        rope_scaling=dict(rope_type="linear", factor=2.0), attn_implementation="eager",
    )  # fmt: skip
    make("llama_odd", transformers.LlamaForCausalLM, config, prompt=150)


def qwen2_windows():
    config = transformers.Qwen2Config(
        **SIZES, **TOKENS, num_key_value_heads=2, max_position_embeddings=128, use_sliding_window=True,
        sliding_window=5, max_window_layers=1, attn_implementation="eager",
    )  # fmt: skip
    make("qwen2_windows", transformers.Qwen2ForCausalLM, config)


def phi3_partial():
    config = transformers.Phi3Config(
        **SIZES, **TOKENS, num_key_value_heads=2, max_position_embeddings=128, original_max_position_embeddings=128,
        partial_rotary_factor=0.5, sliding_window=6, attn_implementation="eager",
    )  # fmt: skip
    config.head_dim = 32
    make("phi3_partial", transformers.Phi3ForCausalLM, config)


def gemma3():
    kinds = ["sliding_attention", "full_attention", "sliding_attention"]
    config = transformers.Gemma3TextConfig(
        **SIZES, **TOKENS, num_key_value_heads=1, head_dim=16, max_position_embeddings=128, query_pre_attn_scalar=24,
        sliding_window=8, layer_types=kinds, rope_scaling=dict(rope_type="linear", factor=8.0),
        attn_implementation="eager",
    )  # fmt: skip
    make("gemma3", transformers.Gemma3ForCausalLM, config, norm=0.0, table=0.1)


def gpt2_odd():
    config = transformers.GPT2Config(
        **TOKENS, n_embd=30, n_layer=3, n_head=3, n_inner=40, n_positions=64, vocab_size=120,
        scale_attn_by_inverse_layer_idx=True, attn_implementation="eager",
    )  # fmt: skip
    make("gpt2_odd", transformers.GPT2LMHeadModel, config, table=0.2)


def gpt_neox_plain():
    config = transformers.GPTNeoXConfig(
        **{**SIZES, "hidden_size": 64}, **TOKENS, max_position_embeddings=128, rotary_pct=1.0, attention_bias=False,
        use_parallel_residual=False, hidden_act="gelu_fast", tie_word_embeddings=True, attn_implementation="eager",
    )  # fmt: skip
    make("gpt_neox_plain", transformers.GPTNeoXForCausalLM, config, table=0.2)


def qwen3_bf16():
    config = transformers.Qwen3Config(
        **SIZES, **TOKENS, num_key_value_heads=2, head_dim=16, max_position_embeddings=128, attn_implementation="eager"
    )
    make("qwen3_bf16", transformers.Qwen3ForCausalLM, config, dtype=torch.bfloat16)


def mistral_f16():
    """In shards with an index."""
    config = transformers.MistralConfig(
        **SIZES, **TOKENS, num_key_value_heads=2, head_dim=16, max_position_embeddings=128, sliding_window=4,
        tie_word_embeddings=True, attn_implementation="eager",
    )  # fmt: skip
    make("mistral_f16", transformers.MistralForCausalLM, config, table=0.2, dtype=torch.float16, shard="30KB")


ALL = dict(
    llama_scaled=llama_scaled, llama_odd=llama_odd, qwen2_windows=qwen2_windows, phi3_partial=phi3_partial,
    gemma3=gemma3, gpt2_odd=gpt2_odd, gpt_neox_plain=gpt_neox_plain, qwen3_bf16=qwen3_bf16, mistral_f16=mistral_f16,
)  # fmt: skip

if __name__ == "__main__":
    for name in sys.argv[1:] or ALL:
        ALL[name]()
