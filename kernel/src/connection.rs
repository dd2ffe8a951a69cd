//! The connection file: where to listen, and the key that signs messages. It
//! knows which addresses are refused, and no socket.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use jupyter_protocol::{ConnectionInfo, Transport};

use crate::error::KernelError;

/// What a connection file says, once it is checked.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Empty: messages are not signed.
    pub(crate) key: String,
    pub(crate) shell: Address,
    pub(crate) control: Address,
    pub(crate) stdin: Address,
    pub(crate) iopub: Address,
    pub(crate) heartbeat: Address,
}

/// Where a channel listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    Tcp(SocketAddr),
    Ipc(PathBuf),
}

impl std::fmt::Display for Address {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => write!(out, "tcp://{address}"),
            Self::Ipc(path) => write!(out, "ipc://{}", path.display()),
        }
    }
}

impl Connection {
    /// Reads a connection file and refuses what other machines could reach,
    /// unless that is asked for.
    pub(crate) fn read(path: &Path, allow_remote: bool) -> Result<Self, KernelError> {
        let bytes =
            std::fs::read(path).map_err(|source| KernelError::ConnectionFile { path: path.to_owned(), source })?;
        let info = serde_json::from_slice(&bytes)
            .map_err(|source| KernelError::ConnectionFormat { path: path.to_owned(), source })?;
        Self::check(info, allow_remote)
    }

    fn check(info: ConnectionInfo, allow_remote: bool) -> Result<Self, KernelError> {
        if !info.key.is_empty() && info.signature_scheme != "hmac-sha256" {
            return Err(KernelError::SignatureScheme { scheme: info.signature_scheme });
        }
        let address = match info.transport {
            Transport::IPC => None,
            Transport::TCP => Some(tcp(&info, allow_remote)?),
        };
        let of = |channel, port: u16| match address {
            None => Ok(Address::Ipc(PathBuf::from(format!("{}-{port}", info.ip)))),
            Some(_) if port == 0 => Err(KernelError::Port { channel }),
            Some(ip) => Ok(Address::Tcp(SocketAddr::new(ip, port))),
        };
        Ok(Self {
            shell: of("shell", info.shell_port)?,
            control: of("control", info.control_port)?,
            stdin: of("stdin", info.stdin_port)?,
            iopub: of("iopub", info.iopub_port)?,
            heartbeat: of("heartbeat", info.hb_port)?,
            key: info.key,
        })
    }
}

fn tcp(info: &ConnectionInfo, allow_remote: bool) -> Result<IpAddr, KernelError> {
    let ip = match info.ip.as_str() {
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        "*" => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        other => other.parse().map_err(|_| KernelError::Address { ip: info.ip.clone() })?,
    };
    if !ip.is_loopback() {
        if !allow_remote {
            return Err(KernelError::Remote { ip: info.ip.clone() });
        }
        if info.key.is_empty() {
            return Err(KernelError::RemoteWithoutKey { ip: info.ip.clone() });
        }
    }
    Ok(ip)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    fn read(changes: &serde_json::Value, allow_remote: bool) -> Result<Connection, KernelError> {
        let mut info = json!({
            "ip": "127.0.0.1", "transport": "tcp", "shell_port": 1, "iopub_port": 2, "stdin_port": 3,
            "control_port": 4, "hb_port": 5, "key": "k", "signature_scheme": "hmac-sha256", "kernel_name": "pelago",
        });
        for (name, value) in changes.as_object().unwrap() {
            info[name] = value.clone();
        }
        Connection::check(serde_json::from_value(info).unwrap(), allow_remote)
    }

    fn refused(changes: &serde_json::Value, allow_remote: bool, expected: &Expect) {
        expected.assert_eq(&read(changes, allow_remote).unwrap_err().to_string());
    }

    #[test]
    fn loopback_and_ipc_are_taken() {
        let found = read(&json!({}), false).unwrap();
        assert_eq!(found.control.to_string(), "tcp://127.0.0.1:4");
        assert_eq!(read(&json!({"ip": "localhost"}), false).unwrap().shell, found.shell);
        assert_eq!(read(&json!({"ip": "::1"}), false).unwrap().shell.to_string(), "tcp://[::1]:1");
        let ipc = read(&json!({"ip": "/tmp/k", "transport": "ipc"}), false).unwrap();
        assert_eq!(ipc.heartbeat, Address::Ipc("/tmp/k-5".into()));
    }

    #[test]
    fn what_others_reach_is_refused_unless_asked_for() {
        refused(
            &json!({"ip": "0.0.0.0"}),
            false,
            &expect!["the connection file names 0.0.0.0, which other machines can reach"],
        );
        assert!(matches!(read(&json!({"ip": "*"}), false), Err(KernelError::Remote { .. })));
        assert_eq!(read(&json!({"ip": "*"}), true).unwrap().stdin.to_string(), "tcp://0.0.0.0:3");
        refused(
            &json!({"ip": "10.0.0.1", "key": ""}),
            true,
            &expect!["the connection file names 10.0.0.1 and no key: whoever reaches it could run code"],
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        refused(
            &json!({"signature_scheme": "hmac-md5"}),
            false,
            &expect![[r#"the connection file asks for the signature scheme "hmac-md5", which is not spoken here"#]],
        );
        refused(
            &json!({"ip": "example.org"}),
            true,
            &expect![[r#"the connection file names the address "example.org""#]],
        );
        refused(&json!({"hb_port": 0}), false, &expect!["the connection file names port 0 for heartbeat"]);
    }
}
