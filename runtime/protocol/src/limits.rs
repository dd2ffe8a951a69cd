//! Bounds that host and page must agree on.

/// Tokens that one run of a graph may hold, padding included: bounds the memory of activations.
pub const TOKENS_A_RUN: u64 = 8_192;
/// Rows of one run where shapes are free.
pub const ROWS_A_RUN: u64 = 64;
/// Rows of one run where shapes are fixed.
pub const FIXED_ROWS_A_RUN: u64 = 16;
/// Requests that a page may have at once, running or waiting.
pub const REQUESTS_A_PAGE: u64 = 256;
/// Bytes from which on a tensor is not in its message, but beside it or after it.
pub const ATTACHMENT_BYTES: u64 = 256 << 10;
/// Parts of one request that a page may send before the host has taken the first of them.
pub const PARTS_AHEAD: u64 = 32;
