//! Where the results of a command line go, and whether they can: no two to one
//! file, none over a notebook that is run, each to a place that takes it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::Options;
use crate::error::NotebookError;
use crate::files::{self, Identity};

/// The places of all results.
#[derive(Debug)]
pub(crate) struct Places {
    /// One a notebook, where it goes anywhere.
    outputs: Vec<Option<PathBuf>>,
    /// The folder of all outputs, where there is one.
    folder: Option<PathBuf>,
    junit: Option<PathBuf>,
}

impl Places {
    /// The places that a command line names. Nothing is made yet.
    ///
    /// # Errors
    /// [`NotebookError`] where two of its files are one.
    pub(crate) fn find(options: &Options) -> Result<Self, NotebookError> {
        let notebooks = &options.notebooks;
        let mut inputs = BTreeMap::<Identity, &PathBuf>::new();
        for path in notebooks {
            if let Some(first) = inputs.insert(Identity::of(path), path) {
                return Err(NotebookError::Twice { first: first.clone(), second: path.clone() });
            }
        }
        let (outputs, folder) = outputs(options)?;
        let mut taken = BTreeMap::<Identity, &PathBuf>::new();
        for (path, output) in notebooks.iter().zip(&outputs) {
            let Some(output) = output else { continue };
            let identity = Identity::of(output);
            if let Some(notebook) = inputs.get(&identity).filter(|input| **input != path) {
                return Err(NotebookError::OverNotebook { path: output.clone(), notebook: (*notebook).clone() });
            }
            if taken.insert(identity, output).is_some() {
                return Err(NotebookError::SameOutput { path: output.clone() });
            }
        }
        if let Some(path) = &options.junit {
            let identity = Identity::of(path);
            if inputs.contains_key(&identity) || taken.contains_key(&identity) {
                return Err(NotebookError::OverReport { path: path.clone() });
            }
        }
        let junit = options.junit.clone();
        Ok(Self { outputs, folder, junit })
    }

    /// Where each notebook's result goes.
    pub(crate) fn outputs(&self) -> &[Option<PathBuf>] {
        &self.outputs
    }

    /// Makes the folder of outputs, and sees that each of `outputs` and the report can be written.
    ///
    /// # Errors
    /// [`NotebookError`] where one cannot.
    pub(crate) fn check<'a>(&self, mut outputs: impl Iterator<Item = &'a Path>) -> Result<(), NotebookError> {
        if let Some(folder) = &self.folder {
            std::fs::create_dir_all(folder).map_err(|source| NotebookError::Write { path: folder.clone(), source })?;
        }
        outputs.try_for_each(files::check)?;
        self.junit.as_deref().map_or(Ok(()), files::check)
    }
}

/// Where each notebook's result goes, and the folder that they share.
fn outputs(options: &Options) -> Result<(Vec<Option<PathBuf>>, Option<PathBuf>), NotebookError> {
    let notebooks = &options.notebooks;
    let Some(output) = &options.output else {
        let own = |path: &PathBuf| options.inplace.then(|| path.clone());
        return Ok((notebooks.iter().map(own).collect(), None));
    };
    let ends_as_folder = output.as_os_str().as_encoded_bytes().ends_with(b"/");
    if !output.is_dir() && !ends_as_folder && notebooks.len() == 1 {
        return Ok((vec![Some(output.clone())], None));
    }
    if output.is_file() {
        return Err(NotebookError::OneOutput { path: output.clone(), notebooks: notebooks.len() });
    }
    let name = |path: &PathBuf| path.file_name().map(|name| output.join(name));
    Ok((notebooks.iter().map(name).collect(), Some(output.clone())))
}
