"""Make the tiny checkpoints of `tests/fixtures/models/heads`, with what PyTorch computes of them.

    pip install torch safetensors transformers==4.57.6
    python make_heads.py

Each head of each family of encoders. Every parameter is random, also those that usually start as 0 or 1. `golden.json`
holds a batch of two rows, the second padded, and the logits.
"""

import json
import pathlib

import torch
import transformers

MODELS = pathlib.Path(__file__).resolve().parent.parent / "fixtures/models/heads"
SIZES = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24, vocab_size=60)
SIZES |= dict(max_position_embeddings=32, num_labels=3)
FAMILIES = {
    "albert": (transformers.AlbertConfig, "Albert", dict(SIZES, embedding_size=8)),
    "bert": (transformers.BertConfig, "Bert", SIZES),
    "deberta_v2": (
        transformers.DebertaV2Config, "DebertaV2",
        dict(SIZES, relative_attention=True, pos_att_type=["p2c", "c2p"], pooler_hidden_act="tanh"),
    ),
    "distilbert": (
        transformers.DistilBertConfig, "DistilBert",
        dict(vocab_size=60, dim=16, n_layers=1, n_heads=2, hidden_dim=24, max_position_embeddings=32, num_labels=3),
    ),
    "electra": (transformers.ElectraConfig, "Electra", dict(SIZES, embedding_size=8)),
    "mpnet": (transformers.MPNetConfig, "MPNet", SIZES),
    "roberta": (transformers.RobertaConfig, "Roberta", SIZES),
}  # fmt: skip
HEADS = ["ForSequenceClassification", "ForTokenClassification", "ForMaskedLM", "ForQuestionAnswering"]


def make(family, head):
    config_of, name, settings = FAMILIES[family]
    settings = dict(settings, num_labels=2) if head == "ForQuestionAnswering" else settings
    model = getattr(transformers, name + head)(config_of(**settings)).eval()
    torch.manual_seed(3)
    for parameter_name, parameter in model.named_parameters():
        is_norm = "norm" in parameter_name.lower() and parameter_name.endswith("weight")
        torch.nn.init.normal_(parameter.data, mean=1.0 if is_norm else 0.0, std=0.3)
    folder = MODELS / f"{family}_{head.removeprefix('For')}"
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    padding = model.config.pad_token_id or 0
    ids = torch.randint(5, 60, (2, 9))
    mask = torch.ones_like(ids)
    ids[1, 6:], mask[1, 6:] = padding, 0
    with torch.no_grad():
        found = model(input_ids=ids, attention_mask=mask)
    names = ["start_logits", "end_logits"] if head == "ForQuestionAnswering" else ["logits"]
    values = {"input_ids": ids.tolist(), "attention_mask": mask.tolist()}
    values |= {name: found[name].tolist() for name in names}
    (folder / "golden.json").write_text(json.dumps(values))


if __name__ == "__main__":
    for family in FAMILIES:
        for head in HEADS:
            make(family, head)
