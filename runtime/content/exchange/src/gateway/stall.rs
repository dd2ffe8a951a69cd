//! A connection that is cut where the peer takes what is sent too slowly.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// Bytes that must go out in the time that is given.
const QUANTUM: usize = 64 << 10;

/// Wraps a connection. The clock starts when the peer takes nothing more, and stops when a
/// quantum, or all that was to be sent, has gone.
#[derive(Debug)]
pub(super) struct Stalling<S> {
    inner: S,
    limit: Duration,
    clock: Pin<Box<Sleep>>,
    running: bool,
    sent: usize,
}

impl<S> Stalling<S> {
    pub(super) fn new(inner: S, limit: Duration) -> Self {
        Self { inner, limit, clock: Box::pin(sleep(limit)), running: false, sent: 0 }
    }

    fn watch(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = written {
            self.sent = self.sent.saturating_add(bytes);
            if self.sent >= QUANTUM {
                self.running = false;
            }
        }
        if written.is_pending() && !self.running {
            self.running = true;
            self.sent = 0;
            self.clock.as_mut().reset(Instant::now() + self.limit);
        }
        if self.running && self.clock.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer reads too slowly")));
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stalling<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stalling<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    /// Is called when all that was to be sent has gone.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        self.running = false;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn a_peer_that_reads_is_served_and_one_that_dawdles_is_cut() {
        let limit = Duration::from_millis(500);
        for (pause, expected) in [(Duration::from_millis(1), true), (Duration::from_millis(400), false)] {
            let (near, mut far) = duplex(16 << 10);
            let mut near = Stalling::new(near, limit);
            let reader = tokio::spawn(async move {
                let mut buffer = vec![0; 8 << 10];
                while far.read(&mut buffer).await.is_ok_and(|n| n > 0) {
                    tokio::time::sleep(pause).await;
                }
            });
            let sent = near.write_all(&vec![0; 1 << 20]).await;
            assert_eq!(sent.is_ok(), expected);
            drop(near);
            reader.await.expect("the reader ends");
        }
    }

    #[tokio::test]
    async fn silence_between_answers_does_not_count() {
        let (near, mut far) = duplex(1024);
        let mut near = Stalling::new(near, Duration::from_millis(100));
        for _ in 0..3 {
            let (sent, _) = tokio::join!(
                async {
                    near.write_all(&[0; 3000]).await?;
                    near.flush().await
                },
                async { far.read_exact(&mut [0; 3000]).await }
            );
            sent.expect("it is read at once");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}
