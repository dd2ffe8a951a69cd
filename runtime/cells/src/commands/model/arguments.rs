//! What can be asked about models.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pelago_protocol::{BrowserKind, Family, Platform, PrecisionChoice};

use crate::commands::values;
use pelago_content::Profile;

/// A question or an order about models.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum ModelCommand {
    /// Add a model under its CID: a folder (safetensors or ONNX, tokenizer, config), hf://owner/name[@revision], or a file's address
    Add(Add),
    /// Fetch a model by its CID from the sources that --source names
    Get {
        /// `bafy…`, `ipfs://bafy…/sub`, `ipns://k51…`, or the name of a model whose content has gone
        model: String,
        /// The name to know it by
        #[arg(long)]
        name: Option<String>,
    },
    /// Look now what the IPNS name leads to that a model's name follows
    Refresh {
        /// A name that `get ipns://… --name NAME` made
        model: String,
    },
    /// List the models that have a name
    List,
    /// Show one model: its CID, family and files
    Show {
        /// A name or a CID
        model: String,
    },
    /// Show what a model takes on the disk, and what keeps it there
    Stat {
        /// A name or a CID
        model: String,
    },
    /// Show what a name has stood for, the newest first
    History {
        /// A name
        model: String,
    },
    /// Let a name stand for what it stood for before
    Rollback {
        /// A name
        model: String,
        /// How many entries of its history back
        #[arg(long, default_value_t = 1, value_name = "N", value_parser = values::whole::<u32>(1..=u64::from(u32::MAX)))]
        steps: u32,
    },
    /// Keep a model: it cannot be removed or make room for others
    Pin {
        /// A name or a CID
        model: String,
    },
    /// Take a pin away
    Unpin {
        /// A name or a CID
        model: String,
    },
    /// Read and hash every block of a model again
    Verify {
        /// A name or a CID
        model: String,
    },
    /// Compare a model's vectors with those of another library: a golden.json, as scripts/golden.py writes it
    Check(Check),
    /// Remove what broken-off fetches left
    Gc,
    /// Write a model to a CAR file
    Export {
        /// A name or a CID
        model: String,
        /// The file
        file: PathBuf,
    },
    /// Read a model from a CAR file
    Import {
        /// The file
        file: PathBuf,
        /// The name to know it by
        #[arg(long)]
        name: Option<String>,
    },
    /// Take a model's name away and free the bytes that no other model uses
    Remove {
        /// A name
        model: String,
    },
}

/// What is compared, and where it runs.
#[derive(Clone, Debug, Args)]
pub(super) struct Check {
    /// A name or a CID
    pub(super) model: String,
    /// The file with texts and vectors [default: golden.json in the model's folder]
    #[arg(long, value_name = "FILE")]
    pub(super) golden: Option<PathBuf>,
    /// Where in the page the model runs
    #[arg(long, default_value = "auto", value_parser = values::platform())]
    pub(super) platform: Platform,
    /// Which browser runs it
    #[arg(long, default_value = "auto", value_parser = values::browser())]
    pub(super) browser: BrowserKind,
    /// Bits a weight
    #[arg(long, value_name = "BITS", default_value = "32", value_parser = values::precision_choice())]
    pub(super) precision: PrecisionChoice,
}

/// What is added, and as what.
#[derive(Clone, Debug, Args)]
pub(super) struct Add {
    /// The model's folder, `hf://owner/name[@revision][/sub]`, or the address of a file
    pub(super) from: String,
    /// The name to know it by [default: the one in its config, the repository's, or the folder's]
    #[arg(long)]
    pub(super) name: Option<String>,
    /// The family, where detection is wrong
    #[arg(long, value_parser = values::family(), value_name = "FAMILY")]
    pub(super) family: Option<Family>,
    /// What decides the CID (IPIP-499); v0-2015 gives the CIDs of `ipfs add`
    #[arg(long, value_parser = values::profile(), value_name = "PROFILE", default_value = Profile::default().as_str())]
    pub(super) profile: Profile,
    /// Of a repository, files that match this pattern (`onnx/*.onnx`); may be repeated [default: what a model needs]
    #[arg(long, value_name = "PATTERN")]
    pub(super) include: Vec<String>,
    /// And none that match this one; may be repeated
    #[arg(long, value_name = "PATTERN")]
    pub(super) exclude: Vec<String>,
}
