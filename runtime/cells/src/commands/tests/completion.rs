//! What Tab offers, for a cursor at `|`.

use expect_test::{Expect, expect};

use super::lab::{Lab, fixture};
use crate::commands::complete;

async fn check(lab: &Lab, code: &str, expected: Expect) {
    let cursor = code.chars().position(|c| c == '|').unwrap();
    let code = code.replacen('|', "", 1);
    let found = complete(&lab.session, &code, cursor).await;
    let found = found.map_or("rust".to_owned(), |found| {
        let replaced = code.chars().skip(found.start).take(found.end - found.start).collect::<String>();
        let matches = found.matches.iter().map(|found| format!("{} ({})", found.text, found.kind));
        format!("{}..{} {replaced:?}: {}", found.start, found.end, matches.collect::<Vec<_>>().join(" "))
    });
    expected.assert_eq(&found);
}

#[tokio::test]
async fn a_session_knows_its_words() {
    let lab = Lab::open().await;
    for name in ["tiny-bert", "tiny-twin"] {
        lab.session.models().add(fixture("models/bert"), Some(name), None, |_| {}).await.unwrap();
    }
    check(&lab, ":|", expect![[r#"1..1 "": accelerate (command) bench (command) tune (command) history (command) sql (command) report (command) models (command) model (command) unload (command) browsers (command) capabilities (command) doctor (command) dep (command) vars (command) help (command)"#]]).await;
    check(&lab, ":mo|", expect![[r#"1..3 "mo": models (command) model (command)"#]]).await;
    check(&lab, "let é = 1;\n:acc|elerate x", expect![[r#"12..15 "acc": accelerate (command)"#]]).await;
    check(&lab, ":nothing |", expect![[r#"9..9 "": "#]]).await;
    check(&lab, ":accelerate t|", expect![[r#"12..13 "t": tiny-bert (model) tiny-twin (model)"#]]).await;
    check(&lab, ":accelerate |", expect![[r#"12..12 "": tiny-bert (model) tiny-twin (model) --platform (option) --browser (option) --precision (option) --mixed-precision (option) --recipe (option) --memory-limit (option) --graph (option) --prompt (option) --truncate-dim (option) --on-long (option) --task (option) --pair (option) --labels (option) --hypothesis (option) --multi-label (option) --top (option) --max-answer-len (option) --max-seq-len (option) --doc-stride (option) --chat (option) --system (option) --max-new-tokens (option) --max-seconds (option) --temperature (option) --top-k (option) --top-p (option) --min-p (option) --repetition-penalty (option) --frequency-penalty (option) --presence-penalty (option) --no-repeat-ngram (option) --min-new-tokens (option) --beams (option) --length-penalty (option) --early-stopping (option) --schema (option) --chat-template-kwargs (option) --seed (option) --stop (option) --logprobs (option) --no-capture (option) --use-firefox-optimizations (option) --require-real-hardware (option) --allow-fallback (option) --repeat (option) --every-route (option) --help (option)"#]]).await;
    check(&lab, ":accelerate \"ti|", expect![[r#"12..15 "\"ti": tiny-bert (model) tiny-twin (model)"#]]).await;
    check(&lab, ":accelerate tiny-bert é --pl|", expect![[r#"24..28 "--pl": --platform (option)"#]]).await;
    check(
        &lab,
        ":accelerate tiny-bert \"a b\" --platform |",
        expect![[r#"39..39 "": auto (value) webgpu (value) webnn (value) wasm (value)"#]],
    )
    .await;
    check(
        &lab,
        ":accelerate tiny-bert x --platform=w|",
        expect![[
            r#"24..36 "--platform=w": --platform=webgpu (value) --platform=webnn (value) --platform=wasm (value)"#
        ]],
    )
    .await;
    check(&lab, ":accelerate tiny-bert x --browser f|", expect![[r#"34..35 "f": firefox (value)"#]]).await;
    check(
        &lab,
        ":accelerate tiny-bert x --precision |",
        expect![[r#"36..36 "": auto (value) 2 (value) 4 (value) 8 (value) 16 (value) 32 (value)"#]],
    )
    .await;
    check(
        &lab,
        ":accelerate tiny-bert x --platform wasm --p|",
        expect![[
            r#"40..43 "--p": --precision (option) --prompt (option) --pair (option) --presence-penalty (option)"#
        ]],
    )
    .await;
    check(&lab, ":accelerate tiny-bert x --repeat |", expect![[r#"33..33 "": "#]]).await;
    check(
        &lab,
        ":accelerate tiny-bert \\\n  \"x\" --re|",
        expect![[r#"30..34 "--re": --recipe (option) --repetition-penalty (option) --require-real-hardware (option) --repeat (option)"#]],
    )
    .await;
    check(&lab, ":model |", expect![[r#"7..7 "": add (command) get (command) refresh (command) list (command) show (command) stat (command) history (command) rollback (command) pin (command) unpin (command) verify (command) check (command) gc (command) export (command) import (command) remove (command) --help (option)"#]])
        .await;
    check(&lab, ":model show tiny-t|", expect![[r#"12..18 "tiny-t": tiny-twin (model)"#]]).await;
    check(
        &lab,
        ":model add x --family t|",
        expect![[r#"22..23 "t": text_embedding (value) text_generation (value) text_to_text (value)"#]],
    )
    .await;
    check(&lab, ":help acc|", expect![[r#"6..9 "acc": accelerate (command)"#]]).await;
    check(&lab, ":sql SELECT median(processing|", expect![[r#"19..29 "processing": processing_time (column)"#]]).await;
    check(&lab, ":vars |", expect![[r#"6..6 "": --help (option)"#]]).await;
}

#[tokio::test]
async fn rust_that_names_a_model_is_completed_too() {
    let lab = Lab::open().await;
    lab.session.models().add(fixture("models/bert"), Some("tiny"), None, |_| {}).await.unwrap();
    check(&lab, "let é = accelerate(\"t|", expect![[r#"20..21 "t": tiny (model)"#]]).await;
    check(&lab, ":accelerate m it's\nembed(\"|\", \"x\")", expect![[r#"26..26 "": tiny (model)"#]]).await;
    check(&lab, "accelerate(\"tiny\", \"t|", expect!["rust"]).await;
    check(&lab, "acc|", expect!["rust"]).await;
    check(&lab, "|", expect!["rust"]).await;
}
