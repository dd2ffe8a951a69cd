//! The body of an answer, held to a size, to a least rate and to the user's
//! limit. A deadline alone is no guard: it must be long for large bodies, and
//! then a source that sends a byte now and again holds a slot for all that time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use tokio::time::Instant;

use super::{Meter, ProviderError};

/// The least that a source must send.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The longest wait for the first byte of an answer.
    pub answer: Duration,
    /// The least rate, bytes a second, over a window.
    pub rate: u64,
    /// The window.
    pub window: Duration,
}

impl Default for Pace {
    /// An answer within 20 s; 4 KiB/s over 10 s, which is a tenth of what a GPRS link gives.
    fn default() -> Self {
        Self { answer: Duration::from_secs(20), rate: 4 << 10, window: Duration::from_secs(10) }
    }
}

/// Reads an answer's body piece by piece.
pub(crate) struct Body {
    response: reqwest::Response,
    pace: Pace,
    left: u64,
    limit: u64,
    received: u64,
    window: Instant,
    in_window: u64,
}

impl Body {
    /// A body of at most `limit` bytes.
    pub(crate) fn new(response: reqwest::Response, pace: Pace, limit: u64) -> Self {
        Self { response, pace, left: limit, limit, received: 0, window: Instant::now(), in_window: 0 }
    }

    /// The next piece; `None` at the end.
    pub(crate) async fn next(&mut self, meter: &Meter) -> Result<Option<Bytes>, ProviderError> {
        let Ok(chunk) = tokio::time::timeout_at(self.window + self.pace.window, self.response.chunk()).await else {
            return Err(self.too_slow());
        };
        let Some(chunk) = chunk.map_err(|e| ProviderError::connection(self.received, e))? else { return Ok(None) };
        let length = chunk.len() as u64;
        self.left = self.left.checked_sub(length).ok_or(ProviderError::TooLarge { limit: self.limit })?;
        self.received += length;
        self.in_window += length;
        // What we make it wait is not held against it.
        self.window += meter.arrived(chunk.len()).await;
        if self.window.elapsed() >= self.pace.window {
            if self.in_window < self.least() {
                return Err(self.too_slow());
            }
            (self.window, self.in_window) = (Instant::now(), 0);
        }
        Ok(Some(chunk))
    }

    fn least(&self) -> u64 {
        (self.pace.rate as f64 * self.pace.window.as_secs_f64()) as u64
    }

    fn too_slow(&self) -> ProviderError {
        ProviderError::Slow { received: self.in_window, least: self.least(), window: self.pace.window }
    }

    /// Appends all that comes. What came before an error stays in `to`.
    pub(crate) async fn read_into(&mut self, to: &mut Vec<u8>, meter: &Meter) -> Result<(), ProviderError> {
        // A length that was announced is a hint, not a reason to set aside as much.
        to.reserve(self.response.content_length().unwrap_or(0).min(self.left) as usize);
        while let Some(chunk) = self.next(meter).await? {
            to.extend_from_slice(&chunk);
        }
        Ok(())
    }

    /// The pieces as a stream that can be read as a file.
    pub(crate) fn into_stream(self, meter: Arc<Meter>) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
        futures::stream::try_unfold((self, meter), |(mut body, meter)| async move {
            let chunk = body.next(&meter).await.map_err(std::io::Error::other)?;
            Ok(chunk.map(|chunk| (chunk, (body, meter))))
        })
    }
}

/// The first line of an answer that was no success, for an error message.
pub(crate) async fn first_line(response: reqwest::Response, pace: Pace) -> String {
    const MOST: u64 = 16 << 10;
    let mut body = Body::new(response, pace, MOST);
    let mut text = Vec::new();
    // The message is for people: without it the status says enough.
    let _ = tokio::time::timeout(Duration::from_secs(2), body.read_into(&mut text, &Meter::default())).await;
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("(it said nothing)");
    line.chars().filter(|c| !c.is_control()).take(200).collect()
}
