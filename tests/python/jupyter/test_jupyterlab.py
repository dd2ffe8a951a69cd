"""JupyterLab in a headless Chromium, as its user sees it.

PELAGO_SCREENSHOT names the file that the quickstart's picture goes to.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from playwright.sync_api import expect, sync_playwright

# In milliseconds; a passing test waits a fraction of it.
DEADLINE = 120_000
SIZE = {"width": 1280, "height": 1000}


@pytest.fixture
def lab(notebooks, tmp_path):
    """A JupyterLab server's address, and the token with it."""
    settings = tmp_path / "settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True)
    # It would ask whether news may be fetched.
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    # All cells are in the document, seen or not.
    windowing = tmp_path / "settings/@jupyterlab/notebook-extension"
    windowing.mkdir()
    (windowing / "tracker.jupyterlab-settings").write_text(json.dumps({"windowingMode": "none"}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
    command += ["--ServerApp.port_retries=0", "--IdentityProvider.token=token", f"--ServerApp.root_dir={notebooks}"]
    command += [f"--LabApp.user_settings_dir={tmp_path / 'settings'}", f"--LabApp.workspaces_dir={tmp_path / 'spaces'}"]
    log = (tmp_path / "lab.log").open("w")
    server = subprocess.Popen(command, stdout=log, stderr=log, cwd=notebooks)
    wait_for_server(f"http://127.0.0.1:{port}/api?token=token", server, tmp_path / "lab.log")
    yield f"http://127.0.0.1:{port}", "token"
    server.terminate()
    server.wait(timeout=60)


def wait_for_server(address, server, log):
    for _ in range(600):
        assert server.poll() is None, log.read_text()
        try:
            return urllib.request.urlopen(address, timeout=5)
        except OSError:
            time.sleep(0.1)
    pytest.fail(log.read_text())


@pytest.fixture
def notebook():
    return "quickstart.ipynb"


@pytest.fixture
def page(lab, notebook):
    address, token = lab
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = chromium.new_page(viewport=SIZE)
        page.set_default_timeout(DEADLINE)
        page.goto(f"{address}/lab/tree/{notebook}?token={token}&reset")
        yield page
        # Where a test failed, pytest shows what was in its way.
        for dialog in page.locator("dialog").all():
            print("open dialog:", dialog.inner_text())
        chromium.close()


def choose(page, menu, command):
    """Clicks an item of the menu bar."""
    page.get_by_role("menuitem", name=menu, exact=True).click()
    page.locator(f'.lm-Menu-item[data-command="{command}"]').click()


def wait_until_idle(page):
    # The toolbar's indicator is idle already while no kernel is connected.
    expect(page.get_by_role("button", name="Pelago (Rust) | Idle")).to_be_visible(timeout=DEADLINE)


def code_cells(page):
    return page.locator(".jp-CodeCell")


def add_cell(page, code):
    """Adds a cell below all and runs it."""
    page.locator(".jp-CodeCell").last.locator(".jp-InputPrompt").click()
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    page.keyboard.insert_text(code)
    page.keyboard.press("Control+Enter")
    return page.locator(".jp-CodeCell").last


def test_the_quickstart_runs_is_interrupted_and_runs_again_after_a_restart(page):
    wait_until_idle(page)
    for cell in code_cells(page).all():
        expect(cell.locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[[ \d]*\]:"))

    choose(page, "Run", "runmenu:run-all")
    cells = code_cells(page)
    last = cells.last
    expect(last.locator(".jp-OutputPrompt")).to_have_text("[10]:", timeout=DEADLINE)

    # The run with its report, and the DataFrames as tables.
    report = cells.nth(1).locator(".jp-RenderedHTMLCommon")
    expect(report).to_contain_text("all-MiniLM-L6-v2")
    table = page.locator(".jp-RenderedHTMLCommon table").filter(has_text="cosine with the first")
    expect(table.locator("tbody tr")).to_have_count(3)
    error = cells.nth(8).locator(".jp-OutputArea-output").filter(has_text="no model is called")
    expect(error).to_be_visible()
    picture(page, cells.nth(1))

    # Nothing asks for the user's attention.
    assert [dialog.inner_text() for dialog in page.locator("dialog").all()] == []
    # A loop that asks is ended by the stop button, and variables stay.
    wait_until_idle(page)
    endless = add_cell(page, 'println!("looping"); while !interrupted() {}\n"left the loop"')
    expect(endless.locator(".jp-OutputArea")).to_contain_text("looping", timeout=DEADLINE)
    page.get_by_role("button", name="Interrupt the kernel").click()
    expect(endless.locator(".jp-OutputArea")).to_contain_text("left the loop", timeout=DEADLINE)
    kept = add_cell(page, "run.output().shape()[1] + 1")
    expect(kept.locator(".jp-OutputArea")).to_contain_text("385", timeout=DEADLINE)

    # A restart loses them, and all runs again.
    choose(page, "Kernel", "kernelmenu:restart")
    page.get_by_role("button", name="Confirm Kernel Restart").click()
    wait_until_idle(page)
    lost = add_cell(page, "run.output().shape()[1] + 2")
    expect(lost.locator(".jp-OutputArea")).to_contain_text("cannot find value `run`", timeout=DEADLINE)
    for index in (0, 1):
        cells.nth(index).locator(".jp-InputPrompt").click()
        page.keyboard.press("Shift+Enter")
    expect(cells.nth(1).locator(".jp-OutputPrompt")).to_have_text(re.compile(r"\[3\]:"), timeout=DEADLINE)


@pytest.mark.parametrize("notebook", ["precision.ipynb"])
def test_a_sweep_is_a_table_and_a_chart(page):
    wait_until_idle(page)
    choose(page, "Run", "runmenu:run-all")
    cells = code_cells(page)
    expect(cells.last.locator(".jp-OutputPrompt")).to_have_text("[5]:", timeout=DEADLINE)
    table = cells.nth(1).locator(".jp-RenderedHTMLCommon table")
    expect(table.locator("tbody tr")).to_have_count(4)
    # JupyterLab draws it from the specification: a mark a precision.
    chart = cells.nth(2).locator(".jp-RenderedVegaCommon5 canvas, .jp-RenderedVegaCommon5 svg").first
    expect(chart).to_be_visible()
    box = chart.bounding_box()
    assert box["width"] > 300 and box["height"] > 150, box
    picture(page, cells.nth(2))


def picture(page, cell):
    """The page with `cell` in sight, where a file is named for it."""
    if path := os.environ.get("PELAGO_SCREENSHOT"):
        cell.locator(".jp-InputPrompt").click()
        page.mouse.move(5, 5)
        page.wait_for_timeout(1000)
        page.screenshot(path=path)
