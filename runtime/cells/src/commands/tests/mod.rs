//! Commands in a real session that finds no browser, and the page about them.

mod completion;
mod help;
pub(crate) mod lab;

use expect_test::{Expect, expect, expect_file};
use polars::prelude::DataFrame;

use self::lab::{Lab, fixture};
use super::{Entry, TABLE, inspect, parser, reference};
use pelago_render::Shown;

fn text(shown: &[Shown]) -> &str {
    match shown {
        [Shown::Text(text)] => text,
        other => panic!("one text is due, not {other:?}"),
    }
}

fn table(shown: &Shown) -> &DataFrame {
    match shown {
        Shown::Table(table) => &table.frame,
        other => panic!("a table is due, not {other:?}"),
    }
}

#[test]
fn every_command_is_well_formed() {
    for command in TABLE {
        parser(*command).debug_assert();
        assert!(command.name().chars().all(|c| c.is_ascii_lowercase()));
        for example in Entry::examples(*command) {
            let (name, _) = super::parse::name(&example[1..]);
            assert_eq!(name, command.name(), "{example}");
            let (_, rest) = super::parse::name(&example[1..]);
            super::parse::arguments(*command, rest).unwrap_or_else(|error| panic!("{example}: {error}"));
        }
    }
}

#[test]
fn words_are_split_as_a_shell_does() {
    let texts = |rest: &str| {
        let command = super::parse::find("accelerate").unwrap();
        match super::parse::arguments(command, rest).unwrap() {
            super::Parsed::Arguments(found) => found.get_many("input").unwrap().cloned().collect::<Vec<String>>(),
            super::Parsed::Help(help) => panic!("{help}"),
        }
    };
    assert_eq!(texts("m one two"), ["one", "two"]);
    assert_eq!(texts(r#"m "one two" 'it"s' a\ b é"#), ["one two", "it\"s", "a b", "é"]);
    assert_eq!(texts("m \\\n  one \\\r\n\ttwo \\\n --platform wasm"), ["one", "two"]);
    assert_eq!(texts("m \"one \\\ntwo\""), ["one two"]);
    assert_eq!(texts("m -- --not-an-option"), ["--not-an-option"]);
}

#[test]
fn the_page_is_that_of_the_commands() {
    expect_file!["../../../../../docs/commands.md"].assert_eq(&reference::page());
}

#[tokio::test]
async fn what_is_wrong_is_told_with_what_to_do() {
    let mut lab = Lab::open().await;
    let mut check = async |line: &str, expected: Expect| {
        let error = lab.run(line).await.unwrap_err().in_cell(line, 3);
        expected.assert_eq(&format!("{}\n{error}\n", error.name));
    };
    check(
        "",
        expect![[r#"
        CommandError
        line 3: :
        CommandError: the name of a command is due after the colon
          → :help lists all commands
    "#]],
    )
    .await;
    check(
        "accelrate m t",
        expect![[r#"
        CommandError
        line 3: :accelrate m t
        CommandError: there is no command :accelrate
          → did you mean :accelerate? :help lists all
    "#]],
    )
    .await;
    check(
        "zzz",
        expect![[r#"
        CommandError
        line 3: :zzz
        CommandError: there is no command :zzz
          → :help lists all commands
    "#]],
    )
    .await;
    check(
        "accelerate",
        expect![[r#"
        CommandError
        line 3: :accelerate
        CommandError: :accelerate lacks <MODEL> <INPUT>...
          → write :accelerate <MODEL> <INPUT>...
    "#]],
    )
    .await;
    check(
        "accelerate m",
        expect![[r#"
        CommandError
        line 3: :accelerate m
        CommandError: :accelerate lacks <INPUT>...
          → write :accelerate <MODEL> <INPUT>...
    "#]],
    )
    .await;
    check(
        "accelerate m \"open",
        expect![[r#"
        CommandError
        line 3: :accelerate m "open
        CommandError: a quote in the line of :accelerate is not closed
          → close it, or write \ before a quote that is part of the text; a line that ends in \ goes on in the next
    "#]],
    )
    .await;
    check(
        "accelerate m t --platform cuda",
        expect![[r#"
        CommandError
        line 3: :accelerate m t --platform cuda
        CommandError: "cuda" cannot be the value of --platform <PLATFORM> of :accelerate
          → use one of auto, webgpu, webnn, wasm
    "#]],
    )
    .await;
    check(
        "accelerate m t --platform webgp",
        expect![[r#"
        CommandError
        line 3: :accelerate m t --platform webgp
        CommandError: "webgp" cannot be the value of --platform <PLATFORM> of :accelerate
          → did you mean webgpu? use one of auto, webgpu, webnn, wasm
    "#]],
    )
    .await;
    check(
        "accelerate m t --platform",
        expect![[r#"
        CommandError
        line 3: :accelerate m t --platform
        CommandError: --platform <PLATFORM> of :accelerate has no value
          → use one of auto, webgpu, webnn, wasm
    "#]],
    )
    .await;
    check(
        "accelerate m t --precision 7",
        expect![[r#"
            CommandError
            line 3: :accelerate m t --precision 7
            CommandError: "7" cannot be the value of --precision <BITS> of :accelerate: 7 is not a precision: use one of auto, 2, 4, 8, 16, 32
              → :help accelerate tells what it takes
        "#]],
    )
    .await;
    check(
        "accelerate m t --platfrom wasm",
        expect![[r#"
        CommandError
        line 3: :accelerate m t --platfrom wasm
        CommandError: "--platfrom" is not an argument of :accelerate
          → did you mean --platform?
    "#]],
    )
    .await;
    check(
        "accelerate m t --repeat 0",
        expect![[r#"
        CommandError
        line 3: :accelerate m t --repeat 0
        CommandError: "0" cannot be the value of --repeat <N> of :accelerate: write a whole number from 1 to 100000
          → :help accelerate tells what it takes
    "#]],
    )
    .await;
    check(
        "accelerate m t --every-route --platform wasm",
        expect![[r#"
        CommandError
        line 3: :accelerate m t --every-route --platform wasm
        CommandError: --every-route of :accelerate cannot be used with --platform <PLATFORM>
          → leave one of them out
    "#]],
    )
    .await;
    check(
        "accelerate m t --repeat 1 --repeat 2",
        expect![[r#"
        CommandError
        line 3: :accelerate m t --repeat 1 --repeat 2
        CommandError: --repeat <N> of :accelerate cannot be used more than once
          → write it once
    "#]],
    )
    .await;
    check(
        "accelerate nobody t",
        expect![[r#"
            SessionError
            line 3: :accelerate nobody t
            SessionError: no model is called "nobody"
              → `:models` shows all, `:model add` with a folder adds one
        "#]],
    )
    .await;
    check(
        "history now",
        expect![[r#"
        CommandError
        line 3: :history now
        CommandError: "now" is not an argument of :history
          → write :history [OPTIONS]
    "#]],
    )
    .await;
    check(
        "history --limit many",
        expect![[r#"
        CommandError
        line 3: :history --limit many
        CommandError: "many" cannot be the value of --limit <N> of :history: write a whole number from 1 to 4294967295
          → :help history tells what it takes
    "#]],
    )
    .await;
    check(
        "sql",
        expect![[r#"
        CommandError
        line 3: :sql
        CommandError: :sql lacks <QUERY>
          → write :sql <QUERY>
    "#]],
    )
    .await;
    check(
        "model",
        expect![[r#"
            CommandError
            line 3: :model
            CommandError: :model lacks add|get|refresh|list|show|stat|history|rollback|pin|unpin|verify|check|gc|export|import|remove
              → write :model <COMMAND>
        "#]],
    )
    .await;
    check(
        "model ad x",
        expect![[r#"
        CommandError
        line 3: :model ad x
        CommandError: "ad" is not an argument of :model
          → did you mean add?
    "#]],
    )
    .await;
    check(
        "model show",
        expect![[r#"
        CommandError
        line 3: :model show
        CommandError: :model show lacks <MODEL>
          → write :model show <MODEL>
    "#]],
    )
    .await;
    check(
        "model show nobody",
        expect![[r#"
            SessionError
            line 3: :model show nobody
            SessionError: no model is called "nobody"
              → `:models` shows all, `:model add` with a folder adds one
        "#]],
    )
    .await;
    check(
        "model add /nowhere/at/all",
        expect![[r#"
        SessionError
        line 3: :model add /nowhere/at/all
        SessionError: cannot read /nowhere/at/all: No such file or directory (os error 2); check the path, and that you may read it
    "#]],
    )
    .await;
    check(
        "help nothing",
        expect![[r#"
        CommandError
        line 3: :help nothing
        CommandError: there is no command :nothing
          → :help lists all commands
    "#]],
    )
    .await;
    check(
        "dep",
        expect![[r#"
        CommandError
        line 3: :dep
        CommandError: :dep lacks <SPEC>
          → write :dep <SPEC>
    "#]],
    )
    .await;
}

#[tokio::test]
async fn sql_takes_the_rest_of_the_line_as_it_stands() {
    let mut lab = Lab::open().await;
    for line in [
        "sql SELECT 'it''s' AS word, 1 AS n",
        "sql   SELECT 'it''s' AS word,\\\n  1 AS n -- one row",
        "sql -- a comment \\\nSELECT 'it''s' AS word, 1 AS n",
    ] {
        let shown = lab.run(line).await.unwrap();
        let frame = table(&shown[0]);
        assert_eq!((frame.height(), frame.width()), (1, 2), "{line}");
        assert_eq!(frame.column("word").unwrap().str().unwrap().get(0), Some("it's"), "{line}");
    }
    let refused = lab.run("sql DROP TABLE runs").await.unwrap_err();
    assert!(matches!(refused, super::CommandError::Session(_)), "{refused:?}");
}

#[tokio::test]
async fn history_is_a_table_of_runs() {
    let mut lab = Lab::open().await;
    let shown = lab.run("history --limit 3").await.unwrap();
    let columns = table(&shown[0]).get_column_names().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(
        ["model_name", "browser", "processing_time"].iter().all(|name| columns.iter().any(|column| column == name))
    );
    assert_eq!(table(&shown[0]).height(), 0);
}

#[tokio::test]
async fn a_model_comes_and_goes() {
    let mut lab = Lab::open().await;
    let folder = fixture("models/bert");
    let shown = lab.run(&format!("model add '{}' --name tiny", folder.display())).await.unwrap();
    let [Shown::Text(text), files] = shown.as_slice() else { panic!("{shown:?}") };
    assert!(text.starts_with("name    tiny\ncid     bafy") && text.contains("\nfamily  text_embedding ("), "{text}");
    let paths = table(files).column("path").unwrap().str().unwrap();
    assert!(paths.iter().any(|path| path == Some("model.safetensors")));
    // The front end heard of it on the way.
    let first = lab.steps.first();
    assert!(matches!(first, Some(pelago_protocol::Step::Adding { .. })), "{first:?}");

    let models = lab.run("models").await.unwrap();
    assert_eq!(table(&models[0]).column("name").unwrap().str().unwrap().get(0), Some("tiny"));
    assert_eq!(lab.run("model show tiny").await.unwrap().len(), 2);
    assert_eq!(self::text(&lab.run("model remove tiny").await.unwrap()), "removed tiny");
    let none = lab.run("models").await.unwrap();
    assert_eq!(self::text(&none), "no models yet: `model add FOLDER` adds one");
}

#[tokio::test]
async fn a_machine_without_browsers_is_told_so() {
    let mut lab = Lab::open().await;
    assert_eq!(table(&lab.run("browsers").await.unwrap()[0]).height(), 0);
    let error = lab.run("capabilities").await.unwrap_err();
    assert!(error.help().contains("doctor"), "{error}");
    let (outcome, doctor) = lab.outcome("doctor").await.unwrap();
    assert_eq!(outcome, super::Outcome::Bad);
    assert!(text(&doctor).contains("  - no browser opens"), "{doctor:?}");
}

#[tokio::test]
async fn variables_are_a_table() {
    let mut lab = Lab::open().await;
    let shown = lab.run("vars").await.unwrap();
    assert_eq!(table(&shown[0]).get_column_names(), ["name", "type"]);
}
