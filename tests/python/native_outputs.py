"""Run models with native onnxruntime, and leave what they were given and what they gave.

    python native_outputs.py FOLDER --case NAME REFERENCE CONFIG MODEL [--case …]

Inputs are made for REFERENCE, a family's fp32 graph, as in `check_precision.py`; MODEL, the same or a conversion of it,
runs on them. Writes FOLDER/NAME.json: `inputs` and `outputs`, each a list of `name`, `dtype`, `shape` and `file`, the
last a file of little-endian bytes in FOLDER.
"""

import argparse
import json
import pathlib

import numpy

from check_precision import feeds, session_of


def left(folder, case, kind, name, value):
    value = numpy.ascontiguousarray(value)
    file = f"{case}-{kind}-{name.replace('/', '_')}.bin"
    (folder / file).write_bytes(value.tobytes())
    return {"name": name, "dtype": str(value.dtype), "shape": list(value.shape), "file": file}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--case", nargs=4, action="append", required=True)
    arguments = parser.parse_args()
    folder = arguments.folder
    for case, reference, config_folder, model in arguments.case:
        config_folder = pathlib.Path(config_folder)
        config = json.loads((config_folder / "config.json").read_text())
        golden = json.loads((config_folder / "golden.json").read_text())
        sessions = [session_of(path) for path in (reference, model)]
        given = feeds(sessions[0], config, golden, numpy.random.default_rng(1))
        names = [output.name for output in sessions[1].get_outputs()]
        inputs = [left(folder, case, "in", name, value) for name, value in given.items()]
        outputs = [left(folder, case, "out", *pair) for pair in zip(names, sessions[1].run(names, given))]
        (folder / f"{case}.json").write_text(json.dumps({"inputs": inputs, "outputs": outputs}))


if __name__ == "__main__":
    main()
