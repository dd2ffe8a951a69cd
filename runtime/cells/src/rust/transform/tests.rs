//! What is written into cells.

use expect_test::{Expect, expect};

use super::*;

fn check(text: &str, expected: Expect) {
    expected.assert_eq(&transform(text, 7, 1, &Known::default(), false).code);
}

#[test]
fn the_last_expression_is_shown() {
    check(
        "let a = 1;\na + 1",
        expect![[r#"
        pelago::begin!(7);let a = 1;
        pelago::show!(a + 1);
        ;pelago::cell::end(7);"#]],
    );
    check(
        "a // why",
        expect![[r#"
        pelago::begin!(7);pelago::show!(a); // why
        ;pelago::cell::end(7);"#]],
    );
    check(
        "let a = 1;",
        expect![[r#"
        pelago::begin!(7);let a = 1;
        ;pelago::cell::end(7);"#]],
    );
    check(
        "fn f() {}",
        expect![[r#"
            pelago::begin!(7);fn f() {/*@item 7.1*/}
            pelago::cell::end(7);"#]],
    );
    check(
        "#![allow(x)]\n1",
        expect![[r#"
        #![allow(x)]pelago::begin!(7);
        pelago::show!(1);
        ;pelago::cell::end(7);"#]],
    );
    check(
        "",
        expect![[r#"
        pelago::begin!(7);
        ;pelago::cell::end(7);"#]],
    );
}

#[test]
fn a_question_mark_reports_its_line() {
    check(
        "let a = f()?;\nlet b = a.g()?.h(x?)?;",
        expect![[r#"
        pelago::begin!(7);let a = pelago::cell::attempt(f(), 1)?;
        let b = pelago::cell::attempt(pelago::cell::attempt(a.g(), 2)?.h(pelago::cell::attempt(x, 2)?), 2)?;
        ;pelago::cell::end(7);"#]],
    );
    check(
        "println!(\"{}\", f()?);",
        expect![[r#"
        pelago::begin!(7);println!("{}", pelago::cell::attempt(f(), 1)?);
        ;pelago::cell::end(7);"#]],
    );
    check(
        "let f = || g()?;\nfn h() { g()?; }\nasync { g()?; };",
        expect![[r#"
            pelago::begin!(7);let f = || g()?;
            fn h() { g()?; /*@item 7.1*/}
            async { g()?; };
            ;pelago::cell::end(7);"#]],
    );
    check(
        "f()?",
        expect![[r#"
        pelago::begin!(7);pelago::show!(pelago::cell::attempt(f(), 1)?);
        ;pelago::cell::end(7);"#]],
    );
}

#[test]
fn columns_are_the_users() {
    let text = "let a = f()?; bad";
    let transformed = transform(text, 7, 1, &Known::default(), false);
    let at = transformed.code.find("bad").unwrap();
    assert_eq!(transformed.column(text, 1, at + 1), text.find("bad").unwrap() + 1);
    assert_eq!(transformed.column(text, 1, 1), 1);
}

#[test]
fn a_cell_waits_for_futures_of_its_own_level() {
    check(
        "let a = f().await?;\nasync { g().await };",
        expect![[r#"
            pelago::begin!(7);let a = pelago::cell::attempt(pelago::cell::wait(f())/*.await*/, 1)?;
            async { g().await };
            ;pelago::cell::end(7);"#]],
    );
    check(
        "println!(\"{}\", f().await);\ntokio::join!(f(), g());",
        expect![[r#"
            pelago::begin!(7);println!("{}", pelago::cell::wait(f())/*.await*/);
            pelago::cell::wait(async {tokio::join!(f(), g())});
            ;pelago::cell::end(7);"#]],
    );
}

#[test]
fn items_have_marks_and_macros_that_make_items_are_items() {
    check(
        "macro_rules! mk { ($n:ident) => { struct $n; } }\nmk!(Foo);\nimpl Foo {}\nconst N: i32 = 1;",
        expect![[r#"
            pelago::begin!(7);macro_rules! mk { ($n:ident) => { struct $n; } /*@item 7.1*/}
            mod pelago_items_7_2{use super::*;mk!(Foo);/*@item 7.2*/}use pelago_items_7_2::*;
            impl Foo {/*@item 7.3*/}
            const N: i32 = 1/*@item 7.4*/;
            pelago::cell::end(7);"#]],
    );
    check(
        "thread_local! { static A: Cell<u32> = Cell::new(1); }\n1",
        expect![[r#"
            pelago::begin!(7);/*thread_local! {*/ static A: &'static ::std::thread::LocalKey<Cell<u32>> = {::std::thread_local!{static pelago_key:Cell<u32> =Cell::new(1)}&pelago_key}/*@item 7.1*/; /*}*/
            pelago::show!(1);
            ;pelago::cell::end(7);"#]],
    );
}

#[test]
fn what_macros_make_is_seen_in_their_rules() {
    let kind = |rules: &str| {
        let text = format!("macro_rules! m {{ {rules} }}");
        transform(&text, 7, 1, &Known::default(), false).defines[0].1
    };
    for items in [
        "($n:ident) => { struct $n; }",
        "($(#[$m:meta])* $v:vis $n:ident) => { $(#[$m])* $v struct $n; }",
        "() => { impl T for U {} };",
        "($($n:ident),*) => { $(pub fn $n() {})* }",
        "(@one) => { m!(@two); }; (@two) => { const N: i32 = 1; }",
    ] {
        assert_eq!(kind(items), MacroKind::Items, "{items}");
    }
    for statements in
        ["() => { 3 }", "($e:expr) => { println!(\"{}\", $e) }", "() => { let a = 1; }", "($e:expr) => { $e + 1 }"]
    {
        assert_eq!(kind(statements), MacroKind::Statements, "{statements}");
    }
}

#[test]
fn a_cell_is_no_function_and_no_loop() {
    let problems = |text: &str| {
        let found = transform(text, 7, 1, &Known::default(), false).problems;
        found.into_iter().map(|problem| problem.message).collect::<Vec<_>>()
    };
    assert_eq!(problems("return;"), ["`return` stands outside of a function"]);
    assert_eq!(problems("for i in 0..3 { break; }\nlet f: F = Box::new(|| return);"), Vec::<String>::new());
    assert_eq!(problems("if true { continue }"), ["`continue` stands outside of a loop"]);
    assert_eq!(problems("let f = |x| x;"), ["the variable `f` is a closure, and later cells cannot name its type"]);
}

#[test]
fn what_was_moved_away_is_declared_again() {
    let known = Known { moved: ["s".to_owned()].into(), ..Known::default() };
    let transformed = transform("s = String::new();", 7, 1, &known, false);
    assert_eq!(transformed.code, "pelago::begin!(7);let mut s = String::new();\n;pelago::cell::end(7);");
    assert_eq!(transformed.declares[0].0, "s");
}

#[test]
fn what_does_not_parse_is_seen() {
    for broken in ["let fn = 3;", "let y 3", "{", "}", "42 43"] {
        assert!(transform(broken, 7, 1, &Known::default(), false).is_broken, "{broken}");
    }
    assert!(!transform("let y = 3;\ny", 7, 1, &Known::default(), false).is_broken);
}

#[test]
fn the_last_statement_may_be_left_open() {
    check(
        "let more = 5",
        expect![[r#"
            pelago::begin!(7);let more = 5
            ;pelago::cell::end(7);"#]],
    );
    assert!(!transform("let more = 5", 7, 1, &Known::default(), false).is_broken);
}
