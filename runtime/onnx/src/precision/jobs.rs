//! What initializers are to hold, computed when they are written: a piece of a
//! weight at a time, so that memory holds no more than a part of the largest.

use std::collections::HashMap;

use half::{f16, slice::HalfFloatSliceExt};

use super::{
    blocks::{Blocks, NotFinite},
    constant::Weight,
    integer,
    layout::Layout,
    output::{Output, Place},
    table::{Table, pairs},
};
use crate::{Error, files::Files};

/// How much of a weight is read at once, in elements.
const PIECE: usize = 1 << 20;

/// What an initializer is to hold.
#[derive(Clone, Debug)]
pub(super) enum Job {
    /// One of the parts that a weight becomes.
    Part { group: usize, part: Part, half: bool },
    /// A weight in half precision.
    Half(Weight),
    /// A weight in single precision.
    Single(Weight),
}

/// A part of what a weight becomes. `Rows` are the bytes of `Packed`, which
/// `GatherBlockQuantized` takes as a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part {
    Packed,
    Rows,
    Scales,
    Zeros,
}

/// What a weight becomes.
#[derive(Clone, Debug)]
pub(super) enum Group {
    Blocks { weight: Weight, layout: Layout, transposed: bool },
    Table { weight: Weight, block: usize, symmetric: bool },
    Integer { weight: Weight, transposed: bool },
}

/// Everything that is to be computed, by the initializer that it is for.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    pub(super) of: HashMap<(usize, String), Job>,
    pub(super) groups: Vec<Group>,
    pub(super) named: HashMap<(usize, Part), String>,
}

/// Computes and writes.
pub(super) struct Writer<'a, 'o> {
    pub(super) files: &'a dyn Files,
    pub(super) output: Output<'o>,
    done: HashMap<usize, Done>,
}

/// What is left of a group once its codes are written.
struct Done {
    packed: Place,
    scales: Vec<f32>,
    zeros: Vec<u8>,
    places: HashMap<(Part, bool), Place>,
}

impl<'a, 'o> Writer<'a, 'o> {
    pub(super) fn new(files: &'a dyn Files, output: Output<'o>) -> Self {
        Self { files, output, done: HashMap::new() }
    }

    /// Computes and writes what an initializer is to hold.
    pub(super) fn write(&mut self, jobs: &Jobs, job: &Job) -> Result<Place, Error> {
        match job {
            Job::Half(weight) => self.floats(weight, 2, halves),
            Job::Single(weight) => self.floats(weight, 4, singles),
            Job::Part { group, part, half } => {
                if !self.done.contains_key(group) {
                    let done = match &jobs.groups[*group] {
                        Group::Blocks { weight, layout, transposed: true } => self.rows(weight, *layout)?,
                        Group::Blocks { weight, layout, transposed: false } => self.columns(weight, *layout)?,
                        Group::Table { weight, block, symmetric } => self.table(weight, *block, *symmetric)?,
                        Group::Integer { weight, transposed } => self.integer(weight, *transposed)?,
                    };
                    self.done.insert(*group, done);
                }
                let Some(done) = self.done.get_mut(group) else { unreachable!("it was put in above") };
                if let Some(place) = done.places.get(&(*part, *half)) {
                    return Ok(place.clone());
                }
                let place = match part {
                    Part::Packed | Part::Rows => done.packed.clone(),
                    Part::Scales => {
                        let bytes = match half {
                            false => singles(&done.scales),
                            true => halves(&done.scales),
                        };
                        self.output.tensor(&bytes)?
                    }
                    Part::Zeros => self.output.tensor(&done.zeros)?,
                };
                done.places.insert((*part, *half), place.clone());
                Ok(place)
            }
        }
    }

    /// Copies a tensor as it is.
    pub(super) fn copy(&mut self, source: &crate::read::Source) -> Result<Place, Error> {
        self.output.begin(source.length())?;
        let (length, piece) = (source.length(), 4 * PIECE as u64);
        for start in (0..length).step_by(piece as usize) {
            let bytes = source.read(self.files, start, piece.min(length - start) as usize)?;
            self.output.put(&bytes)?;
        }
        Ok(self.output.end())
    }

    /// A weight in elements of so many bytes.
    fn floats(&mut self, weight: &Weight, bytes: u64, encode: fn(&[f32]) -> Vec<u8>) -> Result<Place, Error> {
        let count = weight.count();
        self.output.begin(bytes * count as u64)?;
        for start in (0..count).step_by(PIECE) {
            let values = weight.floats(self.files, start, PIECE.min(count - start))?;
            self.output.put(&encode(&values))?;
        }
        Ok(self.output.end())
    }

    fn rows(&mut self, weight: &Weight, layout: Layout) -> Result<Done, Error> {
        self.output.begin((layout.packed_row() * layout.n) as u64)?;
        let (mut scales, mut zeros) = (Vec::new(), Vec::new());
        let piece = (PIECE / layout.k.max(1)).max(1);
        for start in (0..layout.n).step_by(piece) {
            let rows = piece.min(layout.n - start);
            let values = weight.floats(self.files, start * layout.k, rows * layout.k)?;
            let blocks = Blocks::of_rows(&values, layout);
            let blocks = blocks.map_err(|at| not_finite(weight, at, (at.at.1 + start) * layout.k + at.at.0))?;
            self.output.put(&blocks.packed)?;
            scales.extend(blocks.scales);
            zeros.extend(blocks.zero_points);
        }
        done(self.output.end(), scales, zeros, weight)
    }

    fn columns(&mut self, weight: &Weight, layout: Layout) -> Result<Done, Error> {
        let mut blocks = Blocks::room(layout, layout.n);
        for block in 0..layout.blocks() {
            let (start, n) = (block * layout.block, layout.n);
            let rows = layout.block.min(layout.k - start);
            let values = weight.floats(self.files, start * n, rows * n)?;
            let added = blocks.add_columns(&values, block);
            added.map_err(|at| not_finite(weight, at, at.at.0 * n + at.at.1))?;
        }
        blocks.finish();
        let packed = self.output.tensor(&blocks.packed)?;
        done(packed, blocks.scales, blocks.zero_points, weight)
    }

    fn table(&mut self, weight: &Weight, block: usize, symmetric: bool) -> Result<Done, Error> {
        let (rows, width) = (weight.shape[0], weight.shape[1]);
        self.output.begin((rows * width).div_ceil(2) as u64)?;
        let (mut scales, mut zeros) = (Vec::new(), Vec::new());
        // An even number, so that no byte has codes of two pieces.
        let piece = (PIECE / width.max(1)).max(1).next_multiple_of(2);
        for start in (0..rows).step_by(piece) {
            let count = piece.min(rows - start);
            let values = weight.floats(self.files, start * width, count * width)?;
            let table = Table::of_rows(&values, width, block, symmetric);
            let table = table.map_err(|at| not_finite(weight, at, (at.at.1 + start) * width + at.at.0))?;
            self.output.put(&table.packed)?;
            scales.extend(table.scales);
            zeros.extend(table.zero_points);
        }
        done(self.output.end(), scales, pairs(&zeros), weight)
    }

    fn integer(&mut self, weight: &Weight, transposed: bool) -> Result<Done, Error> {
        let (rows, columns) = (weight.shape[0], weight.shape[1]);
        let piece = (PIECE / columns.max(1)).max(1);
        let pieces = || (0..rows).step_by(piece).map(|start| (start, piece.min(rows - start)));
        let mut farthest = vec![0.0; if transposed { rows } else { columns }];
        for (start, count) in pieces() {
            let values = weight.floats(self.files, start * columns, count * columns)?;
            let found = integer::farthest(&values, columns, start, transposed, &mut farthest);
            found.map_err(|at| not_finite(weight, at, (at.at.0 + start) * columns + at.at.1))?;
        }
        let scales = farthest.iter().map(|farthest| integer::scale(*farthest)).collect::<Vec<_>>();
        self.output.begin((rows * columns) as u64)?;
        let mut turned = vec![0; if transposed { rows * columns } else { 0 }];
        for (start, count) in pieces() {
            let values = weight.floats(self.files, start * columns, count * columns)?;
            if transposed {
                integer::codes_of_rows(&values, columns, start, &scales, &mut turned);
            } else {
                self.output.put(&integer::codes_of_columns(&values, &scales))?;
            }
        }
        self.output.put(&turned)?;
        done(self.output.end(), scales, Vec::new(), weight)
    }
}

fn done(packed: Place, scales: Vec<f32>, zeros: Vec<u8>, weight: &Weight) -> Result<Done, Error> {
    match scales.iter().position(|scale| !scale.is_finite()) {
        Some(at) => Err(Error::NotFinite { tensor: weight.name.clone(), value: scales[at], index: at as u64 }),
        None => Ok(Done { packed, scales, zeros, places: HashMap::new() }),
    }
}

fn not_finite(weight: &Weight, found: NotFinite, index: usize) -> Error {
    Error::NotFinite { tensor: weight.name.clone(), value: found.value, index: index as u64 }
}

/// As little-endian bytes.
fn singles(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The nearest numbers of half precision, as little-endian bytes. One that is too
/// large for it, such as what masks add to scores, is its largest; infinity stays.
pub(super) fn halves(values: &[f32]) -> Vec<u8> {
    let most = f16::MAX.to_f32();
    let clamp = |value: &f32| if value.is_finite() { value.clamp(-most, most) } else { *value };
    let values = values.iter().map(clamp).collect::<Vec<_>>();
    let mut halves = vec![f16::ZERO; values.len()];
    halves.convert_from_f32_slice(&values);
    let mut bytes = vec![0; 2 * values.len()];
    for (bytes, half) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(halves) {
        *bytes = half.to_le_bytes();
    }
    bytes
}
