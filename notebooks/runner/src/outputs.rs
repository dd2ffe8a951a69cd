//! The outputs of all cells of one notebook while it runs: those of a cell that
//! ended may still change.

use pelago_cells::interpreter::{CellError, Event};

use crate::collect::{Collector, Own};
use crate::notebook::Executed;

/// One entry a cell of the file; `None` for a cell that stays as it is.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    cells: Vec<Option<(u64, Collector)>>,
}

impl Outputs {
    /// The next cell stays as it is in the file.
    pub(crate) fn keep(&mut self) {
        self.cells.push(None);
    }

    /// The next cell does not run. What a notebook showed before it was changed says nothing of this run.
    pub(crate) fn clear(&mut self) {
        self.cells.push(Some((0, Collector::default())));
    }

    /// The next cell runs, as the `count`th.
    pub(crate) fn begin(&mut self, count: u64) {
        self.cells.push(Some((count, Collector::default())));
    }

    /// Takes what a cell tells, while it runs or later, and changes what it updates in other cells.
    pub(crate) fn take(&mut self, cell: usize, event: Event) {
        let Some(Some((_, collector))) = self.cells.get_mut(cell) else { return };
        if let Some(update) = collector.take(event) {
            self.cells.iter_mut().flatten().for_each(|(_, collector)| collector.update(&update));
        }
    }

    /// Adds how a cell failed.
    pub(crate) fn fail(&mut self, cell: usize, error: &CellError) {
        if let Some(Some((_, collector))) = self.cells.get_mut(cell) {
            collector.fail(error);
        }
    }

    /// What stands below each cell now.
    pub(crate) fn finish(self) -> Vec<Option<Executed>> {
        let executed = |(count, collector): (u64, Collector)| Executed {
            count: (count > 0).then_some(count),
            outputs: collector.finish(count).into_iter().map(Own::into_output).collect(),
        };
        self.cells.into_iter().map(|cell| cell.map(executed)).collect()
    }
}
