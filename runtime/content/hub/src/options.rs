//! What a caller can set for origins. Environment variables are the front end's matter.

use std::fmt;
use std::time::Duration;

use reqwest::header::HeaderValue;
use url::Url;

use super::OriginError;
use super::error::shown;

/// How origins are spoken to, and how much may come from them.
#[derive(Clone, Debug)]
pub struct OriginOptions {
    /// The hub for `hf://`. It counts as named by the configuration, wherever it is.
    pub endpoint: Url,
    /// What the user may read on the hub. It is sent to the endpoint and to no other host or port.
    pub token: Option<Token>,
    /// Hosts, as `host` or `host:port`, that may be at private addresses and may be spoken to without TLS.
    pub named_hosts: Vec<String>,
    /// The most files of one fetch.
    pub files_max: u64,
    /// The most bytes of one fetch.
    pub bytes_max: u64,
    /// Files that are fetched at the same time.
    pub parallel: usize,
    /// The longest wait for a connection.
    pub connect: Duration,
    /// The longest wait for the head of an answer.
    pub answer: Duration,
    /// The fewest bytes that must come in each `floor_window`, or the transfer is tried again.
    pub floor: u64,
    /// See `floor`.
    pub floor_window: Duration,
    /// Tries of one request. Those of a file count from the last one that brought some of it.
    pub tries: u32,
    /// The wait after the first failure, doubled after each. Its half to its whole is waited, at random.
    pub back_off: Duration,
    /// The longest wait between two tries. A server that asks for a longer one is not tried again.
    pub wait_max: Duration,
}

impl OriginOptions {
    /// For a hub such as `https://huggingface.co`.
    ///
    /// # Errors
    ///
    /// `Option` where it is no http or https address of a host.
    pub fn new(endpoint: &str) -> Result<Self, OriginError> {
        let refused = |value: &str, reason: &str| OriginError::Option {
            option: "endpoint",
            value: value.to_owned(),
            reason: reason.to_owned(),
        };
        // What cannot be read can hold a password, so it is not shown.
        let url = Url::parse(endpoint).map_err(|e| refused("", &e.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused(&shown(&url), "it must be http or https"));
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err(refused(
                &shown(&url),
                "it must have no user, query or fragment; a token is a setting of its own",
            ));
        }
        Ok(Self {
            endpoint: url,
            token: None,
            named_hosts: Vec::new(),
            files_max: 1000,
            bytes_max: 1 << 40,
            parallel: 4,
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(30),
            floor: 16 << 10,
            floor_window: Duration::from_secs(30),
            tries: 5,
            back_off: Duration::from_millis(500),
            wait_max: Duration::from_secs(60),
        })
    }
}

/// A secret for the hub. It is never printed.
#[derive(Clone)]
pub struct Token(HeaderValue);

impl Token {
    /// Takes a token as the hub gives it (`hf_…`).
    ///
    /// # Errors
    ///
    /// `Option` where it cannot stand in an HTTP header.
    pub fn new(token: &str) -> Result<Self, OriginError> {
        let refused =
            |reason: &str| OriginError::Option { option: "token", value: String::new(), reason: reason.to_owned() };
        let token = token.trim();
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(refused("it is empty or has characters that a token cannot have"));
        }
        let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|e| refused(&e.to_string()))?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let mut options = OriginOptions::new("https://huggingface.co").unwrap();
        options.token = Some(Token::new("hf_secret\n").unwrap());
        assert!(!format!("{options:?}").contains("secret"));
        for endpoint in ["https://u:secret@host", "https://host/?token=secret", "secret", "ftp://secret@host"] {
            let said = OriginOptions::new(endpoint).unwrap_err().to_string();
            assert!(!said.contains("secret"), "{said}");
        }
        assert!(!Token::new("a secret").unwrap_err().to_string().contains("secret"));
        assert!(Token::new(" ").is_err());
    }
}
