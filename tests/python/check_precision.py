"""Run converted models with native onnxruntime and compare what they give with what the fp32 models give.

    python check_precision.py --case MODEL REFERENCE CONFIG COSINE [--case …]

MODEL is the converted ONNX file, REFERENCE the fp32 one, CONFIG the folder with `config.json` and perhaps `golden.json`.
Inputs are made for the family (those of `golden.json` where it has `input_ids`), the same for both. Every output must
have the type and shape of the reference's and at least the cosine similarity COSINE to it; where `golden.json` has a
`last_hidden_state`, to that too. No conversion may follow on another. Prints `COSINE BYTES` a case, the bytes being those
of all files of the model; exits with 1 at the first that does not hold.
"""

import argparse
import json
import pathlib
import sys

import numpy
import onnx
import onnxruntime

onnxruntime.set_default_logger_severity(3)


def session_of(path):
    """A session of native onnxruntime that multiplies bytes exactly.

    On x86 processors without VNNI, its product of unsigned with signed bytes keeps two products in 16 bits and cuts what
    is more. wasm has no such instruction, and other processors do not need it.
    """
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def length(symbol, name, config):
    """A length for a symbolic dimension."""
    symbol = symbol.lower()
    if name == "input_values":
        return 2 if "batch" in symbol else 4000
    if name == "input_features":
        return 2 if "batch" in symbol else (80 if "feature" in symbol else 3000)
    for part, value in {"batch": 2, "channel": 3, "height": 30, "width": 30, "encoder": 12, "past": 0}.items():
        if part in symbol and not (part == "past" and "+" in symbol):
            return value
    return 8


def feeds(session, config, golden, generator):
    """The same inputs for any precision of a model."""
    given, symbols = {}, {}
    # A decoder's own tokens are others than those that its encoder was given.
    decoder = any(info.name == "encoder_hidden_states" for info in session.get_inputs())
    ids = None if decoder else golden.get("input_ids")
    for info in session.get_inputs():
        shape = [
            size if isinstance(size, int) else symbols.setdefault((size, info.name), length(size, info.name, config))
            for size in info.shape
        ]
        if "attention_mask" in info.name and ids is not None:
            shape = list(numpy.atleast_2d(ids).shape)
        if info.type == "tensor(float)":
            given[info.name] = generator.standard_normal(shape).astype(numpy.float32)
        elif info.type == "tensor(bool)":
            given[info.name] = numpy.zeros(shape, dtype=bool)
        else:
            dtype = numpy.int64 if "int64" in info.type else numpy.int32
            if info.name == "input_ids" and ids is not None:
                value = numpy.atleast_2d(ids)
            elif "mask" in info.name:
                value = numpy.ones(shape)
            elif "position" in info.name:
                value = numpy.broadcast_to(numpy.arange(shape[-1]), shape)
            elif "token_type" in info.name:
                value = numpy.zeros(shape)
            else:
                value = generator.integers(5, 60, shape)
            given[info.name] = value.astype(dtype)
    if ids is not None:
        rows, columns = numpy.atleast_2d(ids).shape
        for name, value in given.items():
            if name in ("position_ids", "token_type_ids"):
                row = numpy.arange(columns) if name == "position_ids" else numpy.zeros(columns)
                given[name] = numpy.broadcast_to(row, (rows, columns)).astype(value.dtype)
            elif name.startswith("past_key_values"):
                given[name] = numpy.zeros((rows, *value.shape[1:]), dtype=value.dtype)
    if "encoder_hidden_states" in given and "encoder_attention_mask" in given:
        mask = given["encoder_attention_mask"]
        given["encoder_attention_mask"] = numpy.ones(given["encoder_hidden_states"].shape[:2], dtype=mask.dtype)
    return given


def cosine(one, other):
    one, other = (numpy.asarray(value, dtype=numpy.float64).ravel() for value in (one, other))
    norm = numpy.linalg.norm(one) * numpy.linalg.norm(other)
    return float(one @ other / norm) if norm else float(numpy.array_equal(one, other))


def graphs(graph):
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from graphs(attribute.g)


def no_two_conversions(path, reference):
    model = onnx.load(path, load_external_data=False)
    own = {node.name for graph in graphs(onnx.load(reference, load_external_data=False).graph) for node in graph.node}
    for graph in graphs(model.graph):
        casts = {node.output[0]: node for node in graph.node if node.op_type == "Cast"}
        for node in casts.values():
            before = casts.get(node.input[0])
            added = before is not None and not {before.name, node.name} <= own
            assert not added, f"{before.name} and {node.name} convert in a row"


def check(path, reference, config_folder, least):
    onnx.checker.check_model(path)
    no_two_conversions(path, reference)
    config = json.loads((config_folder / "config.json").read_text())
    golden_path = config_folder / "golden.json"
    golden = json.loads(golden_path.read_text()) if golden_path.exists() else {}
    sessions = [session_of(it) for it in (reference, path)]
    given = feeds(sessions[0], config, golden, numpy.random.default_rng(1))
    names = [output.name for output in sessions[0].get_outputs()]
    assert names == [output.name for output in sessions[1].get_outputs()], "the outputs have other names"
    expected, found = (session.run(names, given) for session in sessions)
    worst = 1.0
    for name, one, other in zip(names, expected, found):
        assert one.dtype == other.dtype and one.shape == other.shape, f"{name} is {other.dtype} {other.shape}"
        assert numpy.isfinite(other).all(), f"{name} has what is not a number"
        worst = min(worst, cosine(one, other))
    if "last_hidden_state" in golden and "last_hidden_state" in names:
        states = numpy.asarray(golden["last_hidden_state"])
        worst = min(worst, cosine(states, found[names.index("last_hidden_state")]))
    assert worst >= least, f"cosine {worst:.6f}, less than {least}"
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", nargs=4, action="append", required=True)
    for path, reference, config, least in parser.parse_args().case:
        try:
            worst = check(path, reference, pathlib.Path(config), float(least))
        except Exception as error:  # noqa: BLE001: whichever, the case failed
            sys.exit(f"{path}: {error}")
        size = sum(file.stat().st_size for file in pathlib.Path(path).parent.iterdir())
        print(f"{worst:.6f} {size}")


if __name__ == "__main__":
    main()
