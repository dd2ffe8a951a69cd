//! The files of a kernel spec. Each is replaced in one step and `kernel.json`
//! comes last, so Jupyter sees the old kernel, none, or the new one.

use std::io::{self, Write};
use std::path::Path;

use pelago_cells::interpreter::InterpreterOptions;
use serde_json::{Value, json};

use super::InstallError;

const KERNEL: &str = "kernel.json";
const LOGOS: [(&str, &[u8]); 3] = [
    ("logo-32x32.png", include_bytes!("logo/logo-32.png")),
    ("logo-64x64.png", include_bytes!("logo/logo-64.png")),
    ("logo-svg.svg", include_bytes!("logo/logo.svg")),
];

/// How Jupyter starts the kernel: this executable, with the options of browsers
/// that `pelago install` was given, in the home whose cells it compiled.
pub(super) fn kernel_json(options: &InterpreterOptions, display_name: &str) -> Value {
    let browsers = &options.session.browsers;
    let mut argv = vec![options.cells.program.display().to_string()];
    for found in &browsers.search.configured {
        let named = [("--browser-path", &found.browser), ("--driver-path", &found.driver)];
        for (option, path) in named.into_iter().filter_map(|(option, path)| Some((option, path.as_ref()?))) {
            argv.extend([option.to_owned(), format!("{}={}", found.kind, path.display())]);
        }
    }
    for remote in &browsers.remotes {
        argv.extend(["--remote".to_owned(), format!("{}={}", remote.kind, remote.url)]);
    }
    if let Some(port) = browsers.port {
        argv.extend(["--port".to_owned(), port.to_string()]);
    }
    if !browsers.headless {
        argv.push("--headed".to_owned());
    }
    argv.extend(["kernel".to_owned(), "{connection_file}".to_owned()]);
    let home = options.session.store.parent().unwrap_or(Path::new("/"));
    json!({
        "argv": argv,
        "display_name": display_name,
        "language": "rust",
        "interrupt_mode": "message",
        "env": { "PELAGO_HOME": home },
        "metadata": { "debugger": false, "pelago": env!("CARGO_PKG_VERSION") },
    })
}

/// Writes a spec, over one of Pelago's own too.
pub(super) fn write(folder: &Path, kernel: &Value) -> Result<(), InstallError> {
    if is_ours(folder) == Some(false) {
        return Err(InstallError::Foreign { path: folder.to_owned() });
    }
    let failed = |source| InstallError::Write { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    for (name, bytes) in LOGOS {
        replace(folder, name, bytes).map_err(failed)?;
    }
    replace(folder, KERNEL, format!("{kernel:#}\n").as_bytes()).map_err(failed)
}

/// Takes a spec of Pelago's away.
pub(super) fn remove(folder: &Path) -> Result<(), InstallError> {
    match is_ours(folder) {
        None => return Err(InstallError::Missing { path: folder.to_owned() }),
        Some(false) => return Err(InstallError::Foreign { path: folder.to_owned() }),
        Some(true) => {}
    }
    let failed = |source| InstallError::Remove { path: folder.to_owned(), source };
    std::fs::remove_file(folder.join(KERNEL)).map_err(failed)?;
    std::fs::remove_dir_all(folder).map_err(failed)
}

/// Whether a spec is one of Pelago's; nothing where there is none.
fn is_ours(folder: &Path) -> Option<bool> {
    let bytes = std::fs::read(folder.join(KERNEL)).ok()?;
    let kernel = serde_json::from_slice::<Value>(&bytes).unwrap_or_default();
    Some(kernel.pointer("/metadata/pelago").is_some())
}

fn replace(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    // Temporary files are their owner's alone; a spec is everybody's to read.
    file.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(folder.join(name))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_replaces_its_own_and_goes_whole() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("kernels/pelago");
        let kernel = |name: &str| json!({ "display_name": name, "metadata": { "pelago": "1" } });
        write(&folder, &kernel("old")).unwrap();
        write(&folder, &kernel("new")).unwrap();
        let read: Value = serde_json::from_slice(&std::fs::read(folder.join(KERNEL)).unwrap()).unwrap();
        assert_eq!(read["display_name"], "new");
        let mut names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg"]);
        remove(&folder).unwrap();
        assert!(!folder.exists());
        assert!(matches!(remove(&folder), Err(InstallError::Missing { .. })));
    }

    #[test]
    fn what_is_another_programs_stays() {
        let folder = tempfile::tempdir().unwrap();
        let kernel = folder.path().join(KERNEL);
        for other in [r#"{"display_name": "Python 3"}"#, "not JSON"] {
            std::fs::write(&kernel, other).unwrap();
            assert!(matches!(write(folder.path(), &json!({})), Err(InstallError::Foreign { .. })));
            assert!(matches!(remove(folder.path()), Err(InstallError::Foreign { .. })));
            assert_eq!(std::fs::read_to_string(&kernel).unwrap(), other);
        }
    }

    #[test]
    fn the_logos_are_the_size_that_their_names_say() {
        for (name, bytes) in LOGOS.iter().take(2) {
            // A PNG's header has width and height in bytes 16 to 24.
            let side = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
            assert!(name.contains(&format!("{}x{}", side(16), side(20))), "{name}");
        }
    }
}
