//! Which options go with which head. No option is ever ignored.

use std::collections::BTreeSet;

use pelago_models::prepare::Source;
use pelago_protocol::{Advice, HeadOptions, OnLong, Request, Task};

use crate::RunError;

/// Refuses what a head does not take; of another task, every option of heads. `task` is one that has a head.
///
/// # Errors
/// [`RunError::Unsupported`] and [`RunError::EmptyInput`].
pub(super) fn check(request: &Request, task: Option<Task>, source: &Source) -> Result<(), RunError> {
    let options = &request.head;
    let refused = |what: String, advice: Advice| Err(RunError::Unsupported { what, advice });
    let Some(task) = task else {
        if *options != HeadOptions::default() {
            let advice =
                "leave labels, the sentence for them and how many are kept out, or use a model with such a head";
            return refused("an option of heads for a task that has none".to_owned(), advice.into());
        }
        return Ok(());
    };
    if let Some(own) = source.head
        && task.head() != Some(own)
    {
        let name = &source.name;
        return refused(format!("the task {task} with {name}, whose head is for {own},"), other_model(task));
    }
    if request.prompt.is_some() || request.truncate_dim.is_some() {
        let what = format!("a prompt by its name, or a number of dimensions, for the task {task}");
        return refused(what, "they are for embeddings: leave them out".into());
    }
    if request.on_long == OnLong::Split {
        let advice = if task == Task::QuestionAnswering {
            "leave it out: a long text is read in pieces anyway"
        } else {
            "it is for embeddings: have long texts cut or refused, or cut them yourself"
        };
        return refused(format!("reading long texts in pieces for the task {task}"), advice.into());
    }
    let is_given = [
        ("labels", !options.labels.is_empty(), task == Task::ZeroShotClassification),
        ("a sentence for labels", options.hypothesis.is_some(), task == Task::ZeroShotClassification),
        ("several labels that are true", options.multi_label, task == Task::ZeroShotClassification),
        (
            "how many are kept",
            options.top_k.is_some(),
            matches!(task, Task::TextClassification | Task::FillMask | Task::QuestionAnswering),
        ),
        ("the length of an answer", options.max_answer_len.is_some(), task == Task::QuestionAnswering),
        ("the length of pieces", options.max_seq_len.is_some(), task == Task::QuestionAnswering),
        ("what pieces share", options.doc_stride.is_some(), task == Task::QuestionAnswering),
    ];
    if let Some((what, ..)) = is_given.iter().find(|(_, given, fits)| *given && !fits) {
        return refused(
            format!("an option for the task {task} ({what})"),
            "leave it out: it is for another task".into(),
        );
    }
    let counts = [options.top_k, options.max_answer_len, options.max_seq_len];
    if counts.contains(&Some(0)) {
        return refused("a number of 0 for what a head gives".to_owned(), "ask for at least 1".into());
    }
    if task == Task::ZeroShotClassification {
        check_labels(&options.labels)?;
    }
    Ok(())
}

fn check_labels(labels: &[String]) -> Result<(), RunError> {
    if labels.is_empty() {
        return Err(RunError::EmptyInput {
            what: "no label was given for the task zero-shot-classification".to_owned(),
        });
    }
    let different = labels.iter().map(String::as_str).collect::<BTreeSet<_>>();
    if different.len() < labels.len() || different.iter().any(|label| label.trim().is_empty()) {
        let advice = "give each label once, with at least one letter";
        return Err(RunError::Unsupported {
            what: "an empty label, or the same label twice,".to_owned(),
            advice: advice.into(),
        });
    }
    Ok(())
}

fn other_model(task: Task) -> Advice {
    match task {
        Task::ZeroShotClassification => "use a model of natural language inference".into(),
        _ => "leave the task out for what its head is for, or use a model with another head".into(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use pelago_protocol::Family;

    use super::*;

    fn source(head: Option<Task>) -> Source {
        Source {
            name: "tiny".to_owned(),
            cid: "bafy".to_owned().into(),
            family: Family::TextEmbedding,
            task: head,
            head,
            files: Vec::new(),
        }
    }

    fn refused(task: Option<Task>, head: Option<Task>, change: impl FnOnce(&mut Request)) -> Option<String> {
        let mut request = Request::new("tiny", "a text");
        change(&mut request);
        check(&request, task, &source(head)).err().map(|error| error.to_string())
    }

    #[test]
    fn options_go_with_their_task() {
        let own = Some(Task::TextClassification);
        assert_eq!(refused(own, own, |_| {}), None);
        assert_eq!(refused(own, own, |request| request.head.top_k = Some(2)), None);
        let labels = |request: &mut Request| request.head.labels = vec!["a".to_owned()];
        assert_eq!(
            refused(own, own, labels).unwrap(),
            "an option for the task text-classification (labels) is not available"
        );
        assert!(refused(None, own, labels).unwrap().starts_with("an option of heads"));
        assert!(refused(own, own, |request| request.head.top_k = Some(0)).unwrap().contains("number of 0"));
        assert!(refused(own, own, |request| request.on_long = OnLong::Split).unwrap().contains("in pieces"));
        assert!(refused(own, own, |request| request.truncate_dim = Some(3)).unwrap().contains("dimensions"));
    }

    #[test]
    fn a_task_needs_its_head() {
        let masks = refused(Some(Task::FillMask), Some(Task::TextClassification), |_| {});
        assert_eq!(
            masks.unwrap(),
            "the task fill-mask with tiny, whose head is for text-classification, is not available"
        );
        let zero_shot = Some(Task::ZeroShotClassification);
        let labels = |labels: &[&str]| {
            let labels = labels.iter().map(|label| (*label).to_owned()).collect();
            refused(zero_shot, Some(Task::TextClassification), |request| request.head.labels = labels)
        };
        assert_eq!(labels(&["a", "b"]), None);
        for wrong in [vec![], vec!["a", "a"], vec!["a", " "]] {
            assert!(labels(&wrong).is_some(), "{wrong:?}");
        }
    }
}
