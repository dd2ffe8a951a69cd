//! A model that is given as one file: an ONNX graph by itself, a GGUF file, or a zip file of a folder. It becomes a
//! folder first.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};

use tempfile::TempDir;
use zip::ZipArchive;

use super::ModelError;
use pelago_onnx::{files::Folder, read};

/// Files in an archive.
const ENTRIES_MAX: usize = 100_000;
/// An archive may hold this many times its own size, and this much beyond: weights hardly shrink.
const RATIO_MAX: u64 = 20;
const BEYOND_MAX: u64 = 64 << 20;

/// Whether a user's word is a file that stands for a model.
pub(super) fn is_file(path: &Path) -> bool {
    ["onnx", "gguf", "zip"].into_iter().any(|end| ends_with(path, end)) && path.is_file()
}

fn ends_with(path: &Path, end: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(end))
}

/// The folder of such a file, in a folder of its own; the second is what it is called.
///
/// # Errors
///
/// `Archive`, `Read`, `Onnx`.
pub(super) fn folder_of(path: &Path) -> Result<(TempDir, PathBuf), ModelError> {
    let read = |source| ModelError::Read { file: path.to_owned(), source };
    let staged = tempfile::Builder::new().prefix("pelago-model-").tempdir().map_err(read)?;
    let name = path.file_stem().unwrap_or_default();
    let into = staged.path().join(name);
    std::fs::create_dir(&into).map_err(read)?;
    if ends_with(path, "zip") {
        unpack(path, &into)?;
    } else {
        gather(path, &into)?;
    }
    Ok((staged, into))
}

/// The file, and the files beside it that a graph keeps weights in.
fn gather(path: &Path, into: &Path) -> Result<(), ModelError> {
    let read_error = |file: &Path| {
        let file = file.to_owned();
        move |source| ModelError::Read { file, source }
    };
    let path = path.canonicalize().map_err(read_error(path))?;
    let (folder, name) = (path.parent().unwrap_or(Path::new(".")), path.file_name().unwrap_or_default());
    let name = name
        .to_str()
        .ok_or_else(|| ModelError::Archive { file: path.clone(), problem: "its name is not UTF-8".to_owned() })?;
    let beside = if ends_with(&path, "gguf") {
        Vec::new()
    } else {
        read::external_files(&Folder(folder.to_owned()), name)
            .map_err(|error| ModelError::Archive { file: path.clone(), problem: error.to_string() })?
    };
    for file in beside.iter().map(String::as_str).chain([name]) {
        if !is_plain(Path::new(file)) {
            let problem = format!("it keeps weights in {file:?}, outside of its folder");
            return Err(ModelError::Archive { file: path.clone(), problem });
        }
        let (from, to) = (folder.join(file), into.join(file));
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent).map_err(read_error(&to))?;
        }
        // A link costs nothing where both are on one file system.
        std::fs::hard_link(&from, &to).or_else(|_| std::fs::copy(&from, &to).map(drop)).map_err(read_error(&from))?;
    }
    Ok(())
}

/// Unpacks an archive. What it says of its lengths is not believed, and nothing of it leaves the folder.
fn unpack(path: &Path, into: &Path) -> Result<(), ModelError> {
    let read = |source| ModelError::Read { file: path.to_owned(), source };
    let bad = |problem: String| ModelError::Archive { file: path.to_owned(), problem };
    let file = File::open(path).map_err(read)?;
    let most = file.metadata().map_err(read)?.len().saturating_mul(RATIO_MAX).saturating_add(BEYOND_MAX);
    let mut archive = ZipArchive::new(file).map_err(|error| bad(error.to_string()))?;
    if archive.len() > ENTRIES_MAX {
        return Err(bad(format!("it holds {} files, more than {ENTRIES_MAX}", archive.len())));
    }
    let mut left = most;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| bad(error.to_string()))?;
        let name = entry.enclosed_name().filter(|name| is_plain(name));
        let name = name.ok_or_else(|| bad(format!("its entry {index} has a name that leaves the folder")))?;
        if entry.is_symlink() {
            return Err(bad(format!("{} is a link", name.display())));
        }
        let to = into.join(&name);
        if entry.is_dir() {
            std::fs::create_dir_all(&to).map_err(read)?;
            continue;
        }
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent).map_err(read)?;
        }
        let mut target = File::create_new(&to).map_err(|error| bad(format!("{}: {error}", name.display())))?;
        let mut piece = vec![0; 1 << 20];
        loop {
            let count = entry.read(&mut piece).map_err(|error| bad(format!("{}: {error}", name.display())))?;
            if count == 0 {
                break;
            }
            left =
                left.checked_sub(count as u64).ok_or_else(|| bad(format!("it unpacks to more than {most} bytes")))?;
            target.write_all(&piece[..count]).map_err(read)?;
        }
    }
    Ok(())
}

fn is_plain(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn archive(folder: &Path, entries: &[(&str, &[u8])]) -> PathBuf {
        let path = folder.join("mine.zip");
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        for (name, bytes) in entries {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
        path
    }

    #[test]
    fn an_archive_becomes_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = archive(folder.path(), &[("model/config.json", b"{}"), ("model/onnx/model.onnx", b"x")]);
        assert!(is_file(&path) && !is_file(folder.path()));
        let (_kept, into) = folder_of(&path).unwrap();
        assert!(into.ends_with("mine"));
        assert_eq!(std::fs::read(into.join("model/onnx/model.onnx")).unwrap(), b"x");
    }

    #[test]
    fn an_archive_stays_in_its_folder_and_small() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["../outside", "a/../../b"] {
            let path = archive(folder.path(), &[(name, b"x")]);
            assert!(matches!(folder_of(&path), Err(ModelError::Archive { .. })), "{name}");
        }
        // From its root is from the folder.
        let (_kept, into) = folder_of(&archive(folder.path(), &[("/etc/passwd", b"x")])).unwrap();
        assert_eq!(std::fs::read(into.join("etc/passwd")).unwrap(), b"x");
        std::fs::write(folder.path().join("cut.zip"), b"PK\x03\x04").unwrap();
        assert!(matches!(folder_of(&folder.path().join("cut.zip")), Err(ModelError::Archive { .. })));
        let path = archive(folder.path(), &[("zeros", &vec![0; 200 << 20])]);
        let compressed = path.metadata().unwrap().len();
        let outcome = folder_of(&path);
        // Stored as it is, it is no bomb.
        assert!(compressed > 100 << 20 || outcome.unwrap_err().to_string().contains("unpacks to more than"));
    }
}
