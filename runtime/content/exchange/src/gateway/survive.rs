//! What must hold of any request whatever: for tests and for fuzzers.

use hyper::HeaderMap;
use hyper::header::{ACCEPT, HeaderValue, IF_NONE_MATCH};

use super::headers::{disposition, etag, has_already};
use super::request::Wanted;

/// Reads a request, and panics where one that was read could do harm.
pub(crate) fn survive(path: &str, query: &str, accept: &[u8], tags: &[u8]) {
    let mut headers = HeaderMap::new();
    for (name, value) in [(ACCEPT, accept), (IF_NONE_MATCH, tags)] {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.insert(name, value);
        }
    }
    match Wanted::read(path, Some(query), &headers) {
        Ok(wanted) => {
            // What goes into headers has nothing that could end one and begin another.
            for text in [etag(&wanted), disposition(&wanted)] {
                assert!(text.bytes().all(|byte| (b' '..0x7f).contains(&byte)), "{text:?}");
            }
            assert!(!wanted.path.split('/').any(|name| matches!(name, "." | "..") || name.contains('\0')));
            has_already(&headers, &etag(&wanted));
        }
        Err(refusal) => assert!(refusal.status().is_client_error()),
    }
}
