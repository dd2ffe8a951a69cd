//! Ordinary Rust in cells: what users write anywhere else works here, and what is
//! wrong is told in their own words. One notebook holds what belongs together, so
//! the evaluator starts once for each.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

use pelago_tests::notebook::{Outputs, run};

/// A failure's name and its traceback.
fn failure(outputs: &Outputs) -> (String, String) {
    outputs.failure().unwrap_or_else(|| panic!("no error among {outputs:?}"))
}

#[track_caller]
fn refused(outputs: &Outputs, wanted: &[&str]) {
    let (name, trace) = failure(outputs);
    assert_eq!(name, "CompileError", "{trace}");
    for part in wanted {
        assert!(trace.contains(part), "{part:?} is not in {trace}");
    }
    for machinery in ["pelago", "evcxr", "lib.rs"] {
        assert!(!trace.contains(machinery), "{machinery} is in {trace}");
    }
}

#[test]
fn what_is_no_rust_is_refused_at_its_place() {
    let cells = [
        "let fn = { println!(\"side effect\"); 3 };\nprintln!(\"after\");",
        "let = { println!(\"side effect\"); 3 };",
        "let type = \"x\";",
        "let y 3",
        "{",
        "println!(\"a\"",
        "let v = vec![1,2",
        "42 43",
        "\"open",
        "let a = std::",
        "return;",
        "for i in 0..3 { if i > 1 { return; } }",
        "break;",
        "let n: u8 = 300;",
        "300u8",
        "let wrong: String = 5;",
        "5?;",
        "let c = |x: i32| x + 1;",
        "let unknown = Default::default();",
        "let ok = (1..4).map(|n| if n > 2 { return n } else { n * 10 }).sum::<i32>();\nok",
        "1 + 1",
    ];
    let found = run(&cells);
    refused(&found[0], &["1 | let fn ="]);
    assert!(found[0].text().is_empty(), "nothing of it ran: {:?}", found[0]);
    refused(&found[1], &["1 | let ="]);
    refused(&found[2], &["1 | let type"]);
    refused(&found[3], &["1 | let y 3"]);
    refused(&found[4], &["unclosed delimiter", "1 | {"]);
    refused(&found[5], &["unclosed delimiter", "1 | println!(\"a\""]);
    refused(&found[6], &["unclosed delimiter", "1 | let v = vec![1,2"]);
    refused(&found[7], &["1 | 42 43"]);
    refused(&found[8], &["unterminated double quote string", "1 | \"open"]);
    refused(&found[9], &["the end of the cell", "1 | let a = std::"]);
    refused(&found[10], &["`return` stands outside of a function", "1 | return;"]);
    refused(&found[11], &["`return` stands outside of a function"]);
    refused(&found[12], &["`break` stands outside of a loop"]);
    refused(&found[13], &["literal out of range for `u8`", "1 | let n: u8 = 300;"]);
    refused(&found[14], &["literal out of range for `u8`"]);
    refused(&found[15], &["error[E0308]", "1 | let wrong: String = 5;"]);
    refused(&found[16], &["`?` needs a `Result` or an `Option`", "1 | 5?;"]);
    refused(&found[17], &["`c` is a closure", "1 | let c = |x: i32| x + 1;", "box it"]);
    refused(&found[18], &["1 | let unknown"]);
    assert_eq!(found[19].value(), "33");
    assert_eq!(found[20].value(), "2");
}

#[test]
fn warnings_are_shown_once() {
    let cells = ["fn f() -> i32 { let unused = 1; 2 }\nf()", "f()", "vec![1].iter().map(|n| n + 1);"];
    let found = run(&cells);
    let told = found[0].stderr();
    assert!(told.contains("warning: unused variable: `unused`") && told.contains("1 | fn f()"), "{told}");
    assert_eq!((found[0].value().as_str(), found[1].value().as_str()), ("2", "2"));
    assert_eq!(found[1].stderr(), "");
    assert!(found[2].stderr().contains("Map` that must be used"), "{:?}", found[2]);
}

#[test]
fn a_static_is_one_in_all_cells() {
    let cells = [
        "use std::sync::atomic::{AtomicU32, Ordering::SeqCst};\nuse std::sync::{LazyLock, Mutex, OnceLock};\n\
         static N: AtomicU32 = AtomicU32::new(0);\nstatic NAME: &str = \"n\";\n\
         static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());\nstatic ONCE: OnceLock<u32> = OnceLock::new();\n\
         static LAZY: LazyLock<Vec<u32>> = LazyLock::new(|| { println!(\"made\"); vec![1, 2] });\n\
         static mut RAW: u32 = 0;\n\
         thread_local! { static LOCAL: std::cell::Cell<u32> = const { std::cell::Cell::new(5) }; }\n\
         fn bump() -> u32 { static INNER: AtomicU32 = AtomicU32::new(10); INNER.fetch_add(1, SeqCst); N.fetch_add(1, SeqCst) + 1 }",
        "bump()",
        "bump()",
        "SEEN.lock()?.push(NAME.to_owned()); ONCE.set(7).ok(); LOCAL.set(LOCAL.get() + 1); unsafe { RAW += 1 }; LAZY.len()",
        "(N.load(SeqCst), SEEN.lock()?.len(), ONCE.get().copied(), LOCAL.get(), unsafe { RAW }, LAZY.len())",
        "fn inner() -> u32 { bump(); N.load(SeqCst) }\ninner()",
        "static N: AtomicU32 = AtomicU32::new(100);",
        "bump()",
        "mod deep { pub static D: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(1); }\ndeep::D.fetch_add(1, SeqCst)",
        "deep::D.load(SeqCst)",
        "let r: &'static AtomicU32 = &N;\nr.load(SeqCst)",
    ];
    let found = run(&cells);
    assert_eq!((found[1].value().as_str(), found[2].value().as_str()), ("1", "2"));
    assert_eq!((found[3].text().as_str(), found[3].value().as_str()), ("made\n", "2"));
    assert_eq!((found[4].text().as_str(), found[4].value().as_str()), ("", "(2, 1, Some(7), 6, 1, 2)"));
    assert_eq!(found[5].value(), "3");
    assert_eq!(found[7].value(), "101", "defined again, it begins again");
    assert_eq!((found[8].value().as_str(), found[9].value().as_str()), ("1", "2"));
    assert_eq!(found[10].value(), "101");
}

#[test]
fn items_of_macros_and_definitions_anew() {
    let cells = [
        "macro_rules! mk { ($i:ident) => { #[derive(Debug)] struct $i { v: i32 } impl $i { fn get(&self) -> i32 { self.v } } }; }",
        "mk!(Foo);",
        "Foo { v: 3 }.get()",
        "mk! { Bar }\nBar { v: 4 }.get()",
        "fn of(foo: &Foo) -> i32 { foo.get() + 1 }\nof(&Foo { v: 5 })",
        "mk!(Foo);\nFoo { v: 6 }.get()",
        "macro_rules! three { () => { 3 }; }\nthree!()",
        "struct Q;\ntrait T { fn t(&self) -> i32; }",
        "impl T for Q { fn t(&self) -> i32 { 1 } }",
        "impl T for Q { fn t(&self) -> i32 { 1 } }\nQ.t()",
        "impl T for Q { fn t(&self) -> i32 { 2 } }\nQ.t()",
        "impl Q { fn a(&self) -> i32 { 1 } fn b(&self) -> i32 { 10 } }\nQ.a() + Q.b()",
        "impl Q { fn a(&self) -> i32 { 2 } }\nQ.a() + Q.b()",
        "struct Q { n: i32 }\nimpl Q { fn a(&self) -> i32 { self.n } }\nimpl T for Q { fn t(&self) -> i32 { self.n } }\nQ { n: 7 }.a()",
        "impl Twice for Q {}\nimpl Twice for Q {}\ntrait Twice {}",
    ];
    let found = run(&cells);
    assert_eq!(found[2].value(), "3");
    assert_eq!(found[3].value(), "4");
    assert_eq!(found[4].value(), "6");
    assert_eq!(found[5].value(), "6");
    assert_eq!(found[6].value(), "3");
    assert_eq!(found[9].value(), "1");
    assert_eq!(found[10].value(), "2");
    assert_eq!(found[11].value(), "11");
    assert_eq!(found[12].value(), "12");
    refused(&found[14], &["E0119"]);
}

#[test]
fn variables_are_kept_moved_and_assigned_again() {
    let cells = [
        "let o = std::sync::Arc::new(std::sync::Mutex::new(Vec::<Box<dyn std::error::Error + Send + Sync>>::new()));",
        "o.lock()?.push(\"e\".into());\no.lock()?.len()",
        "let r = std::panic::catch_unwind(|| 1);\nr.is_ok()",
        "let mut s1 = String::from(\"a\");",
        "let t1 = s1;\nt1",
        "s1",
        "s1 = String::from(\"b\");\ns1",
        "s1.push('c');\ns1",
        "let w: Vec<&str> = vec![\"x\"];",
        "let f = |x: i32| x + w.len() as i32;",
        "let arr = [1, 2, 3];\nlet part = &arr[1..];",
        "let (mut a, b) = (1, 2.5);\na += 1;",
        "(a, b)",
        "async fn three() -> i32 { 3 }",
        "three().await",
        "let n = three().await + 1;\nn",
        "println!(\"{}\", three().await);",
        "async { Ok::<i32, std::io::Error>(1) }.await?",
        "let found = async { Err::<i32, _>(std::io::Error::other(\"gone\")) }.await?;",
        "n",
    ];
    let found = run(&cells);
    assert_eq!(found[1].value(), "1");
    assert_eq!(found[2].value(), "true");
    assert_eq!(found[4].value(), "a");
    refused(&found[5], &["cannot find value `s1`", "moved away"]);
    assert_eq!(found[6].value(), "b");
    assert_eq!(found[7].value(), "bc");
    refused(&found[9], &["the variable `f` is a closure", "1 | let f = "]);
    refused(&found[10], &["`part`", "2 | let part"]);
    assert_eq!(found[12].value(), "(2, 2.5)");
    assert_eq!(found[14].value(), "3");
    assert_eq!(found[15].value(), "4");
    assert_eq!(found[16].text(), "3\n");
    assert_eq!(found[17].value(), "1");
    let (name, trace) = failure(&found[18]);
    assert!(name == "Error" && trace.contains("gone") && trace.contains("1 | let found"), "{name}: {trace}");
    assert_eq!(found[19].value(), "4");
}

#[test]
fn the_panic_that_ended_the_cell_is_told() {
    let cells = [
        "let b = std::panic::catch_unwind(|| { panic!(\"caught two\") }).is_err();\nprintln!(\"{b}\");\npanic!(\"real one\");",
        "let _ = std::panic::catch_unwind(|| panic!(\"caught\"));\nlet n: i32 = \"x\".parse()?;",
        "std::panic::set_hook(Box::new(|_| {}));\n\npanic!(\"with a hook\");",
        "panic!(\"after the hook\");",
        "1;\nstd::panic::resume_unwind(Box::new(\"resumed\"));",
        "let _ = std::panic::take_hook();\nlet v: Vec<i32> = vec![];\nv[1]",
        "let a = vec![\"a\".parse::<i32>()?; 3];",
        "let t = std::thread::Builder::new().name(\"mine\".into()).spawn(|| {\n  panic!(\"in a thread\")\n})?;\nlet _ = t.join();",
        "let x = dbg!(1 + 1);\nx",
        "1 + 1",
    ];
    let found = run(&cells);
    let traces = [
        ("Panic", "real one", "3 | panic!(\"real one\");"),
        ("ParseIntError", "invalid digit", "2 | let n: i32"),
        ("Panic", "with a hook", "3 | panic!"),
        ("Panic", "after the hook", "1 | panic!"),
        ("Panic", "resumed", "2 | std::panic::resume_unwind"),
        ("Panic", "index out of bounds", "3 | v[1]"),
        ("ParseIntError", "invalid digit", "1 | let a = vec!"),
    ];
    for (outputs, (name, message, line)) in found.iter().zip(traces) {
        let (found, trace) = failure(outputs);
        assert_eq!(found, name, "{trace}");
        assert!(trace.contains(message) && trace.contains(line), "{message}, {line}: {trace}");
    }
    let told = found[7].stderr();
    assert!(told.contains("thread 'mine' panicked at cell [8]:2:") && told.contains("in a thread"), "{told}");
    let told = found[8].stderr();
    assert!(told.contains("[cell [9]:1:") && told.contains("1 + 1 = 2"), "{told}");
    assert_eq!(found[9].value(), "2");
}

#[test]
fn streams_are_the_users() {
    let cells = [
        "println!(\"1\"); eprintln!(\"2\"); println!(\"3\"); eprint!(\"4\"); print!(\"5\"); display(6); eprintln!(\"7\");\n8",
        "unsafe extern \"C\" { fn puts(s: *const std::ffi::c_char) -> i32; }\nprintln!(\"before\");\nunsafe { puts(c\"from C\".as_ptr()); }\nprintln!(\"after\");",
        "let mut line = String::new();\nstd::io::stdin().read_line(&mut line)?",
        "std::process::Command::new(\"cat\").status()?.success()",
        "std::process::Command::new(\"echo\").arg(\"from a child\").status()?;",
        "let t = std::thread::spawn(|| { std::thread::sleep(std::time::Duration::from_millis(300)); print!(\"x\\n.\"); });",
        "t.join().ok();\n\"next\"",
        "println!(\"EVCXR_EXECUTION_COMPLETE\");\nprintln!(\"EVCXR_PANIC_NOTIFICATION\");\nlet kept = 1;",
        "kept",
    ];
    let found = run(&cells);
    // In a file each stream is one output until something else is shown; `kernel.rs` has the order of all.
    assert_eq!(found[0].in_order(), "1\n3\n5|2\n4|6|7\n|8");
    assert_eq!(found[1].text(), "before\nfrom C\nafter\n");
    assert_eq!(found[2].value(), "0");
    assert_eq!(found[3].value(), "true");
    assert_eq!(found[4].text(), "from a child\n");
    assert_eq!(found[5].text() + &found[6].text(), "x\n.", "the thread's output is there");
    assert_eq!(found[6].value(), "next");
    assert_eq!(found[7].text(), "EVCXR_EXECUTION_COMPLETE\nEVCXR_PANIC_NOTIFICATION\n");
    assert_eq!(found[8].value(), "1");
}

/// What docs/cells.md lists: each is used, and its value is known by arithmetic.
#[test]
fn polars_has_what_its_users_expect() {
    let head = "let frame = df!(\"name\" => [\"ann\", \"bob\", \"cid\", \"dan\"], \"team\" => [\"x\", \"y\", \"x\", \"y\"], \"n\" => [3, 1, 4, 1])?;\n\
        fn texts(frame: LazyFrame) -> PolarsResult<String> {\n    let frame = frame.collect()?;\n    let column = frame.columns()[0].as_materialized_series().clone();\n    \
        Ok(column.iter().map(|value| value.str_value().into_owned()).collect::<Vec<_>>().join(\" \"))\n}";
    // The expression of a column of `frame`, and its values.
    let columns = [
        ("col(\"name\").str().to_uppercase()", "ANN BOB CID DAN"),
        ("col(\"name\").str().replace(lit(\"[ab]\"), lit(\"_\"), false)", "_nn _ob cid d_n"),
        (
            "col(\"n\").filter(col(\"name\").is_in(lit(Series::new(\"\".into(), [\"ann\", \"dan\"])).implode(false), false))",
            "3 1",
        ),
        ("(col(\"n\") / lit(7.0)).round(2, RoundMode::HalfToEven)", "0.43 0.14 0.57 0.14"),
        ("col(\"n\").cast(DataType::Decimal(10, 2)) + lit(1).cast(DataType::Decimal(10, 2))", "4.00 2.00 5.00 2.00"),
        ("col(\"n\").rank(RankOptions { method: RankMethod::Dense, descending: false }, None)", "2 1 3 1"),
        ("col(\"n\").cum_sum(false)", "3 4 8 9"),
        (
            "col(\"n\").rolling_mean(RollingOptionsFixedWindow { window_size: 2, min_periods: 2, ..Default::default() })",
            "null 2.0 2.5 2.5",
        ),
        ("col(\"n\").diff(lit(1), Default::default())", "null -2 3 -3"),
        ("concat_str([col(\"name\"), col(\"team\")], \"-\", false)", "ann-x bob-y cid-x dan-y"),
        ("col(\"n\").sum().over([col(\"team\")])?", "7 2 7 2"),
        ("when(col(\"n\").gt(lit(2))).then(lit(\"big\")).otherwise(lit(\"small\"))", "big small big small"),
        ("col(\"n\").top_k(lit(2))", "4 3"),
        (
            "col(\"n\").log(lit(2.0)).exp().abs().is_between(lit(0.0), lit(10.0), ClosedInterval::Both)",
            "true true true true",
        ),
        ("col(\"n\").product()", "12"),
        ("col(\"n\").mode(false).sort(Default::default())", "1"),
        ("col(\"n\").is_unique()", "true false true false"),
        ("col(\"n\").pct_change(lit(1)).round(2, RoundMode::HalfToEven)", "null -0.67 3.0 -0.75"),
        ("coalesce(&[when(col(\"n\").gt(lit(2))).then(col(\"n\")).otherwise(lit(NULL)), lit(0)])", "3 0 4 0"),
        (
            "when(col(\"n\").gt(lit(3)).not()).then(col(\"n\").cast(DataType::Float64)).otherwise(lit(NULL)).interpolate(InterpolationMethod::Linear)",
            "3.0 1.0 1.0 1.0",
        ),
        ("int_range(lit(0), lit(4), 1, DataType::Int64)", "0 1 2 3"),
        ("lit(\"2026-03-01\").str().to_date(StrptimeOptions::default()).dt().month()", "3"),
        ("col(\"n\").sin().round(3, RoundMode::HalfToEven)", "0.141 0.841 -0.757 0.841"),
    ];
    // A cell of its own, and its value.
    let cells = [
        ("frame.describe()?.column(\"n\")?.f64()?.get(2)", "Some(2.25)"),
        (
            "texts(frame.clone().lazy().join(df!(\"team\" => [\"x\"], \"city\" => [\"Rome\"])?.lazy(), [col(\"team\")], [col(\"team\")], JoinArgs::new(JoinType::Left)).select([col(\"city\")]))?",
            "Rome null Rome null",
        ),
        (
            "texts(frame.clone().lazy().join(df!(\"team\" => [\"x\"])?.lazy(), [col(\"team\")], [col(\"team\")], JoinArgs::new(JoinType::Anti)).select([col(\"name\")]))?",
            "bob dan",
        ),
        (
            "texts(frame.clone().lazy().join(df!(\"team\" => [\"x\"])?.lazy(), [col(\"team\")], [col(\"team\")], JoinArgs::new(JoinType::Semi)).select([col(\"name\")]))?",
            "ann cid",
        ),
        ("frame.clone().lazy().cross_join(frame.clone().lazy(), None).collect()?.height()", "16"),
        (
            "frame.clone().lazy().pivot(by_name([\"team\"], true, false), std::sync::Arc::new(df!(\"team\" => [\"x\", \"y\"])?), by_name([\"name\"], true, false), by_name([\"n\"], true, false), element().sum(), true, \"_\".into(), polars::frame::PivotColumnNaming::Auto).collect()?.shape()",
            "(4, 3)",
        ),
        (
            "CsvWriter::new(std::fs::File::create(\"f.csv\")?).finish(&mut frame.clone())?;\ntexts(LazyCsvReader::new(\"f.csv\".into()).finish()?.select([col(\"n\").sum()]))?",
            "9",
        ),
        (
            "ParquetWriter::new(std::fs::File::create(\"f.parquet\")?).finish(&mut frame.clone())?;\ntexts(LazyFrame::scan_parquet(\"f.parquet\".into(), Default::default())?.select([col(\"n\").sum()]))?",
            "9",
        ),
        ("frame.column(\"team\")?.cast(&DataType::from_categories(Categories::global()))?.dtype().to_string()", "cat"),
        (
            "texts(frame.clone().lazy().group_by([col(\"team\")]).agg([col(\"n\").max()]).sort([\"team\"], Default::default()).select([col(\"n\")]))?",
            "4 1",
        ),
        ("frame.partition_by([\"team\"], true)?.len()", "2"),
        ("use polars::prelude::*;\nframe.select([\"team\"])?.to_dummies(None, false, false)?.shape()", "(4, 2)"),
        (
            "concat_lf_diagonal([df!(\"a\" => [1])?.lazy(), df!(\"b\" => [2])?.lazy()], Default::default())?.collect()?.shape()",
            "(2, 2)",
        ),
    ];
    let of_columns = columns.map(|(text, _)| format!("texts(frame.clone().lazy().select([{text}]))?"));
    let all = [head].into_iter().chain(of_columns.iter().map(String::as_str)).chain(cells.map(|(text, _)| text));
    let all = all.collect::<Vec<_>>();
    let found = run(&all);
    let expected = columns.iter().map(|(_, value)| *value).chain(cells.map(|(_, value)| value));
    let wrong = found.iter().zip(&all).skip(1).zip(expected).filter(|((outputs, _), value)| outputs.value() != *value);
    let wrong = wrong.map(|((outputs, cell), value)| {
        let found = outputs.failure().map_or_else(|| outputs.value(), |(_, trace)| trace);
        format!("{cell}\n  is {value}, found {found}")
    });
    let wrong = wrong.collect::<Vec<_>>();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
