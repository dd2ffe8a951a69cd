//! What can be asked about models.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use pelago_protocol::Family;

use crate::args::{bytes, word};

/// `pelago model`
#[derive(Debug, Subcommand)]
pub(crate) enum Model {
    /// Add a model under its CID: a folder (safetensors or ONNX, tokenizer, config) or hf://owner/name[@revision]
    Add(Add),
    /// Fetch a model by its CID from the sources that --source names
    Get {
        /// `bafy…`, `ipfs://bafy…/sub`, or the name of a model whose content has gone
        model: String,
        /// The name to know it by
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        print: Print,
    },
    /// Serve this machine's models to others: a trustless gateway, until Ctrl-C
    Serve(Serve),
    /// List the models that have a name
    List {
        #[command(flatten)]
        print: Print,
    },
    /// Show one model: its CID, family, files and the graphs made from it
    Show {
        /// A name or a CID
        model: String,
        #[command(flatten)]
        print: Print,
    },
    /// Show what a model takes on the disk, and what keeps it there
    Stat {
        /// A name or a CID
        model: String,
        #[command(flatten)]
        print: Print,
    },
    /// Show what a name has stood for, the newest first
    History {
        /// A name
        model: String,
        #[command(flatten)]
        print: Print,
    },
    /// Let a name stand for what it stood for before
    Rollback {
        /// A name
        model: String,
        /// How many entries of its history back
        #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        steps: u32,
        #[command(flatten)]
        print: Print,
    },
    /// Keep a model: it cannot be removed or make room for others
    Pin {
        /// A name or a CID
        model: String,
        #[command(flatten)]
        print: Print,
    },
    /// Take a pin away
    Unpin {
        /// A name or a CID
        model: String,
        #[command(flatten)]
        print: Print,
    },
    /// Read and hash every block of a model again
    Verify {
        /// A name or a CID
        model: String,
        #[command(flatten)]
        print: Print,
    },
    /// Remove what broken-off fetches left
    Gc {
        #[command(flatten)]
        print: Print,
    },
    /// Write a model to a CAR file
    Export {
        /// A name or a CID
        model: String,
        /// The file
        file: PathBuf,
        #[command(flatten)]
        print: Print,
    },
    /// Read a model from a CAR file
    Import {
        /// The file
        file: PathBuf,
        /// The name to know it by
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        print: Print,
    },
    /// Take a model's name away and free the bytes that no other model uses
    Remove {
        /// A name
        model: String,
        #[command(flatten)]
        print: Print,
    },
}

/// How the answer is printed.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Print {
    /// Print a JSON object, one a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// `pelago model add`
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The model's folder, `hf://owner/name[@revision][/sub]`, or the address of a file
    pub(crate) from: String,
    /// The name to know it by [default: the one in its config, the repository's, or the folder's]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The family, where detection is wrong
    #[arg(long, value_parser = word::<Family>, value_name = "FAMILY")]
    pub(crate) family: Option<Family>,
    /// Of a repository, files that match this pattern (`onnx/*.onnx`); may be repeated [default: what a model needs]
    #[arg(long, value_name = "PATTERN")]
    pub(crate) include: Vec<String>,
    /// And none that match this one; may be repeated
    #[arg(long, value_name = "PATTERN")]
    pub(crate) exclude: Vec<String>,
    #[command(flatten)]
    pub(crate) print: Print,
}

/// `pelago model serve`
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The address
    #[arg(long, default_value = "127.0.0.1:8081", value_name = "ADDRESS:PORT")]
    pub(crate) listen: SocketAddr,
    /// Allow an address that other machines can reach: whoever knows a CID can then fetch it
    #[arg(long)]
    pub(crate) beyond_loopback: bool,
    /// Bytes a second that are sent, e.g. 20M
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(crate) upload_limit: Option<NonZeroU64>,
    /// Connections at a time
    #[arg(long, default_value_t = 256, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) connections: u32,
    #[command(flatten)]
    pub(crate) print: Print,
}

impl Model {
    /// Whether the answer, an error among it, is wanted as JSON.
    pub(crate) fn json(&self) -> bool {
        let print = match self {
            Self::Add(add) => add.print,
            Self::Serve(serve) => serve.print,
            Self::Get { print, .. }
            | Self::List { print }
            | Self::Show { print, .. }
            | Self::Stat { print, .. }
            | Self::History { print, .. }
            | Self::Rollback { print, .. }
            | Self::Pin { print, .. }
            | Self::Unpin { print, .. }
            | Self::Verify { print, .. }
            | Self::Gc { print }
            | Self::Export { print, .. }
            | Self::Import { print, .. }
            | Self::Remove { print, .. } => *print,
        };
        print.json
    }
}
