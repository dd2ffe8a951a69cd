//! Which files of a repository are fetched, and whether their names can lie in a folder.

use std::collections::HashMap;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::OriginError;

/// What a model needs: its configuration, its tokenizer, its weights as safetensors or ONNX, the
/// modules of sentence-transformers, and the licence under which it may be passed on.
const DEFAULT: &[&str] = &[
    "*.json",
    "*.jinja",
    "*.model",
    "*.onnx",
    "*.onnx_data*",
    "*.onnx.data*",
    "*.safetensors",
    "*.tiktoken",
    "{added_tokens,merges,special_tokens,vocab,vocabulary}.txt",
    "{LICENCE,LICENSE,NOTICE,USE_POLICY}*",
    "README.md",
    "[0-9]*_*/*.{json,safetensors,txt,model}",
    // Small modules after the transformer; its own weights are wanted as safetensors alone.
    "[1-9]*_*/pytorch_model.bin",
    "onnx/**",
];
/// The longest name of a file or folder on the file systems in use, bytes.
const COMPONENT_MAX: usize = 255;
/// Folders deeper than this are refused, as by the store.
const DEPTH_MAX: usize = 64;

/// Patterns for the files that are wanted: `*` within a name, `**` across folders, `?`, `[a-z]`,
/// `{a,b}`. They are held against paths from the folder that the address names. Names that begin
/// with a dot are never wanted, as the store leaves them out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// A file must match one of these. Where there are none: all files of a folder that the
    /// address names, or else what a model needs (configuration, tokenizer, safetensors, ONNX).
    pub include: Vec<String>,
    /// And none of these.
    pub exclude: Vec<String>,
}

/// A file of a repository.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    /// From the root of the repository.
    pub(super) path: String,
    /// Bytes.
    pub(super) size: u64,
    /// The published hash.
    pub(super) digest: super::digest::Digest,
}

/// A file to fetch.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) listed: Listed,
    /// From the folder that the address names.
    pub(super) name: String,
}

/// What may be fetched at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) files: u64,
    pub(super) bytes: u64,
}

/// The files that are wanted, by name.
pub(super) fn choose(
    from: &str,
    listed: Vec<Listed>,
    sub: &str,
    selection: &Selection,
    limits: Limits,
) -> Result<Vec<Chosen>, OriginError> {
    let include = match &selection.include[..] {
        [] if sub.is_empty() => patterns(DEFAULT.iter().copied())?,
        [] => patterns(["**"])?,
        own => patterns(own.iter().map(String::as_str))?,
    };
    let exclude = patterns(selection.exclude.iter().map(String::as_str))?;
    let mut chosen = Vec::new();
    let mut there = Vec::new();
    for file in listed {
        // No repository of git can have these, so whoever lists one means harm.
        if file.path.starts_with('/') || file.path.contains('\0') || file.path.split('/').any(|part| part == "..") {
            return Err(OriginError::Name { name: file.path, reason: "it would leave the folder" });
        }
        let Some(name) = below(&file.path, sub) else {
            there.push(file.path);
            continue;
        };
        let name = name.to_owned();
        let hidden = name.split('/').any(|part| part.starts_with('.'));
        if hidden || !include.is_match(&name) || exclude.is_match(&name) {
            there.push(file.path);
            continue;
        }
        check_path(&name)?;
        chosen.push(Chosen { listed: file, name });
    }
    if chosen.is_empty() {
        return Err(nothing(from, sub, there));
    }
    check_collisions(&chosen)?;
    let bytes = chosen.iter().fold(0u64, |sum, file| sum.saturating_add(file.listed.size));
    for (unit, limit, actual) in [("files", limits.files, chosen.len() as u64), ("bytes", limits.bytes, bytes)] {
        if actual > limit {
            return Err(OriginError::TooMuch { from: from.to_owned(), unit, limit, actual });
        }
    }
    chosen.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(chosen)
}

/// The path from the folder `sub`; the bare name where `sub` is the file itself.
fn below<'a>(path: &'a str, sub: &str) -> Option<&'a str> {
    if sub.is_empty() {
        return Some(path);
    }
    match path.strip_prefix(sub)? {
        "" => path.rsplit('/').next(),
        rest => rest.strip_prefix('/'),
    }
}

fn nothing(from: &str, sub: &str, there: Vec<String>) -> OriginError {
    let inside = |path: &String| below(path, sub).is_some();
    if sub.is_empty() || there.iter().any(inside) {
        return OriginError::Nothing { from: from.to_owned(), there };
    }
    let folders = there.iter().flat_map(|path| path.match_indices('/').map(|(at, _)| &path[..at]));
    let names = there.iter().map(String::as_str).chain(folders);
    let advice = nearest(sub, names)
        .map_or_else(|| "it has no file at all".to_owned(), |near| format!("the nearest is {near:?}"));
    OriginError::NotFound { what: format!("file or folder {sub:?} in {from}"), advice }
}

/// The name most like the one that was asked for.
pub(super) fn nearest<'a>(asked: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |name: &str| strsim::jaro_winkler(&asked.to_lowercase(), &name.to_lowercase());
    names.into_iter().map(|name| (likeness(name), name)).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

fn patterns<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<GlobSet, OriginError> {
    let refused = |pattern: &str| {
        let pattern = pattern.to_owned();
        move |source| OriginError::Pattern { pattern, source }
    };
    let mut set = GlobSetBuilder::new();
    for text in texts {
        set.add(GlobBuilder::new(text).literal_separator(true).build().map_err(refused(text))?);
    }
    set.build().map_err(refused(""))
}

/// Refuses what is no plain relative path on every system.
pub(super) fn check_path(path: &str) -> Result<(), OriginError> {
    let refused = |reason| Err(OriginError::Name { name: path.to_owned(), reason });
    let parts: Vec<&str> = path.split('/').collect();
    if path.starts_with('/') {
        return refused("it is absolute");
    }
    if parts.contains(&"") {
        return refused("it has an empty part");
    }
    if parts.iter().any(|part| matches!(*part, "." | "..")) {
        return refused("it has a part that is `.` or `..`");
    }
    if path.contains('\\') {
        return refused("it has a backslash");
    }
    if path.chars().any(char::is_control) {
        return refused("it has a control character");
    }
    if parts.iter().any(|part| part.len() > COMPONENT_MAX) {
        return refused("it has a part of more than 255 bytes");
    }
    if parts.len() > DEPTH_MAX {
        return refused("it is more than 64 folders deep");
    }
    Ok(())
}

/// Refuses names that would be one file, or a file and a folder, where case is not told apart.
fn check_collisions(chosen: &[Chosen]) -> Result<(), OriginError> {
    // Each folder and file by its folded path: the path as written, and whether it is a file.
    let mut seen: HashMap<String, (&str, bool)> = HashMap::new();
    for file in chosen {
        let ends = file.name.match_indices('/').map(|(at, _)| at).chain([file.name.len()]);
        for end in ends {
            let (path, is_file) = (&file.name[..end], end == file.name.len());
            let entry = seen.entry(path.to_lowercase());
            let (before, before_is_file) = *entry.or_insert((path, is_file));
            let same = std::ptr::eq(before, path);
            if !same && (before != path || is_file || before_is_file) {
                return Err(OriginError::Collision { first: before.to_owned(), second: file.name.clone() });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
