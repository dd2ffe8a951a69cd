//! Writes tensors one after the other into files beside the model. No file
//! grows past a limit unless a single tensor does.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use crate::{
    Error,
    proto::{DataLocation, StringStringEntryProto, TensorProto},
    read::INLINE_MAX,
};

/// Tensors begin at multiples of this: a cache line, and more than any element.
const ALIGNMENT: u64 = 64;
/// The most that a message of protobuf may have.
const GRAPH_MAX: usize = i32::MAX as usize;

/// Where a tensor's values went.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Inline(Vec<u8>),
    File { location: String, offset: u64, length: u64 },
}

impl Place {
    /// Bytes.
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::File { length, .. } => *length,
        }
    }

    /// Lets a tensor have its values there.
    pub(super) fn give_to(&self, tensor: &mut TensorProto) {
        *tensor = TensorProto {
            dims: std::mem::take(&mut tensor.dims),
            data_type: tensor.data_type,
            name: tensor.name.take(),
            doc_string: tensor.doc_string.take(),
            metadata_props: std::mem::take(&mut tensor.metadata_props),
            ..TensorProto::default()
        };
        match self {
            Self::Inline(bytes) => tensor.raw_data = Some(bytes.clone()),
            Self::File { location, offset, length } => {
                tensor.data_location = Some(DataLocation::External as i32);
                let parts =
                    [("location", location.clone()), ("offset", offset.to_string()), ("length", length.to_string())];
                tensor.external_data = parts
                    .map(|(key, value)| StringStringEntryProto { key: Some(key.to_owned()), value: Some(value) })
                    .into();
            }
        }
    }
}

/// The files beside a model.
pub(super) struct Output<'a> {
    folder: &'a Path,
    name: &'a str,
    file_max: u64,
    file: Option<BufWriter<File>>,
    at: u64,
    /// What was written so far, relative to the folder.
    pub(super) files: Vec<String>,
    /// Bytes of values, wherever they went.
    pub(super) bytes: u64,
    current: Option<Place>,
    finished: bool,
}

impl<'a> Output<'a> {
    /// `name` is the model's file name; its data is in `<name>_data`,
    /// `<name>_data_1` and so on, as transformers.js looks for it.
    pub(super) fn new(folder: &'a Path, name: &'a str, file_max: u64) -> Self {
        let (files, current) = (Vec::new(), None);
        Self { folder, name, file_max, file: None, at: 0, files, bytes: 0, current, finished: false }
    }

    /// Begins a tensor of so many bytes.
    pub(super) fn begin(&mut self, length: u64) -> Result<(), Error> {
        self.bytes += length;
        if length <= INLINE_MAX {
            self.current = Some(Place::Inline(Vec::with_capacity(length as usize)));
            return Ok(());
        }
        let start = self.at.next_multiple_of(ALIGNMENT);
        if self.file.is_none() || (start > 0 && start + length > self.file_max) {
            self.next_file()?;
        }
        let padding = self.at.next_multiple_of(ALIGNMENT) - self.at;
        self.write(&[0; ALIGNMENT as usize][..padding as usize])?;
        let location = self.files.last().cloned().unwrap_or_default();
        self.current = Some(Place::File { location, offset: self.at, length });
        Ok(())
    }

    /// The next bytes of the tensor.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match &mut self.current {
            Some(Place::Inline(inline)) => inline.extend_from_slice(bytes),
            _ => self.write(bytes)?,
        }
        Ok(())
    }

    /// Ends the tensor.
    pub(super) fn end(&mut self) -> Place {
        self.current.take().unwrap_or(Place::Inline(Vec::new()))
    }

    /// A whole tensor.
    pub(super) fn tensor(&mut self, bytes: &[u8]) -> Result<Place, Error> {
        self.begin(bytes.len() as u64)?;
        self.put(bytes)?;
        Ok(self.end())
    }

    /// Writes the model itself, and gives its length.
    pub(super) fn finish(mut self, model: &[u8]) -> Result<(Vec<String>, u64), Error> {
        if model.len() > GRAPH_MAX {
            return Err(Error::GraphSize { bytes: model.len(), limit: GRAPH_MAX });
        }
        self.flush()?;
        let path = self.folder.join(self.name);
        self.files.push(self.name.to_owned());
        std::fs::write(&path, model).map_err(|source| Error::Write { path, source })?;
        self.finished = true;
        Ok((std::mem::take(&mut self.files), self.bytes))
    }

    fn next_file(&mut self) -> Result<(), Error> {
        self.flush()?;
        let number = self.files.len();
        let name = if number == 0 { format!("{}_data", self.name) } else { format!("{}_data_{number}", self.name) };
        let path = self.folder.join(&name);
        let file = File::create(&path).map_err(|source| Error::Write { path, source })?;
        self.file = Some(BufWriter::with_capacity(1 << 20, file));
        self.files.push(name);
        self.at = 0;
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.folder.join(self.files.last().map_or(self.name, String::as_str))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = self.file.as_mut().map_or(Ok(()), |file| file.write_all(bytes));
        written.map_err(|source| Error::Write { path: self.path(), source })?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        let flushed = self.file.take().map_or(Ok(()), |mut file| file.flush());
        flushed.map_err(|source| Error::Write { path: self.path(), source })
    }
}

impl Drop for Output<'_> {
    /// Half a model is of no use to anyone.
    fn drop(&mut self) {
        if !self.finished {
            for file in &self.files {
                // What cannot be removed is at least without its graph.
                let _ = std::fs::remove_file(self.folder.join(file));
            }
        }
    }
}
