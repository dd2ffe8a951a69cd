"""Make the fixtures of text generation in `runtime/text`: what transformers makes of conversations, ids and settings.

    python make_chats.py              writes FIXTURES/chats/expected.json and FIXTURES/generation/*.json
    python make_chats.py compare      exits with 1 where the installed transformers gives something else

FIXTURES is `runtime/text/tests/fixtures` unless `--fixtures` says otherwise. Needs `transformers` and `jinja2`; PyTorch
is not needed. The templates are FIXTURES/chats/*.jinja, written as those of published models are; the tokenizers are
those that `make_tokenizers.py` trains. The clock of the templates stands at NOW. The checked-in files are those of
transformers 5.24.0; 4.57.6 gives the same conversations and settings. It decodes otherwise where it takes spaces away
from texts of BPE tokenizers, and for classes whose decoder it takes from the file.
"""

import argparse
import datetime
import json
import os
import pathlib
import random
import sys

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import jinja2  # noqa: E402
import transformers  # noqa: E402
from transformers.utils import chat_template_utils  # noqa: E402

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "runtime/text/tests/fixtures"
NOW = datetime.datetime(2025, 3, 9, 14, 5, 7, 123456)


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


def said(*turns):
    return [{"role": role, "content": content} for role, content in turns]


CONVERSATIONS = {
    "question": said(("user", "What is the capital of France?")),
    "system": said(("system", "You are terse.\n"), ("user", " Why is the sky blue? ")),
    "turns": said(
        ("system", "Be kind."),
        ("user", "Hello!"),
        ("assistant", "<think>\nA greeting.\n</think>\n\nHi there.\n"),
        ("user", "And now?"),
        ("assistant", "Now nothing."),
        ("user", "Good."),
    ),
    "without_system": said(("user", "One"), ("assistant", "Two"), ("user", "Three")),
    "answer_last": said(("user", "One"), ("assistant", "</think>Two")),
    "assistant_first": said(("assistant", "Hello"), ("user", "Hi")),
    "two_systems": said(("system", "A"), ("user", "B"), ("system", "C"), ("user", "D")),
    "tool": said(
        ("user", "Weather?"), ("assistant", "I ask."), ("tool", '{"sky": "blue"}'), ("tool", "{}"), ("user", "So?")
    ),
    "unknown_role": said(("user", "Who?"), ("narrator", "Nobody."), ("stop", "x"), ("user", "Well")),
    "hard": said(
        ("user", "<b>&amp; \"quoted\" 'single' {{ messages }} {% if x %}</b>\\n\t\u2028\u0007"),
        ("assistant", "  é 👩\u200d👩\u200d👧 हिन्दी 漢字 <|im_end|> </s>\r\n"),
        ("user", ""),
    ),
}
SPECIAL = {
    "smollm2": {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|im_end|>"},
    "llama3": {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"},
    "gemma": {"bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>"},
    "deepseek": {"bos_token": "<｜begin▁of▁sentence｜>", "eos_token": "<｜end▁of▁sentence｜>"},
}


def chats(fixtures):
    chat_template_utils.datetime = Clock
    out = {}
    for path in sorted((fixtures / "chats").glob("*.jinja")):
        special = SPECIAL.get(path.stem, {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"})
        tokenizer = transformers.PreTrainedTokenizerFast(
            tokenizer_file=str(fixtures / "tokenizers/word-level/tokenizer.json"),
            chat_template=path.read_text(encoding="utf-8"),
            **special,
        )
        cases = {}
        for name, messages in CONVERSATIONS.items():
            try:
                text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
                cases[name] = {"text": text}
            except jinja2.exceptions.UndefinedError as error:
                cases[name] = {"fails": str(error)}
            except jinja2.exceptions.TemplateError as error:
                cases[name] = {"refused": str(error)}
        out[path.stem] = {"special": special, "cases": cases}
    tokens = {}
    for name, template in [
        ("qwen", "chatml"),
        ("llama3", "llama3"),
        ("mistral", "mistral"),
        ("gemma", "gemma"),
        ("gpt2", "zephyr"),
    ]:
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(fixtures / "tokenizers" / name))
        tokenizer.chat_template = (fixtures / f"chats/{template}.jinja").read_text(encoding="utf-8")
        messages = CONVERSATIONS["without_system"]
        ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
        tokens[name] = {"template": template, "ids": ids}
    return {"conversations": CONVERSATIONS, "templates": out, "tokens": tokens}


TOKENIZERS = [
    "gpt2",
    "llama3",
    "qwen",
    "llama",
    "llama-older",
    "mistral",
    "gemma",
    "modernbert",
    "t5",
    "bert-uncased",
    "bpe-suffix",
]
TEXTS = [
    "Once upon a time, there was a fox .",
    "Emoji 👩\u200d👩\u200d👧\u200d👦 👍🏽 🇫🇷 1\ufe0f\u20e3 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f end",
    "Combining e\u0301 o\u0308\u0323 Z̷̢̛a̸l̷g̵o",
    "漢字かな交じり文。我喜欢自然语言处理",
    "हिन्दी में लिखा हुआ क्षत्रिय",
    "한국어 문장입니다",
    " leading and  double   spaces \n\n\tand tabs ",
    "𝒜𝓫𝔠 𓀀𓀁 𠮷野家",
    "it 's n't ' quoted ' I 'm you 've , well ! ?",
    "\ufffd replacement \ufffd\ufffd",
    "",
]
COUNT = 60


def decoded(fixtures):
    """Ids of hard texts, and random ids, with the text that they are without special tokens."""
    out = {}
    for name in TOKENIZERS:
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(fixtures / "tokenizers" / name))
        size = len(tokenizer)
        draw = random.Random(name)
        rows = [tokenizer(text)["input_ids"] for text in TEXTS]
        rows += [[draw.randrange(size) for _ in range(draw.randrange(1, 24))] for _ in range(COUNT)]
        # Bytes in their order are rare among random ids.
        pieces = [tokenizer.convert_tokens_to_ids(f"<0x{byte:02X}>") for byte in "é漢👍".encode()]
        if None not in pieces and tokenizer.unk_token_id not in pieces:
            rows += [pieces, pieces[:-1], pieces[1:], pieces + rows[0], rows[0] + pieces[:4] + rows[0]]
        for clean in [False, True]:
            texts = [
                tokenizer.decode(row, skip_special_tokens=True, clean_up_tokenization_spaces=clean) for row in rows
            ]
            out.setdefault(name, {"ids": rows})["cleaned" if clean else "texts"] = texts
    return out


SETTINGS = {
    "smollm2": {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2},
    "llama3": {
        "bos_token_id": 128000,
        "do_sample": True,
        "eos_token_id": [128001, 128008, 128009],
        "temperature": 0.6,
        "top_p": 0.9,
    },
    "llama2": {
        "bos_token_id": 1,
        "do_sample": False,
        "eos_token_id": 2,
        "max_length": 4096,
        "pad_token_id": 0,
        "temperature": 0.6,
        "top_p": 0.9,
    },
    "qwen": {
        "bos_token_id": 151643,
        "do_sample": True,
        "eos_token_id": [151645, 151643],
        "pad_token_id": 151643,
        "repetition_penalty": 1.05,
        "temperature": 0.7,
        "top_k": 20,
        "top_p": 0.8,
    },
    "gemma": {"bos_token_id": 2, "cache_implementation": "hybrid", "eos_token_id": [1, 107], "pad_token_id": 0},
    "min_p": {"do_sample": True, "min_p": 0.05, "top_k": 0, "top_p": 1.0, "max_new_tokens": 32},
    "sampled": {"do_sample": True},
    "empty": {},
}


# What version 4 has in every config, and version 5 fills in when it generates.
UNSAID = {"do_sample": False, "temperature": 1.0, "top_k": 50, "top_p": 1.0, "repetition_penalty": 1.0}


def settings():
    names = ["eos_token_id", "pad_token_id", "min_p", "max_new_tokens", *UNSAID]
    out = {}
    for case, given in SETTINGS.items():
        config = transformers.GenerationConfig(**given)
        resolved = {name: getattr(config, name) for name in names}
        resolved |= {name: value for name, value in UNSAID.items() if resolved[name] is None}
        out[case] = {"given": given, "resolved": resolved}
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["compare"])
    parser.add_argument("--fixtures", type=pathlib.Path, default=FIXTURES)
    arguments = parser.parse_args()
    made = {
        "chats/expected.json": chats(arguments.fixtures),
        "generation/decoded.json": decoded(arguments.fixtures),
        "generation/settings.json": settings(),
    }
    differ = 0
    for name, value in made.items():
        path = arguments.fixtures / name
        text = json.dumps(value, ensure_ascii=True, indent=None, separators=(",", ":"))
        text = text.replace('},"', '},\n"').replace('],"', '],\n"') + "\n"
        if arguments.what == "compare":
            known = json.loads(path.read_text(encoding="utf-8"))
            for key in value:
                inner = known[key] if isinstance(known, dict) else known
                for part in value[key]:
                    if inner.get(part) != json.loads(json.dumps(value[key][part])):
                        print(f"{name}: {key}: {part} differs")
                        differ += 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    print(f"transformers {transformers.__version__}")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
