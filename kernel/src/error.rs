//! What keeps the kernel from starting. Once it runs, nothing that a client
//! sends ends it.

use std::path::PathBuf;

use zeromq::ZmqError;

/// Why there is no kernel.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// The connection file cannot be read.
    #[error("the connection file {} cannot be read: {source}", path.display())]
    ConnectionFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It is no connection file.
    #[error("{} is not a connection file: {source}", path.display())]
    ConnectionFormat {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        source: serde_json::Error,
    },
    /// The address is neither a number nor `localhost`.
    #[error("the connection file names the address {ip:?}")]
    Address {
        /// What the file names.
        ip: String,
    },
    /// A port is zero.
    #[error("the connection file names port 0 for {channel}")]
    Port {
        /// Which channel's.
        channel: &'static str,
    },
    /// Other machines could reach the address.
    #[error("the connection file names {ip}, which other machines can reach")]
    Remote {
        /// What the file names.
        ip: String,
    },
    /// Other machines could reach the address, and no signature would keep them off.
    #[error("the connection file names {ip} and no key: whoever reaches it could run code")]
    RemoteWithoutKey {
        /// What the file names.
        ip: String,
    },
    /// Messages are signed in a way that is not spoken here.
    #[error("the connection file asks for the signature scheme {scheme:?}, which is not spoken here")]
    SignatureScheme {
        /// What the file names.
        scheme: String,
    },
    /// A socket cannot listen.
    #[error("the {channel} socket cannot listen on {address}: {source}")]
    Bind {
        /// Which channel's.
        channel: &'static str,
        /// Where it should listen.
        address: String,
        /// Why not.
        source: std::io::Error,
    },
    /// ZeroMQ refuses a socket.
    #[error("the {channel} socket cannot be made: {source}")]
    Socket {
        /// Which channel's.
        channel: &'static str,
        /// Why not.
        source: ZmqError,
    },
    /// The folder of the sockets within the kernel cannot be made.
    #[error("no folder for the kernel's sockets can be made: {source}")]
    Folder {
        /// Why not.
        source: std::io::Error,
    },
    /// The operating system refuses to tell of signals.
    #[error("signals cannot be waited for: {source}")]
    Signals {
        /// Why not.
        source: std::io::Error,
    },
}

impl KernelError {
    /// What to do next.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::ConnectionFile { .. } => "Jupyter writes one when it starts a kernel, and names it",
            Self::ConnectionFormat { .. } => "it must be the JSON with ports and key that Jupyter writes",
            Self::Address { .. } => "name an IP address such as 127.0.0.1, or an ipc path",
            Self::Port { .. } => "name a free port: clients read theirs from the same file",
            Self::Remote { .. } => "use 127.0.0.1 or ipc, or start the kernel with --allow-remote",
            Self::RemoteWithoutKey { .. } => "set a key",
            Self::SignatureScheme { .. } => "use hmac-sha256",
            Self::Bind { .. } => "see whether another kernel was started with the same connection file",
            Self::Socket { .. } => "see whether the folder for temporary files may be written to",
            Self::Folder { .. } => "see whether the folder for temporary files is full",
            Self::Signals { .. } => "see whether a limit of this process is reached",
        }
    }
}
