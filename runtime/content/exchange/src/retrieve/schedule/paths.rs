//! Which paths the caller wants first. A hint only: what is forgotten here
//! comes later, not never.

use std::sync::Arc;

/// Paths that are preferred at a time; the oldest is forgotten.
const PREFERRED_MAX: usize = 256;
/// Second names of content that are remembered.
const ALIASES_MAX: usize = 16_384;

/// Preferred paths, and content that has several.
#[derive(Default)]
pub(super) struct Paths {
    preferred: Vec<String>,
    /// A path whose content was met before, and the path where: blocks are known by that one.
    aliases: Vec<(Arc<str>, Arc<str>)>,
}

impl Paths {
    /// Whether a block at this path helps towards a preferred one: lies at it, under it, or on the way to it.
    pub(super) fn is_preferred(&self, path: &str) -> bool {
        self.preferred.iter().any(|wanted| below(path, wanted).is_some() || below(wanted, path).is_some())
    }

    pub(super) fn prefer(&mut self, path: &str) {
        let path = path.trim_matches('/');
        let mut wanted = vec![path.to_owned()];
        for (second, first) in &self.aliases {
            if let Some(rest) = below(path, second) {
                wanted.push(format!("{first}{rest}"));
            } else if below(second, path).is_some() {
                wanted.push(first.to_string());
            }
        }
        for path in wanted {
            if !self.preferred.contains(&path) {
                self.preferred.push(path);
            }
        }
        let over = self.preferred.len().saturating_sub(PREFERRED_MAX);
        self.preferred.drain(..over);
    }

    pub(super) fn alias(&mut self, second: &Arc<str>, first: &Arc<str>) {
        if second == first || self.aliases.len() >= ALIASES_MAX {
            return;
        }
        self.aliases.push((second.clone(), first.clone()));
        if self.preferred.iter().any(|wanted| below(wanted, second).is_some() || below(second, wanted).is_some()) {
            let path = first.to_string();
            if !self.preferred.contains(&path) {
                self.preferred.push(path);
            }
        }
    }
}

/// What follows `above` in `path`, from its slash on, if `path` is `above` or lies under it.
fn below<'a>(path: &'a str, above: &str) -> Option<&'a str> {
    if above.is_empty() {
        return Some(path);
    }
    path.strip_prefix(above).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_to_a_path_and_what_lies_under_it_is_preferred() {
        let mut paths = Paths::default();
        assert!(!paths.is_preferred("onnx/model.onnx"));
        paths.prefer("/onnx/");
        for path in ["", "onnx", "onnx/model.onnx"] {
            assert!(paths.is_preferred(path), "{path}");
        }
        assert!(!paths.is_preferred("onnx2") && !paths.is_preferred("config.json"));
    }

    #[test]
    fn content_that_has_two_names_is_preferred_by_either() {
        let mut paths = Paths::default();
        paths.alias(&"second".into(), &"first".into());
        paths.prefer("second/file");
        assert!(paths.is_preferred("first/file") && !paths.is_preferred("first/other"));
    }
}
