"""A DataFrame's HTML, read by a parser, against what Polars writes as CSV."""

import csv
import io
import json
from html.parser import HTMLParser

import nbformat
from nbclient import NotebookClient

DEADLINE = 180
DATA = "application/vnd.pelago.table+json"

FRAME = r"""
let days = Series::new("day".into(), [20_000, 20_001, 0, 1, 2, 3]).cast(&DataType::Date)?;
let mut frame = df!(
    "text" => ["1   1", "  lead", "trail  ", "line1\nline2", "null", "<script>alert('x')</script>"],
    "maybe" => [None, Some("null"), Some(""), None, Some("90210"), Some("a\tb")],
    "f64" => [123456.789, 1234567.891, 1.00000001, 1e300, -0.0, 0.1 + 0.2],
    "f32" => [Some(0.1_f32), None, Some(3.0), Some(1e-7), Some(16777216.0), Some(-2.5)],
    "i64" => [90210, i64::MIN, i64::MAX, 0, -1, 12345],
    "bool" => [Some(true), Some(false), None, None, Some(true), Some(true)],
)?;
frame.with_column(days.into())?;
let kind = DataType::from_categories(Categories::global());
let category = frame.column("text")?.cast(&kind)?.with_name("category".into());
frame.with_column(category)?;
frame
"""
CSV = """
let mut bytes = Vec::new();
let style = QuoteStyle::Always;
CsvWriter::new(&mut bytes).with_null_value("NULL".into()).with_quote_style(style).finish(&mut frame.clone())?;
print!("{}", String::from_utf8(bytes)?);
"""


class Table(HTMLParser):
    """Rows of cells: a text, or None for what is in italics."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.styles, self.tags, self.cell, self.is_null = [], set(), set(), None, False
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.cell, self.is_null = "", False
            self.styles.add("white-space: pre-wrap" in dict(attributes)["style"])
        elif tag == "i":
            self.is_null = True

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.rows[-1].append(None if self.is_null else self.cell)
            self.cell = None

    def handle_data(self, data):
        if self.cell is not None:
            self.cell += data


def value(text):
    """A text without the quotes that make it one."""
    return json.loads(text) if text and text.startswith('"') else text


def test_the_html_of_a_frame_says_what_its_csv_says():
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in (FRAME, CSV)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "pelago", "display_name": "Pelago"}
    NotebookClient(notebook, timeout=DEADLINE).execute()
    nbformat.validate(notebook)

    data = notebook.cells[0].outputs[0].data
    table = Table(data["text/html"])
    names, _, *rows = table.rows
    assert table.styles == {True}
    assert "script" not in table.tags

    expected = list(csv.reader(io.StringIO(notebook.cells[1].outputs[0].text, newline="")))
    assert names == expected[0]
    for row, written in zip(rows, expected[1:], strict=True):
        for name, shown, text in zip(names, row, written, strict=True):
            own = None if text == "NULL" else text
            if name in ("f64", "f32") and own is not None:
                assert float(shown) == float(own), (name, shown, own)
            else:
                assert value(shown) == own, (name, shown, own)
    assert [row[names.index("text")] for row in rows] == [row[names.index("category")] for row in rows]
    assert [row[names.index("f64")] for row in rows] == [
        "123456.789", "1234567.891", "1.00000001", "1e300", "-0.0", "0.30000000000000004"
    ]

    # The text has the same cells, and so do the data beside both.
    lines = [line for line in data["text/plain"].splitlines() if line.startswith("│")]
    column = 2
    drawn = [line.strip("│").split("┆")[column].strip() for line in lines[3:]]
    assert drawn == [row[column] for row in rows]
    assert [row.split("\t")[column] for row in data[DATA]["rows"]] == drawn
    assert [column["dtype"] for column in data[DATA]["columns"]] == [
        "str", "str", "f64", "f32", "i64", "bool", "date", "cat"
    ]
