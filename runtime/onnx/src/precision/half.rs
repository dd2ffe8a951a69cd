use super::{constant::Weights, graphs::Graphs, jobs::Jobs};
use crate::Error;
use std::collections::HashSet;
pub(super) fn convert(_: &mut Graphs, _: &mut Jobs, _: &mut Weights, _: &HashSet<String>) -> Result<(), Error> {
    Ok(())
}
