//! The files that a run reads and writes: what is seen before anything runs, and
//! what stays of a file that is written.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

use serde_json::json;

use super::folder::{Folder, Gate, count, plain};

/// What `pelago run` says where it refuses; that no cell ran, the missing file of `first` shows.
fn refused(folder: &Folder, arguments: &[&str], reason: &str) {
    let output = folder.command(arguments).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.code() == Some(2) && said.contains(reason), "{arguments:?}: {said}");
    assert!(!folder.path("ran").exists(), "{arguments:?}: {said}");
}

/// A notebook that leaves a file where it runs.
fn first(folder: &Folder, name: &str) {
    folder.notebook(name, &[plain("std::fs::write(\"ran\", \"\")?;"), plain("6 * 7")]);
}

#[test]
fn a_place_that_takes_no_file_is_told_before_anything_runs() {
    let folder = Folder::new();
    first(&folder, "a.ipynb");
    let refused = |arguments: &[&str], reason: &str| refused(&folder, arguments, reason);
    refused(&["a.ipynb", "-o", "missing/x.ipynb"], "missing/x.ipynb cannot be written: there is no folder missing");
    refused(&["a.ipynb", "-o", "/dev/null/x.ipynb"], "/dev/null/x.ipynb cannot be written: /dev/null is not a folder");
    refused(&["a.ipynb", "--junit", "missing/report.xml"], "missing/report.xml cannot be written: there is no folder");
    std::fs::create_dir_all(folder.path("out/a.ipynb")).unwrap();
    refused(&["a.ipynb", "-o", "out"], "out/a.ipynb cannot be written: it is a folder");
    refused(&["a.ipynb", "--junit", "out"], "out cannot be written: it is a folder");
    refused(&["a.ipynb", "--junit", "./a.ipynb"], "--junit names ./a.ipynb, which is a notebook of this run");
    refused(&["a.ipynb", "-o", "b.ipynb", "--junit", "out/../b.ipynb"], "--junit names out/../b.ipynb");
    std::fs::set_permissions(folder.path("a.ipynb"), std::fs::Permissions::from_mode(0o444)).unwrap();
    refused(&["a.ipynb", "--inplace"], "a.ipynb cannot be written: it is read-only");
    assert_eq!(folder.run(&["a.ipynb", "-o", "b.ipynb"]).0, Some(0));
    assert_eq!(count(&folder.cells("b.ipynb")[1]), Some(2));
}

#[test]
fn one_file_is_run_once_however_it_is_spelled() {
    let folder = Folder::new();
    first(&folder, "same.ipynb");
    std::fs::create_dir(folder.path("x")).unwrap();
    std::fs::hard_link(folder.path("same.ipynb"), folder.path("hard.ipynb")).unwrap();
    symlink("same.ipynb", folder.path("soft.ipynb")).unwrap();
    symlink(".", folder.path("here")).unwrap();
    for other in ["same.ipynb", "./same.ipynb", "x/../same.ipynb", "hard.ipynb", "soft.ipynb", "here/same.ipynb"] {
        let reason = format!("{other} and same.ipynb are one file");
        for more in [&["--inplace", "--jobs", "2"][..], &["--check"], &["-o", "out"], &[]] {
            refused(&folder, &[&[other, "same.ipynb"], more].concat(), &reason);
        }
    }
    // Outputs, too: one name in a folder leads to another notebook.
    folder.notebook("b.ipynb", &[plain("1")]);
    symlink("../b.ipynb", folder.path("x/same.ipynb")).unwrap();
    let reason = "x/same.ipynb would be written over the notebook b.ipynb";
    refused(&folder, &["same.ipynb", "b.ipynb", "-o", "x"], reason);
}

#[test]
fn a_folder_is_answered_with_what_to_write() {
    let folder = Folder::new();
    let help = "→ name its notebooks: pelago run ./*.ipynb (there are 2)";
    refused(&folder, &["."], "there is none in this folder");
    first(&folder, "a.ipynb");
    first(&folder, "b.ipynb");
    refused(&folder, &["."], ". cannot be read: it is a folder");
    refused(&folder, &["."], help);
}

#[test]
fn a_file_keeps_its_owner_and_its_names() {
    let folder = Folder::new();
    first(&folder, "a.ipynb");
    std::fs::set_permissions(folder.path("a.ipynb"), std::fs::Permissions::from_mode(0o664)).unwrap();
    // Only root can give a file away; others keep their own here.
    let _ = chown(folder.path("a.ipynb"), Some(1000), Some(1001));
    symlink("a.ipynb", folder.path("soft.ipynb")).unwrap();
    let owner = |name: &str| {
        let found = std::fs::metadata(folder.path(name)).unwrap();
        (found.uid(), found.gid(), found.mode())
    };
    let before = owner("a.ipynb");
    assert_eq!(folder.run(&["soft.ipynb", "--inplace"]).0, Some(0));
    assert_eq!(owner("a.ipynb"), before);
    assert!(std::fs::symlink_metadata(folder.path("soft.ipynb")).unwrap().is_symlink());
    assert_eq!(count(&folder.cells("a.ipynb")[1]), Some(2));

    first(&folder, "b.ipynb");
    std::fs::hard_link(folder.path("b.ipynb"), folder.path("hard.ipynb")).unwrap();
    assert_eq!(folder.run(&["b.ipynb", "--inplace"]).0, Some(0));
    assert_eq!(folder.text("hard.ipynb"), folder.text("b.ipynb"));
    assert_eq!(count(&folder.cells("hard.ipynb")[1]), Some(2));
    let names = std::fs::read_dir(folder.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    let left = names.filter(|name| name.to_string_lossy().starts_with('.')).collect::<Vec<_>>();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_was_saved_while_it_ran_stays() {
    let folder = Folder::new();
    let gate = Gate::new();
    folder.notebook("a.ipynb", &[plain(&gate.waiting()), plain("6 * 7")]);
    let child = folder.command(&["a.ipynb", "--inplace"]).spawn().unwrap();
    let stream = gate.reached();
    // As an editor does: written beside, and moved there.
    folder.notebook("new.ipynb", &[plain("the cell of an author")]);
    let edited = folder.text("new.ipynb");
    std::fs::rename(folder.path("new.ipynb"), folder.path("a.ipynb")).unwrap();
    drop(stream);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    let told = "a.ipynb was changed while it ran: it stays as it was saved, and what ran is in a.pelago-run.ipynb";
    assert!(said.starts_with("not kept    a.ipynb: 2/2 cells") && said.contains(told), "{said}");
    assert_eq!(folder.text("a.ipynb"), edited);
    let cells = folder.cells("a.pelago-run.ipynb");
    assert_eq!(cells[1]["outputs"][0]["data"]["text/plain"], json!(["42"]));
}

#[test]
fn a_copy_that_a_killed_run_left_is_named() {
    let folder = Folder::new();
    folder.notebook("a.ipynb", &[plain(":help")]);
    let whole = folder.text("a.ipynb");
    // In the middle of writing in place.
    std::fs::write(folder.path(".a.ipynb.pelago-copy"), &whole).unwrap();
    std::fs::write(folder.path("a.ipynb"), &whole[..whole.len() / 2]).unwrap();
    let (code, said) = folder.run(&["a.ipynb", "--inplace"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("a run that was killed wrote only a part of it"), "{said}");
    assert!(said.contains("a.ipynb.pelago-copy > a.ipynb"), "{said}");

    // Before it, and after it.
    std::fs::write(folder.path("a.ipynb"), whole.replace(":help", ":vars")).unwrap();
    let output = folder.command(&["a.ipynb", "--inplace"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(0) && said.contains("a.ipynb.pelago-copy: see whether it has"), "{said}");
    assert!(folder.path(".a.ipynb.pelago-copy").exists());
    std::fs::write(folder.path("a.ipynb"), &whole).unwrap();
    let output = folder.command(&["a.ipynb", "--inplace"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(0) && !said.contains("pelago-copy"), "{said}");
    assert!(!folder.path(".a.ipynb.pelago-copy").exists());
}
