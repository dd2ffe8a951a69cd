//! What a cell calls a model, as the session is asked for it.

use pelago_protocol::model_from;

/// A model by what a cell calls it: a path is one from the cell's own folder.
pub(crate) fn from_here(model: impl Into<String>) -> String {
    match std::env::current_dir() {
        Ok(folder) => model_from(&folder, model.into()),
        // A folder that is gone has nothing in it.
        Err(_) => model.into(),
    }
}
