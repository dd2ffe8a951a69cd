//! What is kept and what goes: pins and leases, the quota with its evictions, and gc.

pub(crate) mod gc;
pub(crate) mod holds;
pub(crate) mod last_used;
pub(crate) mod pins;
pub(crate) mod quota;
