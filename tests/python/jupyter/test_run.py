"""`pelago run` and what Python reads of it."""

import json
import os
import subprocess
import xml.etree.ElementTree

import nbformat

DEADLINE = 180


def run(*arguments, folder, expect=0):
    """Runs `pelago run`; its stdout."""
    command = [os.environ["PELAGO"], "run", *arguments]
    ran = subprocess.run(command, cwd=folder, timeout=DEADLINE, capture_output=True, text=True)
    assert ran.returncode == expect, f"{arguments} ended with {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


def notebook(*sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    made = nbformat.v4.new_notebook(cells=cells)
    made.metadata.kernelspec = {"name": "pelago", "display_name": "Pelago", "language": "rust"}
    return made


def test_a_parser_reads_every_report(tmp_path):
    # Every character that XML 1.0 has no form for, all noncharacters, and what XML quotes.
    odd = [*range(0x20), 0x7F, *range(0x80, 0xA0), *range(0xFDD0, 0xFDF0), 0xD83D, 0xDFFF]
    odd += [plane << 16 | low for plane in range(17) for low in (0xFFFE, 0xFFFF)]
    for name, chunk in {"a": odd, "b": map(ord, "<&>\"']]>")}.items():
        characters = "".join(chr(code) for code in chunk if chr(code) not in "\n\r\x1b")
        # As Python's json writes them: each as an escape, halves of characters too.
        text = json.dumps(notebook(f":nothing\x1b[31m{characters}end"))
        (tmp_path / f"{name}.ipynb").write_text(text)
    run("a.ipynb", "b.ipynb", "--junit", "report.xml", folder=tmp_path, expect=1)

    report = xml.etree.ElementTree.parse(tmp_path / "report.xml").getroot()
    names = [case.get("name") for case in report.iter("testcase")]
    assert len(names) == 2
    assert all(name.startswith("cell 1: :nothing") and name.endswith("end") for name in names)
    assert names[1] == "cell 1: :nothing<&>\"']]>end"


def test_what_pythons_json_writes_is_run_and_kept(tmp_path):
    made = notebook("6 * 7")
    made.cells.insert(0, nbformat.v4.new_markdown_cell("half \ud83d of a character"))
    made.metadata["numbers"] = [float("nan"), float("-inf")]
    (tmp_path / "a.ipynb").write_bytes(b"\xef\xbb\xbf" + json.dumps(made).encode())
    run("a.ipynb", "--inplace", folder=tmp_path)

    written = (tmp_path / "a.ipynb").read_bytes()
    ran = json.loads(written.decode("utf-8-sig"))
    assert written.startswith(b"\xef\xbb\xbf{")
    assert ran["cells"][0] == json.loads(json.dumps(made))["cells"][0]
    assert ran["cells"][1]["outputs"][0]["data"]["text/plain"] == ["42"]
