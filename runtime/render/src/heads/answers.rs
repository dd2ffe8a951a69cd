//! Answers to questions, and where they stand.

use pelago_protocol::AnsweredQuestion;

use super::{Rows, once, score};
use crate::run::counted;

pub(super) fn rows(questions: &[AnsweredQuestion]) -> Rows {
    let mut rows = Vec::new();
    for question in questions {
        for (at, answer) in question.answers.iter().enumerate() {
            rows.push(vec![
                once(&question.question, at),
                answer.answer.clone(),
                score(answer.score),
                answer.start.to_string(),
                answer.end.to_string(),
            ]);
        }
    }
    let columns = vec![("question", false), ("answer", false), ("score", true), ("start", true), ("end", true)];
    let what = format!("{} to {}", counted(rows.len(), "answer"), counted(questions.len(), "question"));
    Rows { what, columns, rows }
}
