"""The results from outside: DuckDB's own module reads and writes the database,
a JSON Schema validator reads the report, and a headless Chromium shows its page.

PELAGO is the executable; no browser of Pelago's is opened. PELAGO_SCREENSHOTS
names a folder that pictures of the report go to.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import duckdb
import jsonschema
import pytest
from playwright.sync_api import sync_playwright

REPOSITORY = Path(__file__).parents[3]
SCHEMA = json.loads((REPOSITORY / "docs/report.schema.json").read_text())
HOSTILE = "<img src=x onerror=alert(1)>|`"


def pelago(*arguments, code=0, home):
    command = [os.environ["PELAGO"], *map(str, arguments)]
    environment = {**os.environ, "PELAGO_HOME": str(home)}
    done = subprocess.run(command, env=environment, timeout=120, capture_output=True, text=True)
    assert done.returncode == code, f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def insert(connection, table, **row):
    names = ", ".join(row)
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


def add_run(connection, number, started, platform, ms, **more):
    row = {
        "run_id": f"run-{number:04}",
        "started": started,
        "model_name": "all-MiniLM-L6-v2",
        "model_cid": "bafybeimodel",
        "browser": "chrome",
        "browser_product": "Chromium",
        "browser_version": "156.0",
        "platform": platform,
        "precision": 32,
        "mixed_precision": False,
        "threads": 1,
        "batch_size": 1,
        "tokens": 11,
        "is_real_hardware": False,
        "processing_time": ms / 1000,
        "total_time": ms / 900,
        "warm": True,
        "ipfs_cache_hit": True,
        "bytes_memory": 0,
        "bytes_disk": 90_000_000,
        "bytes_p2p": 0,
        "bytes_ipfs": 0,
        "parity_cosine": 0.9999999,
        "parity_max_abs_error": 1e-6,
        "parity_verdict": "exact",
    }
    insert(connection, "runs", **{**row, **more})


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home whose database DuckDB's own module filled: runs of two days, a sweep, failures."""
    home = tmp_path_factory.mktemp("home")
    pelago("history", home=home)
    number = 0
    with duckdb.connect(home / "results/results.duckdb") as connection:
        for day, factor in [("2026-03-01", 1.0), ("2026-03-02", 1.3)]:
            for turn in range(30):
                jitter = turn % 5 * 0.3 + (20 if turn == 17 else 0)
                time = f"{day} 12:00:{turn:02}+00"
                for platform, ms, product in [
                    ("wasm", 13 * factor, "Chromium"),
                    ("webnn", 25.0, "chrome-headless-shell"),
                    ("wasm", 15.0, "chrome-headless-shell"),
                    ("webgpu", 700.0, "Firefox"),
                ]:
                    number += 1
                    add_run(connection, number, time, platform, ms + jitter, browser_product=product)
        for product, phases in [("Chromium", (812, 95, 1900, 60)), ("Firefox", (2100, 240, 4500, 4900))]:
            number += 1
            names = ("open_ms", "fetch_ms", "compile_ms", "first_run_ms")
            cold = dict(zip(names, phases), warm=False, browser_product=product, memory_usage_mb=310.0)
            platform = "webgpu" if product == "Firefox" else "wasm"
            add_run(connection, number, "2026-03-01 11:00:00+00", platform, 30.0, **cold)
        number += 1
        broken = {"model_name": HOSTILE, "parity_cosine": 0.1, "parity_verdict": "broken"}
        add_run(connection, number, "2026-03-01 12:00:00+00", "webgpu", 1.0, **broken)
        insert(connection, "failures", failure_id="f1", started="2026-03-01 12:30:00+00", code="browser_lost")
        insert(connection, "recoveries", failure_id="f1", run_id="run-0001")
        insert(connection, "transfers", run_id="run-0001", source="http://peer:8081", kind="peer", bytes=5_000_000, rate=2e7)
        sweep(connection)
    return home


def sweep(connection):
    distances = {32: 1e-7, 16: 3e-6, 8: 4e-4, 4: 2e-2}
    for product, platform, base in [("Chromium", "wasm", 13), ("Chromium", "webgpu", 160), ("Firefox", "wasm", 15)]:
        for precision, distance in distances.items():
            broken = (platform, precision) == ("webgpu", 4)
            insert(
                connection,
                "sweeps",
                sweep_id="sweep-1",
                recorded="2026-03-02 13:00:00+00",
                model_name="all-MiniLM-L6-v2",
                browser=product.lower(),
                browser_product=product,
                browser_version="156.0",
                platform=platform,
                precision=precision,
                mixed_precision=False,
                outcome="broken" if broken else "measured",
                p50_ms=base * (1 - 0.1 * (32 - precision) / 32),
                p90_ms=base * 1.1,
                p99_ms=base * 1.3,
                speedup=1.1,
                speedup_low=0.98,
                speedup_high=1.21,
                model_bytes=precision * 2_800_000,
                parity_cosine=0.2 if broken else 1 - distance,
                parity_max_abs_error=distance,
                parity_verdict="broken" if broken else "close",
            )


def test_duckdb_reads_what_pelago_wrote(home):
    with duckdb.connect(home / "results/results.duckdb", read_only=True) as connection:
        tables = {name for (name,) in connection.execute("SHOW TABLES").fetchall()}
        views = {"phases", "adapters", "parity", "content"}
        recorded = {"runs", "run_sessions", "run_phases", "run_generations", "sweeps", "failures", "recoveries", "transfers"}
        assert tables == recorded | {"journals", "schema_version"} | views
        assert connection.execute("SELECT version FROM schema_version").fetchone() == (6,)
        # DuckDB's median is that of the report.
        median = "SELECT median(processing_time) * 1000 FROM runs WHERE warm AND platform = 'webnn'"
        (expected,) = connection.execute(median).fetchone()
    report = json.loads(pelago("report", "--format", "json", home=home))
    (webnn,) = [route for route in report["routes"] if route["platform"] == "webnn"]
    assert webnn["p50_ms"] == pytest.approx(expected)


def test_the_report_fits_its_schema(home):
    report = json.loads(pelago("report", "--format", "json", home=home))
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    validator.validate(report)
    assert len(report["sweep"]) == 12 and report["reliability"]["recoveries"] == 1
    assert report["content"]["sources"][-1]["kind"] == "peer"
    # A schema that takes anything would not be one.
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**report, "routes": [{**report["routes"][0], "runs": -1}]})
    empty = json.loads(pelago("report", "--format", "json", "--since", "2030-01-01", home=home))
    validator.validate(empty)
    assert empty["routes"] == [] and empty["reliability"]["error_rate"] is None


def test_a_comparison_says_by_its_exit_code_what_got_slower(home, tmp_path):
    """The second day, wasm in Chromium took 1.3 times as long; nothing else changed."""
    days = ("2026-03-01T11:30:00Z", "2026-03-02")
    compared = json.loads(pelago("report", "--format", "json", "--compare", *days, code=1, home=home))
    changes = {route["route"].split(": ")[1].split(",")[0]: route["change"] for route in compared["routes"]}
    assert changes["Chromium wasm ×1 32 bit"] == "regression"
    assert changes["Firefox webgpu 32 bit"] == "no_difference"
    model = ("--model", "all-MiniLM-L6-v2")
    pelago("report", "--compare", *days, "--max-ratio", "1.5", *model, home=home)
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    pelago("report", "--format", "json", "-o", before, *model, home=home)
    pelago("report", "--format", "json", "-o", after, *model, "--since", "2026-03-02", home=home)
    # The first of the two holds both days, so what is left of 1.3 is less.
    assert "slower" in pelago("report", "--compare", before, after, home=home)
    assert "REGRESSION" in pelago("report", "--compare", before, after, "--max-ratio", "1.01", code=1, home=home)
    # What cannot be compared is neither a success nor a regression.
    after.write_text("{}")
    pelago("report", "--compare", before, after, code=2, home=home)
    pelago("report", "--compare", "2030-01-01", "2031-01-01", code=2, home=home)


def test_a_database_is_read_without_a_trace(home, tmp_path):
    copy = tmp_path / "from-ci.duckdb"
    shutil.copy(home / "results/results.duckdb", copy)
    nowhere = tmp_path / "nowhere"
    rows = pelago("history", "--db-path", copy, "--db-only", "--sql", "SELECT count(*) AS n FROM runs", "--json", home=nowhere)
    assert json.loads(rows)["n"] == 243
    assert "BROKEN" in pelago("report", "--db-path", copy, "--db-only", home=nowhere)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["from-ci.duckdb"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_needs_nothing_else(home, tmp_path, scheme):
    page_path = tmp_path / "report.html"
    pelago("report", "--format", "html", "-o", page_path, home=home)
    assert page_path.stat().st_mode & 0o777 == 0o644
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        context = chromium.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 900})
        page = context.new_page()
        asked, said = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.goto(page_path.as_uri())
        assert asked == [page_path.as_uri()] and said == []
        assert page.locator("script, img, link, iframe").count() == 0
        # Its charts stand in it: latency, accuracy, browser × model, phases.
        assert page.locator("svg").count() == 4
        for chart in page.locator("svg").all():
            assert chart.bounding_box()["height"] > 100
        # Text is text, within its picture, and readable on its ground.
        outside = page.evaluate(
            """() => [...document.querySelectorAll("svg")].flatMap(svg => {
                const frame = svg.getBoundingClientRect();
                return [...svg.querySelectorAll("text")].filter(text => {
                    const box = text.getBoundingClientRect();
                    return box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1;
                }).map(text => text.textContent);
            })"""
        )
        assert outside == []
        assert page.get_by_text(HOSTILE).count() > 0
        contrast = page.evaluate(
            """() => {
                const light = colour => {
                    const parts = colour.match(/[\\d.]+/g).slice(0, 3).map(part => part / 255);
                    const [r, g, b] = parts.map(p => p <= 0.04045 ? p / 12.92 : ((p + 0.055) / 1.055) ** 2.4);
                    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
                };
                const style = selector => getComputedStyle(document.querySelector(selector));
                const [ink, ground] = [light(style("svg text").fill), light(style("svg .ground").fill)];
                return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
            }"""
        )
        assert contrast > 7
        # Nothing of the page but its tables scrolls sideways.
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if folder := os.environ.get("PELAGO_SCREENSHOTS"):
            page.screenshot(path=f"{folder}/report-{scheme}.png", full_page=True)
        chromium.close()
