//! Each kind of output as its table.

use expect_test::{Expect, expect};
use pelago_protocol::{Answer, AnsweredQuestion, Entity, EntityText, Fill, FilledText, Label, LabelledText, Output};

use super::*;

fn check(output: &Output, expected: &Expect) {
    let rows = of(output).map(|rows| [vec![rows.what.clone()], rows.lines()].concat().join("\n"));
    expected.assert_eq(&rows.unwrap_or_default());
}

fn labelled(text: &str, pair: Option<&str>, labels: &[(&str, f64)]) -> LabelledText {
    let label = |(label, score): &(&str, f64)| Label { label: (*label).to_owned(), score: *score };
    LabelledText { text: text.to_owned(), pair: pair.map(str::to_owned), labels: labels.iter().map(label).collect() }
}

#[test]
fn labels_stand_beside_their_text() {
    let both = [("POSITIVE", 0.75), ("NEGATIVE", 0.25)];
    let texts = vec![labelled("I loved\tit", None, &both), labelled("never again", None, &both[..1])];
    check(
        &Output::Labels(texts),
        &expect![[r#"
        labels of 2 texts
        text         label        score
        I loved it   POSITIVE  0.750000
                     NEGATIVE  0.250000
        never again  POSITIVE  0.750000"#]],
    );
}

#[test]
fn documents_of_one_query_stand_in_their_order() {
    let pair = |document, score| labelled("what is it?", Some(document), &[("LABEL_0", score)]);
    check(
        &Output::Labels(vec![pair("a cat", 0.1), pair("an answer", 0.9)]),
        &expect![[r#"
        2 documents for "what is it?"
        document      score
        an answer  0.900000
        a cat      0.100000"#]],
    );
    let other = labelled("another", Some("text"), &[("LABEL_0", 0.5)]);
    check(
        &Output::Labels(vec![pair("a cat", 0.1), other]),
        &expect![[r#"
        labels of 2 pairs
        text         pair   label       score
        what is it?  a cat  LABEL_0  0.100000
        another      text   LABEL_0  0.500000"#]],
    );
}

#[test]
fn entities_fills_and_answers_have_their_columns() {
    let entity = Entity { entity_group: "PER".to_owned(), score: 0.5, word: " Zoë".to_owned(), start: 0, end: 3 };
    check(
        &Output::Entities(vec![EntityText { text: "Zoë läuft".to_owned(), entities: vec![entity] }]),
        &expect![[r#"
        1 entity in 1 text
        text       entity  word     score  start  end
        Zoë läuft  PER     Zoë   0.500000      0    3"#]],
    );
    let fill = Fill { score: 0.25, token: 7, token_str: "cat".to_owned(), sequence: "the cat sat".to_owned() };
    check(
        &Output::Fills(vec![FilledText { text: "the [MASK] sat".to_owned(), masks: vec![vec![fill]] }]),
        &expect![[r#"
        tokens for 1 mask of 1 text
        mask  token     score  sequence
           1  cat    0.250000  the cat sat"#]],
    );
    let answer = Answer { score: 0.125, start: 4, end: 9, answer: "Paris".to_owned() };
    let question = AnsweredQuestion { question: "where?".to_owned(), answers: vec![answer] };
    check(
        &Output::Answers(vec![question]),
        &expect![[r#"
        1 answer to 1 question
        question  answer     score  start  end
        where?    Paris   0.125000      4    9"#]],
    );
}

#[test]
fn html_is_escaped_and_long_tables_are_cut() {
    let texts = (0..25).map(|_| labelled("<b>", None, &[("a&b", 0.5)])).collect();
    let html = of(&Output::Labels(texts)).map(|rows| rows.html()).unwrap_or_default();
    assert!(html.contains("<td style=\"text-align: left\">&lt;b&gt;</td>") && html.contains("a&amp;b"), "{html}");
    assert!(html.ends_with("<div>… 5 more rows</div>"), "{html}");
}
