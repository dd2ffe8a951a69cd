"""Make the tiny checkpoints of `tests/fixtures/models` that graphs are built of, with what PyTorch computes of them.

    pip install torch safetensors transformers==4.57.6
    python make_architectures.py albert electra …
    pip install transformers==5.24.0
    python make_architectures.py nomic_bert gte activations

Without names it makes those that the installed transformers has. Every parameter is random, also those that usually
start as 0 or 1 (biases, norms), so that none can be forgotten or swapped unnoticed. `golden.json` holds a batch of two
rows, the second padded, and the last hidden states of the tokens that `checked` lists; `golden_left.json` is the same
padded at the left, for models that generate text.

`nomic_bert` and `gte` are transformers 5's models; their checkpoints get the names and the config that Nomic and
Alibaba publish. `jina_bert` and `jina_code` are in no transformers: they are written down here from Jina's published
architecture (ALiBi, gated feed-forward parts, and for the model for code norms of queries, of keys and of the sums
after attention).
"""

import json
import math
import pathlib
import sys

import torch
import transformers
from safetensors.torch import save_file

MODELS = pathlib.Path(__file__).resolve().parent.parent / "fixtures/models"
FIVE = int(transformers.__version__.split(".")[0]) >= 5
SIZES = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, vocab_size=120)
SHORT = ([12, 7], [0, 1, 6])
# Long enough for the second of two tables of rotary positions, and the farthest bucket of distances.
LONG = ([150, 97], [0, 1, 40, 96])


def randomise(model, norm=1.0):
    torch.manual_seed(11)
    model.eval()
    for name, parameter in model.named_parameters():
        is_norm = "norm" in name.lower() and name.endswith("weight") or "ln" in name and name.endswith("weight")
        torch.nn.init.normal_(parameter.data, mean=norm if is_norm else 0.0, std=0.15)


def batch(vocabulary, lengths, padding, left=False):
    input_ids = torch.randint(5, vocabulary, (2, max(lengths)))
    attention_mask = torch.zeros_like(input_ids)
    for row, length in enumerate(lengths):
        tokens = slice(max(lengths) - length, None) if left else slice(length)
        attention_mask[row, tokens] = 1
    input_ids[attention_mask == 0] = padding
    return input_ids, attention_mask


def golden(folder, run, vocabulary, lengths, checked, padding=0, left=False):
    input_ids, attention_mask = batch(vocabulary, lengths, padding, left)
    if left:
        checked = [max(lengths) - 1 - token for token in reversed(checked)]
    with torch.no_grad():
        states = run(input_ids=input_ids, attention_mask=attention_mask)
    values = {
        "input_ids": input_ids.tolist(),
        "attention_mask": attention_mask.tolist(),
        "checked": checked,
        "last_hidden_state": states[:, checked].tolist(),
    }
    (folder / f"golden{'_left' if left else ''}.json").write_text(json.dumps(values))


def make(name, model, extent=SHORT, norm=1.0, left=False, encoder=None, settings=None):
    """Of a model of transformers. `settings` go into config.json as they are."""
    folder = MODELS / name
    randomise(model, norm)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    config = json.loads((folder / "config.json").read_text())
    config.update(settings or {})
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    encoder = encoder or model

    def run(**inputs):
        return encoder(**inputs).last_hidden_state

    padding = config.get("pad_token_id") or 0
    golden(folder, run, model.config.vocab_size, *extent, padding)
    if left:
        golden(folder, run, model.config.vocab_size, *extent, padding, left=True)


def albert():
    config = transformers.AlbertConfig(
        **{**SIZES, "hidden_size": 24, "num_hidden_layers": 4, "intermediate_size": 24}, embedding_size=16,
        num_hidden_groups=2, inner_group_num=2, max_position_embeddings=64, hidden_act="gelu_new"
    )  # fmt: skip
    model = transformers.AlbertForMaskedLM(config)
    make("albert", model, encoder=model.albert)


def electra():
    config = transformers.ElectraConfig(**SIZES, embedding_size=16, max_position_embeddings=64)
    make("electra", transformers.ElectraModel(config))


def ernie():
    """Without tasks, as ERNIE 2 is, and with them, as ERNIE 3 is: what runs without a task is the first."""
    sizes = dict(SIZES, max_position_embeddings=64)
    model = transformers.ErnieForMaskedLM(transformers.ErnieConfig(**sizes))
    make("ernie", model, encoder=model.ernie)
    config = transformers.ErnieConfig(**sizes, use_task_id=True, task_type_vocab_size=3, hidden_act="relu")
    make("ernie_task", transformers.ErnieModel(config, add_pooling_layer=False))


def bert_relative():
    """Transformers 5 has no relative positions for BERT any more."""
    for kind in ["relative_key", "relative_key_query"]:
        config = transformers.BertConfig(**SIZES, max_position_embeddings=48, position_embedding_type=kind)
        model = transformers.BertModel(config, add_pooling_layer=False)
        make(f"bert_{kind}", model)


def modernbert():
    config = transformers.ModernBertConfig(
        **SIZES, max_position_embeddings=512, local_attention=8, global_attn_every_n_layers=2, pad_token_id=0,
        attn_implementation="eager", reference_compile=False, norm_bias=False
    )  # fmt: skip
    model = transformers.ModernBertForMaskedLM(config)
    make("modernbert", model, extent=LONG, encoder=model.model)


def t5():
    sizes = dict(d_model=32, d_kv=6, d_ff=48, num_layers=2, num_heads=4, vocab_size=120)
    for name, projection in [("t5_relu", "relu"), ("t5_gated", "gated-gelu")]:
        config = transformers.T5Config(**sizes, feed_forward_proj=projection)
        make(name, transformers.T5EncoderModel(config), extent=LONG)


def decoders():
    shared = dict(SIZES, num_key_value_heads=2, max_position_embeddings=512, pad_token_id=0)
    qwen3 = transformers.Qwen3Config(**shared, head_dim=10, attention_bias=False)
    make("qwen3", transformers.Qwen3Model(qwen3), extent=LONG, left=True)
    qwen2 = transformers.Qwen2Config(
        **shared, use_sliding_window=True, sliding_window=5, max_window_layers=1, rope_theta=1e6
    )
    make("qwen2", transformers.Qwen2Model(qwen2), left=True)
    mistral = transformers.MistralConfig(**shared, sliding_window=4)
    make("mistral", transformers.MistralModel(mistral), left=True)
    scaling = dict(
        rope_type="llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64
    )
    llama = transformers.LlamaConfig(**shared, attention_bias=True, mlp_bias=True, rope_scaling=scaling)
    make("llama_encoder", transformers.LlamaModel(llama), extent=LONG, left=True)


def gemma3():
    shared = dict(SIZES, num_key_value_heads=1, head_dim=10, max_position_embeddings=512, query_pre_attn_scalar=24)
    shared |= dict(sliding_window=8, layer_types=["sliding_attention", "full_attention"], pad_token_id=0)
    for name, both in [("gemma3", False), ("gemma3_bidirectional", True)]:
        config = transformers.Gemma3TextConfig(**shared, use_bidirectional_attention=both)
        # Some versions write the half of the window that they compute with.
        make(name, transformers.Gemma3TextModel(config), norm=0.0, left=True, settings={"sliding_window": 8})


def deberta():
    shared = dict(SIZES, relative_attention=True, max_position_embeddings=256, position_biased_input=False)
    config = transformers.DebertaV2Config(
        **shared, pos_att_type=["p2c", "c2p"], position_buckets=32, norm_rel_ebd="layer_norm", share_att_key=True
    )
    make("deberta_v3", transformers.DebertaV2Model(config), extent=LONG)
    shared |= dict(position_biased_input=True, type_vocab_size=2, embedding_size=16, max_position_embeddings=24)
    config = transformers.DebertaV2Config(
        **shared, pos_att_type="c2p|p2c", conv_kernel_size=3, conv_act="gelu", norm_rel_ebd="none"
    )
    make("deberta_v2", transformers.DebertaV2Model(config))


def nomic_bert():
    config = transformers.NomicBertConfig(
        **SIZES, max_position_embeddings=512, rope_parameters={"rope_type": "default", "rope_theta": 1000.0}
    )
    make("nomic_bert", transformers.NomicBertModel(config), extent=LONG)
    path = MODELS / "nomic_bert/config.json"
    (path.parent / "config.transformers.json").write_text(path.read_text())
    own = dict(
        model_type="nomic_bert", activation_function="swiglu", causal=False, layer_norm_epsilon=1e-12,
        mlp_fc1_bias=False, mlp_fc2_bias=False, n_embd=32, n_head=4, n_inner=48, n_layer=2, n_positions=512,
        parallel_block=False, prenorm=False, qkv_proj_bias=False, rotary_emb_base=1000, rotary_emb_fraction=1.0, rotary_emb_interleaved=False,
        rotary_emb_scale_base=None, rotary_scaling_factor=None, type_vocab_size=2, use_rms_norm=False, vocab_size=120,
    )  # fmt: skip
    path.write_text(json.dumps(own, indent=2) + "\n")


def gte():
    factor, size = 2.0, 8
    # Alibaba's fixed NTK scaling, written as transformers has it.
    parameters = {"rope_type": "linear", "rope_theta": 500_000.0 * factor, "factor": factor ** (2 / size)}
    config = transformers.GteConfig(
        **SIZES, max_position_embeddings=512, type_vocab_size=0, pad_token_id=0, rope_parameters=parameters
    )
    make("gte", transformers.GteModel(config), extent=LONG)
    own = dict(
        model_type="new", hidden_act="gelu", layer_norm_eps=1e-12, layer_norm_type="layer_norm", pack_qkv=True,
        logn_attention_clip1=False, logn_attention_scale=False, max_position_embeddings=512, pad_token_id=0,
        position_embedding_type="rope", rope_scaling={"factor": factor, "type": "ntk"}, rope_theta=500000,
        type_vocab_size=0, **SIZES,
    )  # fmt: skip
    path = MODELS / "gte/config.json"
    path.write_text(json.dumps(own, indent=2) + "\n")


class JinaLayer(torch.nn.Module):
    def __init__(self, code, hidden, wide, heads):
        super().__init__()
        self.code, self.heads, self.wide = code, heads, wide
        linear, norm = torch.nn.Linear, lambda: torch.nn.LayerNorm(hidden, eps=1e-12)
        names = {name: linear(hidden, hidden) for name in ["query", "key", "value"]}
        if code:
            names |= {"layer_norm_q": norm(), "layer_norm_k": norm()}
        output = torch.nn.ModuleDict({"dense": linear(hidden, hidden), "LayerNorm": norm()})
        self.attention = torch.nn.ModuleDict({"self": torch.nn.ModuleDict(names), "output": output})
        packed, down = linear(hidden, 2 * wide, bias=False), linear(wide, hidden)
        if code:
            self.mlp = torch.nn.ModuleDict({"up_gated_layer": packed, "down_layer": down})
            self.layer_norm_1, self.layer_norm_2 = norm(), norm()
        else:
            self.mlp = torch.nn.ModuleDict({"gated_layers": packed, "wo": down, "layernorm": norm()})

    def forward(self, state, bias):
        own, output = self.attention["self"], self.attention["output"]
        query, key, value = own["query"](state), own["key"](state), own["value"](state)
        if self.code:
            query, key = own["layer_norm_q"](query), own["layer_norm_k"](key)
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (query, key, value))
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1]) + bias
        context = (scores.softmax(-1) @ value).transpose(1, 2).flatten(-2)
        attended = output["LayerNorm"](output["dense"](context) + state)
        gelu = torch.nn.functional.gelu
        if self.code:
            attended = self.layer_norm_1(state + attended)
            up, gate = self.mlp["up_gated_layer"](attended).split(self.wide, -1)
            return self.layer_norm_2(attended + self.mlp["down_layer"](up * gelu(gate)))
        gate, up = self.mlp["gated_layers"](attended).split(self.wide, -1)
        return self.mlp["layernorm"](self.mlp["wo"](gelu(gate) * up) + attended)


class Jina(torch.nn.Module):
    def __init__(self, code, heads, hidden=32, wide=48, words=120):
        super().__init__()
        self.heads = heads
        embedding, norm = torch.nn.Embedding, torch.nn.LayerNorm(hidden, eps=1e-12)
        tables = {"word_embeddings": embedding(words, hidden), "token_type_embeddings": embedding(2, hidden)}
        self.embeddings = torch.nn.ModuleDict({**tables, "LayerNorm": norm})
        layers = torch.nn.ModuleList(JinaLayer(code, hidden, wide, heads) for _ in range(2))
        self.encoder = torch.nn.ModuleDict({"layer": layers})

    def slopes(self, heads):
        if math.log2(heads).is_integer():
            start = 2 ** (-(2 ** -(math.log2(heads) - 3)))
            return [start**power for power in range(1, heads + 1)]
        below = 2 ** math.floor(math.log2(heads))
        return self.slopes(below) + self.slopes(2 * below)[0::2][: heads - below]

    def forward(self, input_ids, attention_mask):
        parts = self.embeddings
        state = parts["LayerNorm"](parts["word_embeddings"](input_ids) + parts["token_type_embeddings"](0 * input_ids))
        places = torch.arange(input_ids.shape[1])
        distance = (places[:, None] - places).abs()
        bias = -torch.tensor(self.slopes(self.heads))[:, None, None] * distance
        bias = bias + (1.0 - attention_mask[:, None, None].float()) * torch.finfo(torch.float32).min
        for layer in self.encoder["layer"]:
            state = layer(state, bias)
        return state


def jina():
    for name, code, heads in [("jina_bert", False, 4), ("jina_code", True, 4), ("jina_bert_slopes", False, 3)]:
        hidden = 24 if heads == 3 else 32
        model = Jina(code, heads, hidden)
        randomise(model)
        folder = MODELS / name
        folder.mkdir(exist_ok=True)
        tensors = {name: value.contiguous() for name, value in model.state_dict().items()}
        save_file(tensors, folder / "model.safetensors")
        config = dict(
            SIZES, model_type="bert", position_embedding_type="alibi", max_position_embeddings=512, hidden_act="gelu",
            layer_norm_eps=1e-12, type_vocab_size=2, num_attention_heads=heads, hidden_size=hidden,
            feed_forward_type="geglu", emb_pooler="mean", pad_token_id=0,
        )  # fmt: skip
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        golden(folder, model, 120, *SHORT)


ACTIVATIONS = """gelu gelu_10 gelu_accurate gelu_fast gelu_new gelu_python gelu_python_tanh gelu_pytorch_tanh hardswish
    laplace leaky_relu linear mish quick_gelu relu relu2 relu6 sigmoid silu swish tanh""".split()


def activations():
    """What the DistilBERT of these fixtures gives with each function, if its first feed-forward layer is ten times
    larger, so that those that have bounds reach them."""
    folder = MODELS / "activations"
    folder.mkdir(exist_ok=True)
    for name in ACTIVATIONS:
        model = transformers.DistilBertModel.from_pretrained(MODELS / "distilbert", activation=name).eval()
        for layer in model.transformer.layer:
            layer.ffn.lin1.weight.data *= 10
        torch.manual_seed(7)
        golden(folder, lambda **inputs: model(**inputs).last_hidden_state, 120, [6, 4], [3])
        (folder / "golden.json").rename(folder / f"{name}.json")


OLD = dict(
    albert=albert, electra=electra, bert_relative=bert_relative, modernbert=modernbert, t5=t5, decoders=decoders,
    ernie=ernie, gemma3=gemma3, deberta=deberta, jina=jina,
)  # fmt: skip
NEW = dict(nomic_bert=nomic_bert, gte=gte, activations=activations)

if __name__ == "__main__":
    for name in sys.argv[1:] or (NEW if FIVE else OLD):
        {**OLD, **NEW}[name]()
