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
        pelago::begin!(7);fn f() {}
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
        fn h() { g()?; }
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
