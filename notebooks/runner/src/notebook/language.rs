//! The language of a notebook's cells, by all that its metadata says of it.

use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct KernelSpec {
    language: Option<String>,
    name: Option<String>,
    display_name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct LanguageInfo {
    name: Option<String>,
}

/// Beginnings of the names of kernels, as their projects install them, and the
/// languages of their cells. Source:
/// <https://github.com/jupyter/jupyter/wiki/Jupyter-kernels>.
const KERNELS: &[(&str, &str)] = &[
    ("python", "python"),
    ("conda-env", "python"),
    ("ipykernel", "python"),
    ("pyspark", "python"),
    ("pypy", "python"),
    ("xpython", "python"),
    ("xeus-python", "python"),
    ("sagemath", "sage"),
    ("ir", "R"),
    ("xr", "R"),
    ("julia", "julia"),
    ("deno", "typescript"),
    ("tslab", "typescript"),
    ("jslab", "javascript"),
    ("javascript", "javascript"),
    ("xcpp", "C++"),
    ("bash", "bash"),
    ("scala", "scala"),
    ("almond", "scala"),
    ("kotlin", "kotlin"),
    ("java", "java"),
    ("ijava", "java"),
    ("gophernotes", "go"),
    ("gonb", "go"),
    ("ihaskell", "haskell"),
    ("haskell", "haskell"),
    ("octave", "octave"),
    ("matlab", "matlab"),
    ("ruby", "ruby"),
    ("xsql", "sql"),
    (".net-csharp", "C#"),
    (".net-fsharp", "F#"),
    (".net-powershell", "powershell"),
];

/// Words in the name of a kernel whose cells are Rust.
const RUST: [&str; 3] = ["rust", "pelago", "evcxr"];

/// The language that is not Rust, where it is not. A notebook that says nothing
/// is taken for one of Rust.
///
/// The kernel's language counts before the language that the kernel told when
/// the notebook was last open, and both before the kernel's name, which is all
/// that some tools write.
pub(super) fn other_than_rust(kernel: Option<KernelSpec>, info: Option<LanguageInfo>) -> Option<String> {
    let is_said = |language: &String| !language.trim().is_empty();
    let (told, name, display) = kernel.map_or((None, None, None), |own| (own.language, own.name, own.display_name));
    let told = told.filter(is_said).or(info.and_then(|info| info.name).filter(is_said));
    if let Some(language) = told {
        return Some(language).filter(|language| !language.eq_ignore_ascii_case("rust"));
    }
    let name = name.filter(is_said)?;
    let lower = name.to_lowercase();
    let is_rust = |text: &str| RUST.iter().any(|word| text.contains(word));
    if is_rust(&lower) || display.is_some_and(|display| is_rust(&display.to_lowercase())) {
        return None;
    }
    let known = KERNELS.iter().find(|(beginning, _)| {
        lower.strip_prefix(beginning).is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphabetic()))
    });
    Some(known.map_or_else(|| format!("the kernel {name}"), |(_, language)| (*language).to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(kernel: Value, info: Value) -> Option<String> {
        other_than_rust(serde_json::from_value(kernel).unwrap(), serde_json::from_value(info).unwrap())
    }

    #[test]
    fn a_kernel_without_a_language_is_known_by_its_name() {
        for (name, language) in [
            ("python3", "python"),
            ("python2", "python"),
            ("python", "python"),
            ("Python 3.12 (venv)", "python"),
            ("conda-env-ml-py", "python"),
            ("ir", "R"),
            ("ir43", "R"),
            ("julia-1.10", "julia"),
            ("deno", "typescript"),
            ("xcpp17", "C++"),
            ("bash", "bash"),
            (".net-csharp", "C#"),
            ("irkernel-of-mine", "the kernel irkernel-of-mine"),
            ("my-env", "the kernel my-env"),
        ] {
            assert_eq!(of(json!({ "name": name }), Value::Null), Some(language.to_owned()), "{name}");
            assert_eq!(of(json!({ "name": name, "language": null }), json!({})), Some(language.to_owned()));
            assert_eq!(of(json!({ "name": name, "language": "" }), json!({ "name": "" })), Some(language.to_owned()));
            // What is said of the language counts before the name.
            assert_eq!(of(json!({ "name": name, "language": "Rust" }), Value::Null), None);
            assert_eq!(of(json!({ "name": name }), json!({ "name": "rust" })), None);
        }
    }

    #[test]
    fn rust_and_nothing_are_rust() {
        for kernel in [
            Value::Null,
            json!({}),
            json!({ "name": "" }),
            json!({ "display_name": "Python 3" }),
            json!({ "name": "pelago" }),
            json!({ "name": "pelago-dev" }),
            json!({ "name": "rust" }),
            json!({ "name": "mine", "display_name": "Pelago (Rust)" }),
        ] {
            assert_eq!(of(kernel.clone(), Value::Null), None, "{kernel}");
        }
        assert_eq!(of(json!({ "name": "pelago", "language": "python" }), Value::Null), Some("python".to_owned()));
        assert_eq!(of(Value::Null, json!({ "name": "julia" })), Some("julia".to_owned()));
    }
}
