"""Pelago's kernel as a user installs it: a kernel spec in a prefix of its own,
and a home that holds all-MiniLM-L6-v2.

PELAGO is the executable, PELAGO_MODEL the model's folder. A test sees
PELAGO_HOME and JUPYTER_PATH in its environment, and so do its clients.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="session", autouse=True)
def installed(tmp_path_factory):
    """The folder that everything of this run is kept in."""
    folder = tmp_path_factory.mktemp("pelago")
    os.environ |= {
        "PELAGO_HOME": str(folder / "home"),
        "JUPYTER_PATH": str(folder / "prefix/share/jupyter"),
        # Neither the user's own kernels and settings, nor what they would keep.
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    pelago("model", "add", os.environ["PELAGO_MODEL"], "--name", "all-MiniLM-L6-v2")
    pelago("install", "--prefix", str(folder / "prefix"))
    yield folder
    pelago("uninstall", "--prefix", str(folder / "prefix"))
    assert not (folder / "prefix/share/jupyter/kernels/pelago").exists()


@pytest.fixture
def notebooks(tmp_path):
    """The repository's notebooks, in a folder of this test's own."""
    return Path(shutil.copytree(REPOSITORY / "notebooks", tmp_path / "notebooks"))


def pelago(*arguments):
    """Runs the executable; its stdout."""
    command = [os.environ["PELAGO"], *arguments]
    return subprocess.run(command, check=True, timeout=300, stdout=subprocess.PIPE, text=True).stdout
