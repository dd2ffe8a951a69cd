"""Makes text with native onnxruntime when it is told to, as fast as it can: the benchmark takes turns with it.

    python generation_bench.py FOLDER

FOLDER holds `model.onnx`, a decoder as Pelago builds them. Each line of standard input is a JSON object with `prompt`, a
list of tokens, and `tokens`, how many are to follow; each is answered by a line with `prefill_ms`, `decode_ms` and `ids`. The
cache is static and written in place, and of the outputs nothing but the next token is looked at.
"""

import json
import pathlib
import sys
import time

import numpy
import onnxruntime

ROOM = 256


class Decoder:
    def __init__(self, folder):
        # onnxruntime's own default: as many threads as there are cores.
        self.session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        for value in self.session.get_inputs():
            if value.name.startswith("past."):
                shape = [1, value.shape[1], ROOM, value.shape[3]]
                cache = onnxruntime.OrtValue.ortvalue_from_numpy(numpy.zeros(shape, numpy.float32))
                self.binding.bind_ortvalue_input(value.name, cache)
                self.binding.bind_ortvalue_output(value.name.replace("past.", "present.", 1), cache)
        self.binding.bind_output("next")

    def run(self, ids, length):
        self.binding.bind_cpu_input("input_ids", numpy.array([ids], numpy.int32))
        self.binding.bind_cpu_input("seqlens_k", numpy.array([length - 1], numpy.int32))
        self.binding.bind_cpu_input("total_sequence_length", numpy.array(length, numpy.int32))
        self.session.run_with_iobinding(self.binding)
        # Outputs come in the order in which they were bound.
        return int(self.binding.get_outputs()[-1].numpy()[0, -1])

    def generate(self, prompt, tokens):
        start = time.perf_counter()
        ids = [self.run(prompt, len(prompt))]
        first = time.perf_counter()
        while len(ids) < tokens:
            ids.append(self.run(ids[-1:], len(prompt) + len(ids)))
        end = time.perf_counter()
        return {"prefill_ms": (first - start) * 1e3, "decode_ms": (end - first) * 1e3, "ids": ids}


def main():
    decoder = Decoder(pathlib.Path(sys.argv[1]))
    for line in sys.stdin:
        asked = json.loads(line)
        assert len(asked["prompt"]) + asked["tokens"] <= ROOM
        print(json.dumps(decoder.generate(asked["prompt"], asked["tokens"])), flush=True)


if __name__ == "__main__":
    main()
