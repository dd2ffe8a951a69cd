"""Times kernels through Jupyter's own client; prints one JSON object.

    python kernel_bench.py < SPECIFICATION

The specification is a JSON object: `starts`, how often each kernel is started; `turns`, how often each cell runs; and in
`kernels`, for each kernel spec on JUPYTER_PATH: `fresh`, cells of a kernel just started, by name; `prepare`, cells before
the measured ones; `cells`, the measured ones, by name; and `lines`, a cell that prints 100,000 lines. All kernels live
while the cells run, and take turns. A time is from the request to the kernel's `idle`, in milliseconds; `starts` are from
the process to `kernel_info_reply`, and `ready` from the process to the idle of the first fresh cell.

PELAGO_BENCH_LOGS is a folder for what the kernels write to their stdout and stderr.
"""

import json
import os
import queue
import sys
import time
from pathlib import Path

from jupyter_client.manager import KernelManager

# evcxr_jupyter compiles Polars in one cell.
DEADLINE = 3600
LINES = "".join(f"{n}\n" for n in range(100_000))


class Kernel:
    """A started kernel."""

    def __init__(self, name):
        self.log = Path(os.environ["PELAGO_BENCH_LOGS"]) / f"{name}.log"
        self.manager = KernelManager(kernel_name=name)
        self.began = time.perf_counter()
        with self.log.open("a") as log:
            self.manager.start_kernel(stdout=log, stderr=log)
        self.client = self.manager.client()
        self.client.start_channels(hb=False)
        # Not `wait_for_ready`: it looks once a second.
        self.client.kernel_info()
        self.client.get_shell_msg(timeout=DEADLINE)
        self.info_ms = self.since_start()
        self.listen()

    def listen(self):
        """Waits until output is heard: what is published before the subscription has come is lost."""
        while True:
            try:
                self.client.get_iopub_msg(timeout=0.1)
                return
            except queue.Empty:
                self.client.kernel_info()
                self.client.get_shell_msg(timeout=DEADLINE)

    def since_start(self):
        return (time.perf_counter() - self.began) * 1000

    def run(self, code):
        """Milliseconds until idle, and what came on stdout."""
        start = time.perf_counter()
        request = self.client.execute(code)
        printed = []
        while True:
            message = self.client.get_iopub_msg(timeout=DEADLINE)
            if message["parent_header"].get("msg_id") != request:
                continue
            content = message["content"]
            if message["msg_type"] == "status" and content["execution_state"] == "idle":
                break
            if message["msg_type"] == "stream" and content["name"] == "stdout":
                printed.append(content["text"])
            if message["msg_type"] == "error":
                sys.exit(f"{self.manager.kernel_name}: {code!r} failed: {content['ename']}: {content['evalue']}")
        took = (time.perf_counter() - start) * 1000
        self.client.get_shell_msg(timeout=DEADLINE)
        return took, "".join(printed)

    def stop(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def measure(specification):
    kernels = specification["kernels"]
    results = {name: {"starts": [], "ready": [], "fresh": {}, "prepare": [], "cells": {}, "lines": []} for name in kernels}
    for _ in range(specification["starts"]):
        for name, asked in kernels.items():
            kernel = Kernel(name)
            results[name]["starts"].append(kernel.info_ms)
            for index, (cell, code) in enumerate(asked["fresh"].items()):
                took, _ = kernel.run(code)
                results[name]["fresh"].setdefault(cell, []).append(took)
                if index == 0:
                    results[name]["ready"].append(kernel.since_start())
            kernel.stop()
    alive = {name: Kernel(name) for name in kernels}
    for name, kernel in alive.items():
        for code in kernels[name]["prepare"]:
            took, _ = kernel.run(code)
            results[name]["prepare"].append(took)
    # The first turn of a cell warms up.
    for turn in range(specification["turns"] + 1):
        for name, kernel in alive.items():
            for cell, code in kernels[name]["cells"].items():
                took, _ = kernel.run(code)
                if turn > 0:
                    results[name]["cells"].setdefault(cell, []).append(took)
    for _ in range(3):
        for name, kernel in alive.items():
            took, printed = kernel.run(kernels[name]["lines"])
            if printed.replace("\r\n", "\n") != LINES:
                sys.exit(f"{name}: of 100,000 lines {printed.count(chr(10))} came, or in another order")
            results[name]["lines"].append(took)
    for kernel in alive.values():
        kernel.stop()
    return results


if __name__ == "__main__":
    json.dump(measure(json.load(sys.stdin)), sys.stdout)
