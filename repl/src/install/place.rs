//! Where Jupyter looks for kernel specs
//! (<https://docs.jupyter.org/en/latest/use/jupyter-directories.html>).

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::{InstallError, Place};
use crate::config;

/// How long python3 may take to say where it lives.
const PYTHON: Duration = Duration::from_secs(20);

/// The folder of the kernel spec.
pub(super) async fn folder(place: &Place) -> Result<PathBuf, InstallError> {
    let data = if let Some(prefix) = &place.prefix {
        let prefix = std::path::absolute(prefix);
        prefix.map_err(|source| InstallError::Write { path: place.prefix.clone().unwrap_or_default(), source })?
    } else if place.sys_prefix {
        match config::python_environment() {
            Some(active) => active,
            None => ask_python().await.map_err(|source| InstallError::NoPython { source })?,
        }
    } else {
        return Ok(below(config::jupyter_data().ok_or(InstallError::NoHome)?, &place.name));
    };
    Ok(below(data.join("share/jupyter"), &place.name))
}

fn below(data: PathBuf, name: &str) -> PathBuf {
    data.join("kernels").join(name)
}

/// The `sys.prefix` of python3.
async fn ask_python() -> io::Result<PathBuf> {
    let mut python = Command::new("python3");
    python.args(["-c", "import sys; print(sys.prefix)"]).stdin(Stdio::null()).kill_on_drop(true);
    let answer = tokio::time::timeout(PYTHON, python.output()).await;
    let answer = answer.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no answer"))??;
    let prefix = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim());
    if answer.status.success() && prefix.is_absolute() {
        return Ok(prefix);
    }
    Err(io::Error::other(String::from_utf8_lossy(&answer.stderr).trim().to_owned()))
}

/// What Jupyter takes as the name of a kernel.
pub(super) fn name(text: &str) -> Result<String, String> {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    let is_name = text.starts_with(|first: char| first.is_ascii_alphanumeric()) && text.chars().all(allowed);
    if is_name { Ok(text.to_lowercase()) } else { Err("use letters, digits, `.`, `_` and `-`".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_within_their_folder() {
        assert_eq!(name("Pelago-2.x"), Ok("pelago-2.x".to_owned()));
        assert!(["", "..", "a/b", ".hidden", "a b"].iter().all(|bad| name(bad).is_err()));
    }

    #[tokio::test]
    async fn a_prefix_is_as_jupyter_has_it() {
        let place =
            Place { user: false, prefix: Some("/usr/local".into()), sys_prefix: false, name: "pelago".to_owned() };
        assert_eq!(folder(&place).await.unwrap(), PathBuf::from("/usr/local/share/jupyter/kernels/pelago"));
    }
}
