//! What a parameter becomes, by what the `parameters` cell says of it.

use expect_test::{Expect, expect};

use super::*;

fn shown(cell: Option<&str>, parameters: &[(&str, &str)]) -> String {
    let parameters =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), Value::parse(value))).collect::<Parameters>();
    match inject(&parameters, cell) {
        Ok(Injected { source, unknown }) if unknown.is_empty() => source,
        Ok(Injected { source, unknown }) => format!("{source}\nunknown: {}", unknown.join(", ")),
        Err(error) => error.to_string(),
    }
}

fn check(cell: Option<&str>, parameters: &[(&str, &str)], expected: &Expect) {
    expected.assert_eq(&shown(cell, parameters));
}

/// The line of `n` where the cell declares it so.
fn with(declaration: &str, value: &str) -> String {
    let shown = shown(Some(declaration), &[("n", value)]);
    shown.strip_prefix("// Parameters\n").map_or_else(|| shown.clone(), str::to_owned)
}

#[test]
fn values_are_rust_literals() {
    check(
        None,
        &[
            ("a", "3"),
            ("b", "2.50"),
            ("c", "true"),
            ("d", "two words"),
            ("e", "\"3\""),
            ("f", "1_000u64"),
            ("g", "0x1F"),
        ],
        &expect![[r#"
            // Parameters
            let a = 3;
            let b = 2.50;
            let c = true;
            let d = "two words";
            let e = "3";
            let f = 1_000u64;
            let g = 0x1F;
            unknown: a, b, c, d, e, f, g"#]],
    );
    check(
        None,
        &[("a", "3000000000"), ("b", "1e-3"), ("c", "say \"hi\"\n"), ("d", "'x'"), ("e", "-7"), ("f", "2f32")],
        &expect![[r#"
            // Parameters
            let a = 3000000000_i64;
            let b = 1e-3;
            let c = "say \"hi\"\n";
            let d = 'x';
            let e = -7;
            let f = 2f32;
            unknown: a, b, c, d, e, f"#]],
    );
    // What begins as a number, and is none.
    check(
        None,
        &[("a", "12ab"), ("b", "3u"), ("c", "1.5x"), ("d", "1e5u8"), ("e", "0b1f32"), ("f", "1-2")],
        &expect![[r#"
            // Parameters
            let a = "12ab";
            let b = "3u";
            let c = "1.5x";
            let d = "1e5u8";
            let e = "0b1f32";
            let f = "1-2";
            unknown: a, b, c, d, e, f"#]],
    );
}

#[test]
fn numbers_are_within_the_type_that_they_name() {
    check(
        None,
        &[("f", "-1_000u64")],
        &expect!["parameter f: expected a u64, found -1_000u64; a u64 is from 0 to 18446744073709551615"],
    );
    check(None, &[("f", "300u8")], &expect!["parameter f: expected a u8, found 300u8; a u8 is from 0 to 255"]);
    check(
        None,
        &[("f", "340282366920938463463374607431768211455")],
        &expect![[r#"
        // Parameters
        let f = 340282366920938463463374607431768211455_u128;
        unknown: f"#]],
    );
    check(
        None,
        &[("f", "340282366920938463463374607431768211456")],
        &expect![
            "parameter f: expected an integer that a type of Rust holds, found 340282366920938463463374607431768211456; the largest is 340282366920938463463374607431768211455, a u128"
        ],
    );
    check(
        None,
        &[("f", "1e39f32")],
        &expect!["parameter f: expected an f32, found 1e39f32; an f32 is from -3.4028235e38 to 3.4028235e38"],
    );
}

#[test]
fn types_are_those_that_the_cell_declares() {
    let cell = r#"
        // What to run.
        let model = "all-MiniLM-L6-v2";
        let mut text: String = "a".into();
        let owned = String::from("a");
        let repeat: usize = 3; let rate: f64 = 0.5;
        let guess = 0.5;
    "#;
    check(
        Some(cell),
        &[("model", "12"), ("text", "b"), ("owned", "c"), ("repeat", "5"), ("rate", "2"), ("guess", "1")],
        &expect![[r#"
            // Parameters
            let guess = 1.0;
            let model = "12";
            let owned = "c".to_owned();
            let rate: f64 = 2.0;
            let repeat: usize = 5;
            let mut text: String = "b".to_owned();"#]],
    );
    check(
        Some(cell),
        &[("repeat", "many")],
        &expect![[r#"parameter repeat: expected a usize, found "many"; a usize is from 0 to 18446744073709551615"#]],
    );
    check(
        Some(cell),
        &[("repeat", "1.5")],
        &expect!["parameter repeat: expected a usize, found 1.5; a usize is from 0 to 18446744073709551615"],
    );
    check(
        Some("let on: bool = true;"),
        &[("on", "1")],
        &expect!["parameter on: expected a bool, found 1; a bool is true or false"],
    );
}

#[test]
#[allow(clippy::cast_lossless, clippy::cast_sign_loss, reason = "one macro for every type")]
fn integers_are_within_the_range_of_their_type() {
    macro_rules! check {
        ($($type:ident)*) => {$(
            let name = stringify!($type);
            let declarations = [
                (format!("let n: {name} = 3;"), format!("let n: {name} = "), ""),
                (format!("let mut n: {name} = 3;"), format!("let mut n: {name} = "), ""),
                (format!("let n: std::primitive::{name} = 3;"), format!("let n: std::primitive::{name} = "), ""),
                (format!("let n = 3{name};"), "let n = ".to_owned(), name),
                (format!("let n = 0x3_{name};"), "let n = ".to_owned(), name),
            ];
            let (low, high) = ($type::MIN.to_string(), $type::MAX.to_string());
            for (declaration, start, suffix) in declarations {
                for value in [low.as_str(), high.as_str(), "7"] {
                    assert_eq!(with(&declaration, value), format!("{start}{value}{suffix};"), "{declaration}");
                }
                // In hexadecimal, with the type's own suffix.
                let hex = format!("{:#x}", $type::MAX);
                assert_eq!(with(&declaration, &format!("{hex}_{name}")), format!("{start}{hex}_{suffix};"));
                // One too many on both sides.
                let above = ($type::MAX as u128).checked_add(1).map_or(format!("{high}0"), |above| above.to_string());
                let below = ($type::MIN as i128).checked_sub(1).map_or(format!("{low}0"), |below| below.to_string());
                for value in [above, format!("{high}0"), below, "abc".to_owned(), "2.5".to_owned(), "true".to_owned()] {
                    let problem = with(&declaration, &value);
                    assert!(problem.starts_with("parameter n: expected "), "{declaration} {value}: {problem}");
                    assert!(problem.contains(&value) && problem.contains(name), "{problem}");
                    assert!(problem.ends_with(&format!("{name} is from {low} to {high}")), "{problem}");
                }
            }
        )*};
    }
    check!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);
    // A zero below zero is none for the compiler; another type's number is another value.
    assert_eq!(with("let n: u8 = 3;", "-0"), "let n: u8 = 0;");
    assert_eq!(with("let n: u8 = 3;", "4u16"), "parameter n: expected a u8, found 4u16; a u8 is from 0 to 255");
}

#[test]
fn each_kind_takes_its_values_alone() {
    let rows = [
        ("let n: bool = true;", "false"),
        ("let n: bool = true;", "0"),
        ("let n = true;", "yes"),
        ("let n: f32 = 1.0;", "3"),
        ("let n: f32 = 1.0;", "1e39"),
        ("let n: f64 = 1.0;", "-2.5e-3"),
        ("let n: f64 = 1.0;", "1e309"),
        ("let n: f64 = 1.0;", "2.5f32"),
        ("let n = 1f32;", "2"),
        ("let n = 1f32;", "2."),
        ("let n = 1.5;", "x"),
        ("let n = 3;", "abc"),
        ("let n = 3;", "2.5"),
        ("let n = 3;", "5000000000"),
        ("let n: char = 'a';", "b"),
        ("let n: char = 'a';", "'\\n'"),
        ("let n = 'a';", "7"),
        ("let n: char = 'a';", "word"),
        ("let n: &'static str = \"a\";", "3000000000"),
        ("let n: &str = \"a\";", "3_u8"),
        ("let n: String = String::new();", "true"),
        ("let n: std::string::String = String::new();", "x"),
        ("let n: Option<u8> = None;", "200"),
        ("let n: Option<u8> = None;", "300"),
        ("let n: Option<String> = None;", "x"),
        ("let n: Option<&str> = Some(\"x\");", "None"),
        ("let n: Vec<u8> = vec![1];", "3"),
        ("let n = vec![1];", "[1, 2]"),
        ("let n: (u8, u8) = (1, 2);", "3"),
        ("let n: [u8; 2] = [1, 2];", "3"),
        ("let n: &[u8] = &[1, 2];", "3"),
        ("let n: Platform = Wasm;", "WebGpu"),
        ("let n: std::ffi::c_int = 3;", "4"),
        ("let n: Own = 3;", "4"),
        ("let n: _ = 3u8;", "300"),
        ("let n = if true { 1 } else { 2 };", "x"),
    ];
    let lines =
        rows.map(|(declaration, value)| format!("{declaration:<45} {value:<10} {}\n", with(declaration, value)));
    expect![[r#"
        let n: bool = true;                           false      let n: bool = false;
        let n: bool = true;                           0          parameter n: expected a bool, found 0; a bool is true or false
        let n = true;                                 yes        parameter n: expected a bool, found "yes"; a bool is true or false
        let n: f32 = 1.0;                             3          let n: f32 = 3.0;
        let n: f32 = 1.0;                             1e39       parameter n: expected an f32, found 1e39; an f32 is from -3.4028235e38 to 3.4028235e38
        let n: f64 = 1.0;                             -2.5e-3    let n: f64 = -2.5e-3;
        let n: f64 = 1.0;                             1e309      parameter n: expected an f64, found 1e309; an f64 is from -1.7976931348623157e308 to 1.7976931348623157e308
        let n: f64 = 1.0;                             2.5f32     parameter n: expected an f64, found 2.5f32; an f64 is from -1.7976931348623157e308 to 1.7976931348623157e308
        let n = 1f32;                                 2          let n = 2.0f32;
        let n = 1f32;                                 2.         let n = 2.0f32;
        let n = 1.5;                                  x          parameter n: expected a floating-point number, found "x"
        let n = 3;                                    abc        parameter n: expected an integer, found "abc"
        let n = 3;                                    2.5        parameter n: expected an integer, found 2.5
        let n = 3;                                    5000000000 let n = 5000000000_i64;
        let n: char = 'a';                            b          let n: char = 'b';
        let n: char = 'a';                            '\n'       let n: char = '\n';
        let n = 'a';                                  7          let n = '7';
        let n: char = 'a';                            word       parameter n: expected a char, found "word"; a char is one character
        let n: &'static str = "a";                    3000000000 let n: &'static str = "3000000000";
        let n: &str = "a";                            3_u8       let n: &str = "3_u8";
        let n: String = String::new();                true       let n: String = "true".to_owned();
        let n: std::string::String = String::new();   x          let n: std::string::String = "x".to_owned();
        let n: Option<u8> = None;                     200        let n: Option<u8> = Some(200);
        let n: Option<u8> = None;                     300        parameter n: expected an Option<u8>, found 300; a u8 is from 0 to 255
        let n: Option<String> = None;                 x          let n: Option<String> = Some("x".to_owned());
        let n: Option<&str> = Some("x");              None       let n: Option<&str> = None;
        let n: Vec<u8> = vec![1];                     3          parameter n: expected a Vec<u8>, found 3; a parameter can be a bool, a number, a char or a text
        let n = vec![1];                              [1, 2]     parameter n: expected a value like its default, found "[1, 2]"; a parameter can be a bool, a number, a char or a text
        let n: (u8, u8) = (1, 2);                     3          parameter n: expected a (u8, u8), found 3; a parameter can be a bool, a number, a char or a text
        let n: [u8; 2] = [1, 2];                      3          parameter n: expected a [u8; 2], found 3; a parameter can be a bool, a number, a char or a text
        let n: &[u8] = &[1, 2];                       3          parameter n: expected a &[u8], found 3; a parameter can be a bool, a number, a char or a text
        let n: Platform = Wasm;                       WebGpu     parameter n: expected a Platform, found "WebGpu"; a parameter can be a bool, a number, a char or a text
        let n: std::ffi::c_int = 3;                   4          let n: std::ffi::c_int = 4;
        let n: Own = 3;                               4          let n: Own = 4;
        let n: _ = 3u8;                               300        parameter n: expected a u8, found 300; a u8 is from 0 to 255
        let n = if true { 1 } else { 2 };             x          let n = "x";
    "#]].assert_eq(&lines.concat());
}

#[test]
fn a_raw_name_is_the_name() {
    check(
        Some("let r#type = \"a\"; let r#n = 1;"),
        &[("r#type", "b"), ("n", "2")],
        &expect![[r#"
        // Parameters
        let r#n = 2;
        let r#type = "b";"#]],
    );
}

#[test]
fn a_file_of_parameters_is_checked_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.json");
    let problem = |text: &str| {
        std::fs::write(&path, text).unwrap();
        read(&path).unwrap_err().to_string().replace(&path.display().to_string(), "p.json")
    };
    assert_eq!(problem(r#"{"fn": 3}"#), "p.json: `fn` is a keyword of Rust, so it cannot be the name of a variable");
    assert_eq!(problem(r#"{"n": [1]}"#), "parameter n: expected a truth value, a number or a text, found [1]");
    assert!(problem("{").contains("p.json is not a JSON object of parameters: EOF"));
}
