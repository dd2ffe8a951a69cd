//! `kernel_info_reply`: what the kernel is. It is known without an interpreter.

use serde_json::{Value, json};

use super::message::PROTOCOL;

pub(crate) fn reply() -> Value {
    json!({
        "status": "ok",
        "protocol_version": PROTOCOL,
        "implementation": "pelago",
        "implementation_version": env!("CARGO_PKG_VERSION"),
        "language_info": {
            "name": "rust",
            "version": env!("CARGO_PKG_RUST_VERSION"),
            "mimetype": "text/x-rustsrc",
            "file_extension": ".rs",
            "pygments_lexer": "rust",
            "codemirror_mode": "rust",
        },
        "banner": concat!(
            "Pelago ", env!("CARGO_PKG_VERSION"), ": machine-learning models in real browsers. ",
            "A cell is Rust, or :commands; :help lists them."
        ),
        "debugger": false,
        "supported_features": [],
        "help_links": [
            { "text": "Pelago", "url": env!("CARGO_PKG_REPOSITORY") },
            { "text": "Rust", "url": "https://doc.rust-lang.org/std/" },
            { "text": "Polars", "url": "https://docs.rs/polars" },
        ],
    })
}
