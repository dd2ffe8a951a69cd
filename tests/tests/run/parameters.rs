//! Parameters: what they become, and what is refused before anything runs.

use serde_json::json;

use super::folder::{Folder, count, plain, tagged};

#[test]
fn parameters_take_the_place_of_defaults() {
    let folder = Folder::new();
    let defaults = tagged("let n: u64 = 1;\nlet name = \"none\";", "parameters");
    folder.notebook("a.ipynb", &[defaults, plain("println!(\"{name}\");\nn * 2")]);
    let (code, said) = folder.run(&["a.ipynb", "-p", "n=21", "-r", "name=7", "-o", "out.ipynb"]);
    assert_eq!(code, Some(0), "{said}");
    let cells = folder.cells("out.ipynb");
    assert_eq!(cells[1]["metadata"]["tags"], json!(["injected-parameters"]));
    assert_eq!(cells[1]["source"], json!(["// Parameters\n", "let n: u64 = 21;\n", "let name = \"7\";"]));
    assert_eq!(cells[2]["outputs"][0], json!({ "name": "stdout", "output_type": "stream", "text": ["7\n"] }));
    assert_eq!(cells[2]["outputs"][1]["data"]["text/plain"], json!(["42"]));

    // Once more: the cell that is there gets the new value.
    assert_eq!(folder.run(&["out.ipynb", "-p", "n=3", "--inplace"]).0, Some(0));
    let cells = folder.cells("out.ipynb");
    assert_eq!((cells.len(), &cells[1]["source"]), (3, &json!(["// Parameters\n", "let n: u64 = 3;"])));
    assert_eq!(cells[2]["outputs"][0]["text"], json!(["none\n"]));
}

#[test]
fn what_cannot_be_of_the_type_is_refused_before_anything_runs() {
    let folder = Folder::new();
    let declared =
        "let mut n: u8 = 3;\nlet m = 3u16;\nlet on: bool = true;\nlet c: char = 'c';\nlet v: Vec<u8> = vec![1];";
    // The first cell would leave a file.
    let first = plain("std::fs::write(\"ran\", \"\")?;");
    folder.notebook("b.ipynb", &[first.clone(), tagged(declared, "parameters"), plain("n")]);
    folder.notebook("a.ipynb", &[first]);
    let refused = |parameter: &str, reason: &str| {
        let output = folder.command(&["a.ipynb", "b.ipynb", "-p", parameter]).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.code() == Some(2) && said.contains(reason), "{parameter}: {said}");
        assert!(!folder.path("ran").exists(), "{parameter}: {said}");
    };
    refused("n=300", "b.ipynb: parameter n: expected a u8, found 300; a u8 is from 0 to 255");
    refused("n=-1", "parameter n: expected a u8, found -1; a u8 is from 0 to 255");
    refused("n=abc", "parameter n: expected a u8, found \"abc\"; a u8 is from 0 to 255");
    refused("n=2.5", "parameter n: expected a u8, found 2.5; a u8 is from 0 to 255");
    refused("m=65536", "parameter m: expected a u16, found 65536; a u16 is from 0 to 65535");
    refused("on=1", "parameter on: expected a bool, found 1");
    refused("c=word", "parameter c: expected a char, found \"word\"");
    refused("v=1", "parameter v: expected a Vec<u8>, found 1");
    refused("other=300u8", "parameter other: expected a u8, found 300u8; a u8 is from 0 to 255");
    for keyword in ["fn", "type", "let", "self", "Self", "gen", "abstract", "try", "r#self"] {
        refused(&format!("{keyword}=3"), &format!("`{keyword}` is a keyword of Rust"));
    }
    for name in ["_", "1n", "a b", "a-b", ""] {
        refused(&format!("{name}=3"), &format!("`{name}` cannot be the name of a variable"));
    }
    assert_eq!(count(&folder.cells("b.ipynb")[0]), None);
}

#[test]
fn a_value_at_the_end_of_its_range_is_that_value() {
    let folder = Folder::new();
    let declared = "let mut n: u8 = 3;\nlet m = 3u128;\nlet o: Option<i8> = None;\nlet r#type = \"a\";";
    folder.notebook("a.ipynb", &[tagged(declared, "parameters"), plain("format!(\"{n} {m} {o:?} {}\", r#type)")]);
    let largest = u128::MAX.to_string();
    let arguments =
        ["a.ipynb", "-p", "n=255", "-p", &format!("m={largest}"), "-p", "o=-128", "-p", "r#type=x", "--inplace"];
    let (code, said) = folder.run(&arguments);
    assert_eq!(code, Some(0), "{said}");
    let cells = folder.cells("a.ipynb");
    let lines = [
        "// Parameters\n".to_owned(),
        format!("let m = {largest}u128;\n"),
        "let mut n: u8 = 255;\n".to_owned(),
        "let o: Option<i8> = Some(-128);\n".to_owned(),
        "let r#type = \"x\";".to_owned(),
    ];
    assert_eq!(cells[1]["source"], json!(lines));
    assert_eq!(cells[2]["outputs"][0]["data"]["text/plain"], json!([format!("255 {largest} Some(-128) x")]));
}
