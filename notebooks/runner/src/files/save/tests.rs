//! Files that are replaced: what stays of them, and what is left behind.

use std::os::unix::fs::symlink;

use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>();
        names.sort();
        names
    }

    fn metadata(&self, name: &str) -> Metadata {
        std::fs::metadata(self.path(name)).unwrap()
    }
}

#[test]
fn a_folder_that_takes_nothing_leaves_the_old_file() {
    let folder = Folder::new();
    let path = folder.path("a.ipynb");
    save(&path, "old").unwrap();
    assert!(save(&path.join("below"), "new").is_err());
    assert_eq!(folder.text("a.ipynb"), "old");
    save(&path, "new").unwrap();
    assert_eq!((folder.text("a.ipynb"), folder.names()), ("new".to_owned(), vec!["a.ipynb".to_owned()]));
}

#[test]
fn links_and_permissions_stay() {
    let folder = Folder::new();
    let (path, link) = (folder.path("a.ipynb"), folder.path("link.ipynb"));
    save(&path, "old").unwrap();
    assert_eq!(folder.metadata("a.ipynb").mode() & 0o400, 0o400);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&path, &link).unwrap();
    save(&link, "new").unwrap();
    assert_eq!(folder.text("a.ipynb"), "new");
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(folder.metadata("a.ipynb").mode() & 0o777, 0o640);
    // A link to what is not there yet.
    symlink("b.ipynb", folder.path("to-b")).unwrap();
    save(&folder.path("to-b"), "b").unwrap();
    assert_eq!(folder.text("b.ipynb"), "b");
    assert!(std::fs::symlink_metadata(folder.path("to-b")).unwrap().is_symlink());
}

#[test]
fn all_names_of_a_file_show_the_new_content() {
    let folder = Folder::new();
    std::fs::write(folder.path("a"), "a longer text of old").unwrap();
    std::fs::hard_link(folder.path("a"), folder.path("b")).unwrap();
    for text in ["new", "and then a text that is longer than all before"] {
        save(&folder.path("a"), text).unwrap();
        assert_eq!((folder.text("a"), folder.text("b")), (text.to_owned(), text.to_owned()));
    }
    assert_eq!((folder.metadata("a").nlink(), folder.names()), (2, vec!["a".to_owned(), "b".to_owned()]));
}

#[test]
fn an_owner_stays() {
    let folder = Folder::new();
    std::fs::write(folder.path("a"), "old").unwrap();
    std::fs::set_permissions(folder.path("a"), std::fs::Permissions::from_mode(0o664)).unwrap();
    // Only root can give a file away; others keep their own here.
    let _ = std::os::unix::fs::chown(folder.path("a"), Some(1000), Some(1001));
    let before = folder.metadata("a");
    save(&folder.path("a"), "new").unwrap();
    let after = folder.metadata("a");
    assert_eq!((after.uid(), after.gid(), after.mode()), (before.uid(), before.gid(), before.mode()));
    assert_ne!(after.ino(), before.ino(), "it was replaced, not written in place");
    assert_eq!(folder.text("a"), "new");
}

#[test]
fn what_was_saved_meanwhile_stays() {
    let folder = Folder::new();
    let path = folder.path("a.ipynb");
    std::fs::write(&path, "original").unwrap();
    assert_eq!(save_unless_changed(&path, "ran", "original").unwrap(), Saved::Written);
    std::fs::write(&path, "edited").unwrap();
    assert_eq!(
        save_unless_changed(&path, "ran again", "ran").unwrap(),
        Saved::Beside(folder.path("a.pelago-run.ipynb"))
    );
    assert_eq!((folder.text("a.ipynb"), folder.text("a.pelago-run.ipynb")), ("edited".into(), "ran again".into()));
    // Once more: nothing is overwritten.
    assert_eq!(save_unless_changed(&path, "third", "ran").unwrap(), Saved::Beside(folder.path("a.pelago-run-2.ipynb")));
    assert_eq!(folder.text("a.pelago-run.ipynb"), "ran again");
    // One that is gone is written again.
    std::fs::remove_file(&path).unwrap();
    assert_eq!(save_unless_changed(&path, "back", "ran").unwrap(), Saved::Written);
    assert_eq!(folder.text("a.ipynb"), "back");
}

#[test]
fn a_copy_that_a_crash_left_is_found() {
    let folder = Folder::new();
    std::fs::write(folder.path("a.ipynb"), "old").unwrap();
    std::fs::hard_link(folder.path("a.ipynb"), folder.path("b.ipynb")).unwrap();
    symlink("a.ipynb", folder.path("link.ipynb")).unwrap();
    std::fs::write(folder.path(".a.ipynb.pelago-copy"), "of a crash").unwrap();
    assert_eq!(copies(&folder.path("link.ipynb")), [resolve(&folder.path(".a.ipynb.pelago-copy"))]);
    // It is no way of the next one.
    save(&folder.path("a.ipynb"), "new").unwrap();
    assert_eq!((folder.text("b.ipynb"), folder.text(".a.ipynb.pelago-copy")), ("new".into(), "of a crash".into()));
    assert_eq!(copies(&folder.path("b.ipynb")), Vec::<PathBuf>::new());
}

#[test]
fn a_device_is_written_and_stays() {
    let before = std::fs::metadata("/dev/null").unwrap();
    save(Path::new("/dev/null"), "text").unwrap();
    let after = std::fs::metadata("/dev/null").unwrap();
    assert_eq!((after.ino(), after.mode(), after.is_file()), (before.ino(), before.mode(), false));
}
