"""Programs that run notebooks or cells through the kernel."""

import json
import os
import subprocess
import sys

import nbformat
import pexpect
import pyte
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

# The bound of anything here; a passing test takes a fraction of it.
DEADLINE = 180


def text_of(cell):
    """All that a cell put out, as text."""
    outputs = (output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs)
    return "\n".join(outputs)


def python(*arguments, folder, expect=0):
    """Runs a module of this environment; its stdout and stderr."""
    ran = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, timeout=DEADLINE, capture_output=True, text=True
    )
    assert ran.returncode == expect, f"{arguments} ended with {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout + ran.stderr


@pytest.mark.parametrize("name", ["quickstart", "compare-browsers", "history-sql"])
def test_nbclient_runs_the_notebooks(notebooks, name):
    notebook = nbformat.read(notebooks / f"{name}.ipynb", as_version=4)
    stored = [[output.output_type for output in cell.get("outputs", [])] for cell in notebook.cells]

    NotebookClient(notebook, timeout=DEADLINE, resources={"metadata": {"path": notebooks}}).execute()

    nbformat.validate(notebook)
    assert [[output.output_type for output in cell.get("outputs", [])] for cell in notebook.cells] == stored
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


def test_nbclient_stops_at_an_error_and_says_where():
    cells = ["let kept = 5;", 'let text = "five";\nlet n: i32 = text.parse()?;', "unreachable!()"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata.kernelspec = {"name": "pelago", "display_name": "Pelago"}

    with pytest.raises(CellExecutionError) as caught:
        NotebookClient(notebook, timeout=DEADLINE).execute()

    assert caught.value.ename == "ParseIntError"
    assert "invalid digit" in caught.value.evalue
    assert "text.parse()?" in caught.value.traceback
    assert notebook.cells[2].execution_count is None


@pytest.fixture
def kernel(tmp_path):
    """A kernel's manager, and a client that is ready."""
    manager, client = start_new_kernel(kernel_name="pelago", cwd=str(tmp_path), startup_timeout=DEADLINE)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def status_of(client, request):
    """The status of a request's reply; replies come in the order of the requests."""
    reply = client.get_shell_msg(timeout=DEADLINE)
    assert reply["parent_header"]["msg_id"] == request
    return reply["content"]["status"]


def wait_for_text(client, text):
    while True:
        message = client.get_iopub_msg(timeout=DEADLINE)
        if message["msg_type"] == "stream" and text in message["content"]["text"]:
            return message["parent_header"]["msg_id"]


def test_run_all_stops_where_an_interrupted_cell_left(kernel):
    manager, client = kernel
    # As JupyterLab's "Run All Cells": all are sent at once.
    sources = [
        'println!("on"); while !interrupted() { std::thread::yield_now() }',
        'println!("second ran")',
        'println!("third ran")',
    ]
    cells = [client.execute(source) for source in sources]
    assert wait_for_text(client, "on") == cells[0]
    manager.interrupt_kernel()
    assert [status_of(client, cell) for cell in cells] == ["ok", "aborted", "aborted"]
    later = client.execute('println!("later")')
    assert status_of(client, later) == "ok"
    # Nothing of the others was published before it.
    assert wait_for_text(client, "") == later


def test_nbconvert_makes_a_page_with_the_table(notebooks):
    arguments = ["--execute", "--to", "html", "--output-dir", "out", "quickstart.ipynb"]
    python("nbconvert", *arguments, folder=notebooks)
    page = (notebooks / "out/quickstart.html").read_text()
    assert "cosine with the first" in page
    assert "<table" in page


def test_papermill_sets_parameters(notebooks):
    texts = ['Pack "my" box\nwith {five} \\ dozen', "two", "three"]
    arguments = ["history-sql.ipynb", "out.ipynb", "-y", json.dumps({"texts": texts}), "--no-progress-bar"]
    python("papermill", *arguments, folder=notebooks)

    notebook = nbformat.read(notebooks / "out.ipynb", as_version=4)
    injected = next(cell for cell in notebook.cells if "injected-parameters" in cell.metadata.tags)
    literals = '"Pack \\"my\\" box\\nwith {five} \\\\ dozen", "two", "three"'
    assert injected.source == f"// Parameters\nlet texts = vec![{literals}];\n"
    table = next(cell for cell in notebook.cells if cell.source.startswith("sql("))
    assert "shape: (3, 4)" in text_of(table)


def test_papermill_gives_each_value_the_type_it_has(tmp_path):
    cells = [
        nbformat.v4.new_code_cell("let n = 1; // how many\nlet x: f64 = 0.5;", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell('format!("{n} {x} {big} {on} {list:?} {name:?} {tiny}")'),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "pelago", "display_name": "Pelago", "language": "rust"}
    nbformat.write(notebook, tmp_path / "in.ipynb")
    values = {"n": -3, "x": 2.5, "big": 5_000_000_000, "on": True, "list": [1, 2], "name": "\u00e9\x07'", "tiny": 2.5e-9}
    (tmp_path / "values.yaml").write_text(json.dumps(values))

    assert "x: f64 (default 0.5)" in python("papermill", "in.ipynb", "--help-notebook", folder=tmp_path)
    python("papermill", "in.ipynb", "out.ipynb", "-f", "values.yaml", "--no-progress-bar", folder=tmp_path)

    ran = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert text_of(ran.cells[-1]) == '-3 2.5 5000000000 true [1, 2] "é\\u{7}\'" 0.0000000025'

    refused = python("papermill", "in.ipynb", "out.ipynb", "-y", "n: {a: 1}", folder=tmp_path, expect=1)
    assert "pass its fields one by one" in refused


@pytest.mark.parametrize("name", ["fn", "type", "Self", "gen", "abstract", "r#self", "1n", "a-b", "_"])
def test_papermill_takes_no_name_that_is_none(tmp_path, name):
    cells = [nbformat.v4.new_code_cell('std::fs::write("ran", "")?;')]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "pelago", "display_name": "Pelago", "language": "rust"}
    nbformat.write(notebook, tmp_path / "in.ipynb")

    arguments = ["in.ipynb", "out.ipynb", "-p", name, "3", "--no-progress-bar"]
    refused = python("papermill", *arguments, folder=tmp_path, expect=1)

    assert f"PapermillException: {name!r} is a keyword" in refused or f"and {name!r} cannot be one" in refused
    assert not (tmp_path / "ran").exists()


def test_papermill_takes_a_raw_name(tmp_path):
    cells = [
        nbformat.v4.new_code_cell('let r#type = "a";', metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell('format!("{} {largest}", r#type)'),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "pelago", "display_name": "Pelago", "language": "rust"}
    nbformat.write(notebook, tmp_path / "in.ipynb")

    values = ["-p", "r#type", "b", "-y", f"largest: {2**128 - 1}"]
    python("papermill", "in.ipynb", "out.ipynb", *values, "--no-progress-bar", folder=tmp_path)

    ran = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert text_of(ran.cells[-1]) == f"b {2**128 - 1}"


def test_jupyter_console_runs_a_cell_of_several_lines():
    screen = pyte.Screen(100, 40)
    stream = pyte.Stream(screen)
    console = pexpect.spawn(
        sys.executable,
        ["-m", "jupyter_console", "--kernel", "pelago", "--ZMQTerminalInteractiveShell.highlighting_style=bw"],
        dimensions=(40, 100),
        timeout=DEADLINE,
        encoding="utf-8",
        env=os.environ | {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"},
    )

    def wait_for(wanted):
        while not any(wanted in line for line in screen.display):
            try:
                stream.feed(console.read_nonblocking(4096, timeout=DEADLINE))
            except (pexpect.EOF, pexpect.TIMEOUT):
                pytest.fail(f"{wanted!r} never came:\n" + "\n".join(screen.display))

    wait_for("In [1]:")
    console.send("let sum: i32 =\r")
    wait_for("...:")
    console.send("(1..=4).sum();\r")
    wait_for("In [2]:")
    console.send("sum * 100\r")
    wait_for("Out[2]: 1000")
    console.send("input(\"name? \")\r")
    wait_for("name? ")
    console.send("Ada\r")
    wait_for("Ada\"")
    # Before the next prompt, the end of input would go to nobody.
    wait_for("In [4]:")
    console.sendeof()
    wait_for("Do you really want to exit")
    console.send("y\r")
    console.expect(pexpect.EOF)
    console.close()
    assert console.exitstatus == 0
