//! What can stand at a place in a cell, and what is known about a word.
//! Positions are Unicode code points, as Jupyter counts.

/// What can stand in place of `start..end`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completions {
    /// First code point to replace.
    pub start: usize,
    /// Code point after the last one to replace.
    pub end: usize,
    /// The candidates, best first.
    pub matches: Vec<Completion>,
}

/// One candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The text to put in.
    pub text: String,
    /// What it is: `function`, `struct`, `command`, `option`, `model`, …
    pub kind: String,
    /// Its signature or summary, where there is one.
    pub detail: Option<String>,
}

/// What is known about a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// As text.
    pub text: String,
    /// As Markdown.
    pub markdown: String,
}

impl Completion {
    /// What the analyser offers, as one would type it. It gives whole calls with
    /// the names of their parameters (`push(value)`), whole statements (`if $1
    /// {…`) and chains of calls (`iter().len()`): a call is opened only, so that
    /// its arguments can be typed, and a chain is not offered.
    #[must_use]
    pub(crate) fn offered(code: &str, kind: &str, label: &str) -> Option<Self> {
        let is_keyword = kind == "keyword";
        let of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '#' | '!' | '\'');
        let (name, rest) = code.split_at(code.find(|c: char| !of_name(c)).unwrap_or(code.len()));
        let (begin, arguments) = (rest.chars().next(), rest.strip_prefix('('));
        let after_call = arguments.and_then(|arguments| arguments.split_once(')')).map(|(_, after)| after);
        if begin == Some('.') || after_call.is_some_and(|after| after.starts_with('.')) {
            return None;
        }
        let text = match begin {
            _ if is_keyword => {
                let typed = code.split(['$', '\n']).next().unwrap_or(code);
                typed.strip_suffix(" ;").map_or_else(|| typed.to_owned(), |typed| format!("{typed} "))
            }
            Some('(') if rest.starts_with("()") && !name.ends_with('!') => format!("{name}()"),
            Some(open @ ('(' | '[' | '<')) => format!("{name}{open}"),
            Some('{' | ' ') if rest.contains('{') => format!("{name} {{"),
            _ => code.split(['$', '\n']).next().unwrap_or(code).to_owned(),
        };
        let said =
            if text == code { label } else { code.lines().next().unwrap_or(code).trim_end_matches(['{', ';', ' ']) };
        let detail = (said != text && !said.contains('$')).then(|| said.to_owned());
        (!text.trim().is_empty()).then(|| Self { text, kind: kind.to_owned(), detail })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(code: &str, kind: &str) -> Option<String> {
        Completion::offered(code, kind, code).map(|found| found.text)
    }

    #[test]
    fn a_call_is_opened_and_its_parameters_are_told() {
        let found = Completion::offered("push(value)", "function", "push(…)").unwrap();
        assert_eq!((found.text.as_str(), found.detail.as_deref()), ("push(", Some("push(value)")));
        for (code, expected) in [
            ("len()", "len()"),
            ("clear();", "clear()"),
            ("insert(index, element);", "insert("),
            ("println!()", "println!("),
            ("vec![]", "vec!["),
            ("thread_local! {}", "thread_local! {"),
            ("Some(())", "Some("),
            ("Point { x: (), y: () }", "Point {"),
            ("Vec<>", "Vec<"),
            ("alpha_one", "alpha_one"),
            ("r#type", "r#type"),
            ("std::", "std::"),
        ] {
            assert_eq!(text(code, "function").as_deref(), Some(expected), "{code}");
        }
    }

    #[test]
    fn a_keyword_is_what_one_types_of_it() {
        for (code, expected) in [
            ("if $1 {\n    \n}", "if "),
            ("let $1 = ;", "let "),
            ("for $1 in $2 {\n    \n}", "for "),
            ("loop {\n    \n}", "loop {"),
            ("return ;", "return "),
            ("break;", "break;"),
            ("pub(crate)", "pub(crate)"),
            ("self", "self"),
        ] {
            assert_eq!(text(code, "keyword").as_deref(), Some(expected), "{code}");
        }
    }

    #[test]
    fn a_chain_that_nobody_asked_for_is_not_offered() {
        for code in ["iter().len()", "into_iter().map(f)", "alpha_one.len()", "await.map(f)"] {
            assert_eq!(text(code, "function"), None, "{code}");
        }
    }
}
