//! Templates as published models have them against `transformers`, and templates that mean harm.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::NaiveDate;
use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::*;
use crate::Files;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/chats")
}

fn now() -> NaiveDateTime {
    NaiveDate::from_ymd_opt(2025, 3, 9).unwrap().and_hms_micro_opt(14, 5, 7, 123_456).unwrap()
}

fn of(text: &str, tokens: &Json) -> ChatTemplate {
    let files = Files::from_iter([("chat_template.jinja".to_owned(), text.as_bytes().to_vec())]);
    let source = Source::find(&files, &Map::new()).unwrap().unwrap();
    let tokens = tokens.as_object().into_iter().flatten();
    ChatTemplate::new(
        source,
        tokens.map(|(name, token)| (name.clone(), Value::from(token.as_str().unwrap()))).collect(),
    )
}

fn question() -> Vec<ChatMessage> {
    vec![ChatMessage::new("user", "Hello")]
}

#[test]
fn conversations_are_those_of_the_python_package() {
    let expected: Json = serde_json::from_slice(&std::fs::read(folder().join("expected.json")).unwrap()).unwrap();
    let (mut right, mut wrong) = (0, Vec::new());
    for (name, expected_of) in expected["templates"].as_object().unwrap() {
        let text = std::fs::read_to_string(folder().join(format!("{name}.jinja"))).unwrap();
        let template = of(&text, &expected_of["special"]);
        for (case, expected_case) in expected_of["cases"].as_object().unwrap() {
            let messages: Vec<ChatMessage> = serde_json::from_value(expected["conversations"][case].clone()).unwrap();
            let found = match template.render(&messages, &Map::new(), now()) {
                Ok(text) => json!({"text": text}),
                Err(Error::TemplateRefused { message }) => json!({"refused": message}),
                Err(error) => json!({"error": error.to_string()}),
            };
            if found == *expected_case {
                right += 1;
            } else {
                wrong.push(format!("{name}, {case}:\n expected {expected_case}\n found    {found}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{right} are right\n{}", wrong.join("\n"));
    assert_eq!(right, 100);
}

fn failure(text: &str) -> String {
    let before = Instant::now();
    let error = of(text, &Json::Null).render(&question(), &Map::new(), now()).unwrap_err().to_string();
    assert!(before.elapsed() < Duration::from_secs(20), "{error} took {:?}", before.elapsed());
    error
}

fn check(text: &str, expected: Expect) {
    expected.assert_eq(&failure(text));
}

#[test]
fn templates_that_fail_say_what_is_wrong() {
    check(
        "{% if %}",
        expect![
            "chat_template.jinja: the chat template fails: syntax error: unexpected end of block (in chat_template.jinja:1). Check the roles and their order, give the model a text instead of messages, or correct the template"
        ],
    );
    check(
        "a\n{{ messages | nothing }}",
        expect![
            "chat_template.jinja: the chat template fails: unknown filter: filter nothing is unknown (in chat_template.jinja:2). Check the roles and their order, give the model a text instead of messages, or correct the template"
        ],
    );
    check(
        "{{ messages[0].content.nothing() }}",
        expect![
            "chat_template.jinja: the chat template fails: unknown method: string has no method named nothing (in chat_template.jinja:1). Check the roles and their order, give the model a text instead of messages, or correct the template"
        ],
    );
    check(
        "{{ nothing.at_all }}",
        expect![
            "chat_template.jinja: the chat template fails: undefined value (in chat_template.jinja:1). Check the roles and their order, give the model a text instead of messages, or correct the template"
        ],
    );
    check(
        "{{ 'a' + 1 }}",
        expect![
            "chat_template.jinja: the chat template fails: invalid operation: tried to use + operator on unsupported types string and number (in chat_template.jinja:1). Check the roles and their order, give the model a text instead of messages, or correct the template"
        ],
    );
    check(
        "{{ raise_exception('Only ' ~ messages | length ~ ' message') }}",
        expect!["the model's chat template does not take these messages: Only 1 message"],
    );
    check(
        "{{ strftime_now('%Y %Q') }}",
        expect![[
            r#"chat_template.jinja: the chat template fails: invalid operation: strftime_now cannot format "%Y %Q" (in chat_template.jinja:1). Check the roles and their order, give the model a text instead of messages, or correct the template"#
        ]],
    );
    check(
        "{{ strftime_now('%z') }}",
        expect![[
            r#"chat_template.jinja: the chat template fails: invalid operation: strftime_now has no time zone: "%z" (in chat_template.jinja:1). Check the roles and their order, give the model a text instead of messages, or correct the template"#
        ]],
    );
    check(
        "{% include 'other' %}",
        expect![
            "chat_template.jinja: the chat template fails: syntax error: unknown statement include (in chat_template.jinja:1). Check the roles and their order, give the model a text instead of messages, or correct the template"
        ],
    );
    check(
        "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
        expect![
            "chat_template.jinja: the chat template fails: invalid operation: recursion limit exceeded (in chat_template.jinja:1). Check the roles and their order, give the model a text instead of messages, or correct the template"
        ],
    );
}

#[test]
fn templates_that_mean_harm_are_stopped() {
    let endless = "chat_template.jinja: the chat template does not end";
    for text in [
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        "{% set ns = namespace(x='x') %}{% for a in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[1]) %}{% for a in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x | length }}",
        "{% for a in range(90000) %}{{ 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' * 1000 }}{% endfor %}",
    ] {
        let error = failure(text);
        assert!(error.starts_with(endless), "{text}: {error}");
    }
    for text in [
        "{{ 'x' * 1000000000000 }}".to_owned(),
        "{{ range(1000000000000) | list }}".to_owned(),
        "{% set ns = namespace(x=[]) %}{% for a in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}"
            .to_owned(),
        "{{ ".repeat(40_000),
        "{% if true %}".repeat(9_000),
        format!("{{{{ {}1{} }}}}", "(".repeat(60_000), ")".repeat(60_000)),
        format!("{{{{ {}1{} | tojson }}}}", "[".repeat(60_000), "]".repeat(60_000)),
        format!("{{{{ {}1 }}}}", "not ".repeat(32_000)),
        format!("{{{{ {}1 }}}}", "-".repeat(130_000)),
        format!("{{{{ 1{} }}}}", "+1".repeat(65_000)),
        format!("{{{{ 1{} }}}}", "~1".repeat(65_000)),
        format!("{{{{ messages{} }}}}", "[0]".repeat(43_000)),
        format!("{{{{ messages{} }}}}", "|list".repeat(26_000)),
        format!("{{% if 0 %}}{}{{% endif %}}", "{%elif 0%}".repeat(13_000)),
    ] {
        let before = Instant::now();
        let _ = of(&text, &Json::Null).render(&question(), &Map::new(), now());
        assert!(before.elapsed() < Duration::from_secs(20), "{}", &text[..40]);
    }
}

#[test]
fn long_templates_and_texts_are_refused() {
    check(
        &"x".repeat(10 << 20),
        expect!["chat_template.jinja: the chat template's template has 10485760 bytes, and at most 131072 are taken"],
    );
    check(
        "{% for a in range(17000) %}{{ 'x' * 1000 }}{% endfor %}",
        expect!["chat_template.jinja: the chat template's text has 17000000 bytes, and at most 16777216 are taken"],
    );
}

#[test]
fn a_template_is_found_where_models_have_it() {
    let file = |name: &str, bytes: &[u8]| (name.to_owned(), bytes.to_vec());
    let render = |files: Files, config: Json| {
        let source = Source::find(&files, config.as_object().unwrap())?;
        source.map(|source| ChatTemplate::new(source, Vec::new()).render(&question(), &Map::new(), now())).transpose()
    };
    let (jinja, json) =
        (file("chat_template.jinja", b"jinja"), file("chat_template.json", br#"{"chat_template": "json"}"#));
    let config = json!({"chat_template": "config"});
    let both = Files::from_iter([jinja, json.clone()]);
    assert_eq!(render(both, config.clone()).unwrap().as_deref(), Some("jinja"));
    assert_eq!(render(Files::from_iter([json.clone()]), config).unwrap().as_deref(), Some("config"));
    assert_eq!(render(Files::from_iter([json]), json!({})).unwrap().as_deref(), Some("json"));
    assert_eq!(render(Files::default(), json!({"chat_template": null})).unwrap(), None);
    let named = json!([{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "default"}]);
    assert_eq!(render(Files::default(), json!({"chat_template": named})).unwrap().as_deref(), Some("default"));
    let refused = |files: Files, config: Json, expected: Expect| {
        expected.assert_eq(&render(files, config).unwrap_err().to_string());
    };
    let others = json!([{"name": "rag", "template": "a"}, {"name": "tool_use", "template": "b"}]);
    refused(
        Files::default(),
        json!({"chat_template": others}),
        expect![
            "the model has no chat template of the name default in tokenizer_config.json, which has rag, tool_use: give it a text instead of messages, or put a chat_template.jinja into its folder"
        ],
    );
    refused(
        Files::default(),
        json!({"chat_template": 3}),
        expect![
            "tokenizer_config.json cannot be read: expected chat_template to be a text, or a list of templates with names. Download the file again, or save the model anew"
        ],
    );
    refused(
        Files::default(),
        json!({"chat_template": [{"name": "default"}]}),
        expect![
            "tokenizer_config.json cannot be read: expected chat_template to be a text, or a list of templates with names. Download the file again, or save the model anew"
        ],
    );
    refused(
        Files::from_iter([file("chat_template.jinja", b"\xff")]),
        json!({}),
        expect![
            "chat_template.jinja cannot be read: it is not UTF-8: invalid utf-8 sequence of 1 bytes from index 0. Download the file again, or save the model anew"
        ],
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Of the words that templates are made of, so that many parse.
    #[test]
    fn no_template_makes_it_panic(words in prop::collection::vec(prop::sample::select(vec![
        "{{ ", " }}", "{% ", " %}", "{%- ", " -%}", "for message in messages", "endfor", "if ", "endif", "else", "set ",
        "ns", " = ", "namespace(", ")", "(", "[", "]", "[::-1]", "[1:]", "messages", "message", ".content", "['role']",
        " | ", "tojson", "trim", "length", "join", "indent(3)", "default('x')", " + ", " ~ ", " * ", " - ", " % ", " // ",
        " ** ", "1", "-1", "0", "99999999999999999999", "1.5", "'é\u{301}'", "\"%Y\"", "none", "true", " is ", "defined",
        "string", " not ", " and ", "loop.index0", "loop.last", ".split('", "')", ".strip(", "raise_exception('",
        "strftime_now('%d", "{#", "#}", "\n", "  ", "break", "continue", "macro m(x)", "endmacro", "m(1)", "generation",
        "endgeneration", "{% raw %}", "{% endraw %}", ", ", "é", "\u{0}",
    ]), 0..40)) {
        let _ = of(&words.concat(), &json!({"bos_token": "<s>"})).render(&question(), &Map::new(), now());
    }
}
