#!/usr/bin/env python3
"""Write a golden file: the embeddings that the Python reference gives, to compare Pelago's with.

    python scripts/golden.py MODEL_FOLDER > golden.json
    python scripts/golden.py MODEL_FOLDER --texts texts.txt --prompt query > golden.json
    python scripts/golden.py MODEL_FOLDER --library transformers --pooling cls --normalize > golden.json

The file has this form. `ids` are the token ids with special tokens, after truncation and without padding; numbers have
9 significant digits, which is all that a float32 has.

    {"library": "sentence-transformers", "versions": {"sentence-transformers": "6.2.0", …}, "model": "…",
     "dtype": "float32", "pooling": null, "normalize": false,
     "cases": [{"texts": ["…"], "prompt": null, "ids": [[101, …]], "embeddings": [[0.1, …]]}]}

Install what it needs with one of these:

    pip install sentence-transformers
    pip install transformers torch          for --library transformers

The model is read from the folder alone: nothing is downloaded, and code in the folder is not run. Each text is run by
itself, so no result depends on padding or on its neighbours.
"""

import argparse
import json
import os
import pathlib
import sys

# Both libraries look these up when they are imported.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

# Without --texts: what tokenizers and poolings tend to get wrong.
TEXTS = [
    "The quick brown fox jumps over the lazy dog.",
    "a",
    "",
    "  leading, two  spaces, and a tab\tand a line\nend ",
    "Café naïve Größe ΣΟΦΟΣ İstanbul",
    "我喜欢自然语言处理。 한국어 हिन्दी العربية",
    "👩‍👩‍👧 family, don't [MASK] this </s>",
    "one sentence that is rather longer than the others are, so that positions and truncation come into play " * 3,
]
POOLINGS = ["mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
PACKAGES = {"sentence-transformers": "sentence_transformers", "transformers": "transformers", "torch": "torch"}


class Refusal(Exception):
    """Something that the user can put right: shown without a traceback."""


def imported(package):
    import importlib

    try:
        return importlib.import_module(PACKAGES[package])
    except ImportError as error:
        missing = error.name or package
        hint = (
            "pip install sentence-transformers"
            if package == "sentence-transformers"
            else "pip install transformers torch"
        )
        raise Refusal(f"the Python package `{missing}` cannot be imported ({error})\n  install it: {hint}") from error


def versions():
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in ["sentence-transformers", "transformers", "tokenizers", "torch"]:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # On the path without having been installed, or not there.
            module = sys.modules.get(PACKAGES.get(package, package))
            if module is not None:
                found[package] = module.__version__
    return found


def read_texts(path):
    """Texts of a JSON list, of a JSON object's `texts`, or of a file's lines."""
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"cannot read the texts in {path}: {error}") from error
    if path.suffix == ".json":
        try:
            texts = json.loads(content)
        except ValueError as error:
            raise Refusal(f"{path} is not JSON: {error}") from error
        texts = texts.get("texts") if isinstance(texts, dict) else texts
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise Refusal(f'{path}: expected a list of strings, or an object with such a list as "texts"')
    else:
        texts = content.split("\n")
        if texts[-1] == "":
            texts.pop()
    if not texts:
        raise Refusal(f"{path} has no texts")
    return texts


class SentenceTransformers:
    """The whole folder: modules.json, prompts, poolings, dense layers."""

    def __init__(self, options):
        library, torch = imported("sentence-transformers"), imported("torch")
        given = {"dtype": getattr(torch, options.dtype)}
        self.model = library.SentenceTransformer(
            str(options.model), device="cpu", local_files_only=True, trust_remote_code=False, model_kwargs=given
        )
        # The modules after the transformer are loaded in float32, whatever their files hold.
        self.model.to(getattr(torch, options.dtype))
        self.prompts = self.model.prompts
        if options.prompt is not None and options.prompt not in self.prompts:
            known = ", ".join(sorted(self.prompts)) or "none"
            raise Refusal(f"the model has no prompt `{options.prompt}`; its prompts: {known}")
        self.prompt = options.prompt
        self.normalize = options.normalize

    def name_of_prompt(self):
        """What is applied: the model may have a prompt that it applies by default."""
        return self.prompt or self.model.default_prompt_name

    def run(self, text):
        name = self.name_of_prompt()
        prompt = self.prompts[name] if name else None
        # Up to version 5.3 the method has another name and puts no prompt before the text.
        if hasattr(self.model, "preprocess"):
            features = self.model.preprocess([text], prompt=prompt)
        else:
            features = self.model.tokenize([(prompt or "") + text])
        ids = features["input_ids"].reshape(-1).tolist() if "input_ids" in features else []
        vector = self.model.encode([text], prompt_name=name, normalize_embeddings=self.normalize)[0]
        return ids, vector.tolist()


class Transformers:
    """The transformer alone, with a pooling that the user names. modules.json and prompts are not read."""

    def __init__(self, options):
        library, self.torch = imported("transformers"), imported("torch")
        folder = str(options.model)
        self.tokenizer = library.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.model = library.AutoModel.from_pretrained(
            folder, local_files_only=True, dtype=getattr(self.torch, options.dtype)
        ).eval()
        positions = getattr(self.model.config, "max_position_embeddings", None) or self.tokenizer.model_max_length
        self.limit = min(self.tokenizer.model_max_length, positions)
        self.pooling = options.pooling
        self.normalize = options.normalize

    def name_of_prompt(self):
        return None

    def run(self, text):
        # A limit beyond 1e20 is how the library writes "none".
        cut = {"truncation": True, "max_length": self.limit} if self.limit < 10**20 else {}
        inputs = self.tokenizer(text, return_tensors="pt", **cut)
        if inputs["input_ids"].shape[1] == 0:
            raise Refusal(f"the tokenizer gives no tokens for {text!r}: leave this text out")
        with self.torch.inference_mode():
            states = self.model(**inputs).last_hidden_state[0].float()
        count = len(states)
        vector = {
            "cls": lambda: states[0],
            "lasttoken": lambda: states[-1],
            "max": lambda: states.max(0).values,
            "mean": lambda: states.mean(0),
            "mean_sqrt_len_tokens": lambda: states.sum(0) / count**0.5,
            "weightedmean": lambda: self.weighted(states),
        }[self.pooling]()
        if self.normalize:
            vector = self.torch.nn.functional.normalize(vector, dim=0)
        return inputs["input_ids"][0].tolist(), vector.tolist()

    def weighted(self, states):
        weights = self.torch.arange(1, len(states) + 1, dtype=states.dtype)[:, None]
        return (states * weights).sum(0) / weights.sum()


def golden(options):
    if not (options.model / "config.json").is_file() and not (options.model / "modules.json").is_file():
        raise Refusal(f"{options.model} is no model folder: it has neither config.json nor modules.json")
    texts = read_texts(options.texts) if options.texts else TEXTS
    references = {"sentence-transformers": SentenceTransformers, "transformers": Transformers}
    try:
        reference = references[options.library](options)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise Refusal(f"{options.library} cannot load {options.model}: {error}") from error
    ids, embeddings = zip(*map(reference.run, texts), strict=True)
    case = {"texts": texts, "prompt": reference.name_of_prompt(), "ids": ids}
    return {
        "library": options.library,
        "versions": versions(),
        "model": options.name or options.model.resolve().name,
        "dtype": options.dtype,
        "pooling": options.pooling,
        "normalize": options.normalize,
        "cases": [case | {"embeddings": embeddings}],
    }


def write(value, out):
    """JSON with a text's ids or embedding on one line."""
    (case,) = value["cases"]
    head = json.dumps({key: content for key, content in value.items() if key != "cases"}, ensure_ascii=False)
    ids = ",\n  ".join(json.dumps(row) for row in case["ids"])
    # NaN and Infinity are no JSON numbers, and no golden values either.
    if any(number != number or abs(number) == float("inf") for row in case["embeddings"] for number in row):
        raise Refusal("the reference gives NaN or infinity; with --dtype float16, try float32")
    vectors = ",\n  ".join("[" + ", ".join(f"{number:.9g}" for number in row) + "]" for row in case["embeddings"])
    texts, prompt = json.dumps(case["texts"], ensure_ascii=False), json.dumps(case["prompt"], ensure_ascii=False)
    out.write(f'{head[:-1]},\n "cases": [{{"texts": {texts}, "prompt": {prompt},\n')
    out.write(f'  "ids": [\n  {ids}],\n  "embeddings": [\n  {vectors}]}}]}}\n')


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("model", type=pathlib.Path, metavar="MODEL_FOLDER", help="a folder with config.json and weights")
    texts = "a text a line, or in a .json file a list of texts (default: eight texts of this script)"
    add("--texts", type=pathlib.Path, metavar="FILE", help=texts)
    prompt = "a prompt of config_sentence_transformers.json (default: the model's default prompt, if it has one)"
    add("--prompt", metavar="NAME", help=prompt)
    libraries = ["sentence-transformers", "transformers"]
    add("--library", choices=libraries, default=libraries[0], help="default: %(default)s")
    add("--pooling", choices=POOLINGS, help="for --library transformers (default: mean)")
    add("--normalize", action="store_true", help="scale each embedding to length 1")
    dtypes = ["float32", "float16", "bfloat16"]
    add("--dtype", choices=dtypes, default=dtypes[0], help="the dtype to compute in (default: %(default)s)")
    add("--name", help="the model's name in the file (default: the folder's)")
    options = parser.parse_args()
    if options.library == "transformers":
        options.pooling = options.pooling or "mean"
        if options.prompt is not None:
            parser.error("--prompt needs --library sentence-transformers: transformers knows no prompts")
    elif options.pooling:
        parser.error("--pooling needs --library transformers: sentence-transformers reads it from the model's folder")
    return options


def main():
    options = arguments()
    try:
        if not options.model.is_dir():
            raise Refusal(f"{options.model} is not a folder")
        value = golden(options)
        write(value, sys.stdout)
    except Refusal as refusal:
        sys.exit(f"error: {refusal}")


if __name__ == "__main__":
    main()
