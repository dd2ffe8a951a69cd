//! Forms of notebooks that other tools write, and of the report.

use serde_json::json;

use super::folder::{Folder, count, plain, tagged};

#[test]
fn what_python_reads_is_run_and_keeps_its_bytes() {
    let folder = Folder::new();
    let mut half = plain("a half");
    half["cell_type"] = json!("raw");
    folder.notebook("a.ipynb", &[half, plain("6 * 7")]);
    let text = folder.text("a.ipynb").replace("a half", "\\ud83d and \\ude00");
    let text = text.replace("\"nbformat\"", "\"x\": [NaN, -Infinity],\n \"nbformat\"");
    std::fs::write(folder.path("a.ipynb"), format!("\u{feff}{text}")).unwrap();
    let (code, said) = folder.run(&["a.ipynb", "-o", "out.ipynb", "-p", "n=1"]);
    assert_eq!(code, Some(0), "{said}");
    let ran = folder.text("out.ipynb");
    let ran = ran.strip_prefix('\u{feff}').expect("a byte order mark");
    assert!(ran.contains(r"\ud83d and \ude00") && ran.contains("[NaN, -Infinity]"), "{ran}");
    assert!(ran.contains("\"42\""), "{ran}");
    // And the second run changes nothing.
    let before = folder.text("out.ipynb");
    assert_eq!(folder.run(&["out.ipynb", "--inplace", "-p", "n=1"]).0, Some(0));
    assert_eq!(folder.text("out.ipynb"), before);

    std::fs::write(folder.path("a.ipynb"), "\u{feff}{\n \"cells\": [\"\\ud83\"]\n}").unwrap();
    let (code, said) = folder.run(&["a.ipynb"]);
    assert!(code == Some(2) && said.contains("a.ipynb is not a notebook: ") && said.contains("at line 2"), "{said}");
}

#[test]
fn a_notebook_of_another_kernel_is_not_run_as_rust() {
    let folder = Folder::new();
    let text =
        |kernel: &str| format!(r#"{{"cells": [], "metadata": {{{kernel}}}, "nbformat": 4, "nbformat_minor": 5}}"#);
    for (name, language) in [("python3", "python"), ("ir", "R"), ("julia-1.10", "julia"), ("deno", "typescript")] {
        let kernel = format!(r#""kernelspec": {{"name": "{name}", "display_name": "x"}}"#);
        std::fs::write(folder.path("a.ipynb"), text(&kernel)).unwrap();
        let (code, said) = folder.run(&["a.ipynb"]);
        let told = format!("a.ipynb is a notebook of {language}, and cells in Rust were expected");
        assert!(code == Some(2) && said.contains(&told), "{said}");
    }
    std::fs::write(folder.path("a.ipynb"), text("")).unwrap();
    assert_eq!(folder.run(&["a.ipynb"]).0, Some(0));
}

/// XML 1.0 has no form for these characters; a parser refuses the whole report.
#[test]
fn no_character_of_a_cell_breaks_the_report() {
    let folder = Folder::new();
    // Characters that JSON takes, within the first line, the name and the message.
    let odd = (0..0x20).chain([0x7f, 0x85, 0xfdd0, 0xfffd, 0xfffe, 0xffff, 0x1_fffe, 0x10_ffff]);
    let odd = odd.filter_map(char::from_u32).filter(|character| !"\n\r\u{1b}".contains(*character)).collect::<String>();
    let command = format!(":nothing\u{1b}[31m{odd}<&\"']]>");
    folder.notebook("a.ipynb", &[tagged(&command, "raises-exception"), plain(&command)]);
    let (code, said) = folder.run(&["a.ipynb", "--junit", "report.xml", "-o", "out.ipynb"]);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(count(&folder.cells("out.ipynb")[1]), Some(2));
    let report = folder.text("report.xml");
    let is_allowed = |character: char| matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    let forbidden = report.chars().filter(|character| !is_allowed(*character)).collect::<Vec<_>>();
    assert!(forbidden.is_empty() && report.contains("&lt;&amp;"), "{forbidden:?}: {report}");
}
