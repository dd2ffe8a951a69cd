//! What threads of cells print after their cells ended: it belongs to those
//! cells all the same, as in a Jupyter front end.

use std::task::Poll;

use pelago_cells::interpreter::Event;
use tokio::sync::mpsc;

/// Events that wait while one is taken.
const EVENTS: usize = 256;

/// The ends of the channels of all cells that ran.
#[derive(Debug, Default)]
pub(crate) struct Late {
    /// The cell's place in the notebook, from 0.
    cells: Vec<(usize, mpsc::Receiver<Event>)>,
}

impl Late {
    /// A sender for the threads of one cell.
    pub(crate) fn sender(&mut self, cell: usize) -> mpsc::Sender<Event> {
        let (sender, receiver) = mpsc::channel(EVENTS);
        self.cells.push((cell, receiver));
        sender
    }

    /// The next event of any cell. Pending for good where no cell has a thread any more.
    pub(crate) async fn next(&mut self) -> (usize, Event) {
        std::future::poll_fn(|context| {
            let mut at = 0;
            while let Some((cell, events)) = self.cells.get_mut(at) {
                match events.poll_recv(context) {
                    Poll::Ready(Some(event)) => return Poll::Ready((*cell, event)),
                    Poll::Ready(None) => {
                        self.cells.remove(at);
                    }
                    Poll::Pending => at += 1,
                }
            }
            Poll::Pending
        })
        .await
    }

    /// An event that is there already.
    pub(crate) fn waiting(&mut self) -> Option<(usize, Event)> {
        self.cells.iter_mut().find_map(|(cell, events)| events.try_recv().ok().map(|event| (*cell, event)))
    }
}
