//! The browsers that models run in. [`Worker`] and [`Fleet`] are the seam: the real ones are pages of real browsers,
//! and those of unit tests are tables.

mod content;
#[cfg(test)]
pub(crate) mod fake;
mod held;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pelago_browser::driver::Discovery;
use pelago_browser::link::{Answer, Message, RequestOptions};
use pelago_browser::pool::{Candidate, Page, Pool, PoolError};
use pelago_protocol::{BrowserKind, Capabilities, PageCall, Tensor};

use crate::RunError;
pub(crate) use content::StoreContent;
pub use held::Unloaded;
pub(crate) use held::{HeldGraphs, dispose, held, unload};

/// Where models run: one page, which answers one request after another.
#[async_trait]
pub trait Worker: Debug + Send + Sync {
    /// The browser's product name, e.g. `Chromium`.
    fn product(&self) -> &str;

    /// The browser's version.
    fn version(&self) -> &str;

    /// What the browser can do.
    fn capabilities(&self) -> &Capabilities;

    /// Memory of all the browser's processes in MiB, each shared page counted once; `None` of a browser elsewhere, and
    /// where the system does not tell.
    async fn browser_memory_mb(&self) -> Option<f64>;

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// [`PoolError::BrowserLost`] where the browser ended, [`PoolError::Link`] for all else.
    async fn request(&self, message: Message, options: RequestOptions) -> Result<Answer, PoolError>;
}

/// Sends a request and reads the data of its answer. `message` has what goes beside the call.
///
/// # Errors
/// As [`Worker::request`], and [`PoolError::Answer`] where the data is not a `T`.
pub(crate) async fn ask<C: PageCall>(
    worker: &dyn Worker,
    call: &C,
    message: Message,
    options: RequestOptions,
) -> Result<(C::Reply, Vec<Tensor>), RunError> {
    let message = Message { kind: C::TYPE.to_owned(), data: serde_json::to_value(call)?, ..message };
    let answer = worker.request(message, options).await?;
    let data = serde_json::from_value(answer.data).map_err(|source| PoolError::Answer {
        product: worker.product().to_owned(),
        request: C::TYPE,
        source: Arc::new(source),
    })?;
    Ok((data, answer.tensors))
}

/// A worker, and how long it took to have it.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The worker.
    pub worker: Arc<dyn Worker>,
    /// How long opening its browser took; `None` where it was open already.
    pub took: Option<Duration>,
}

/// The browsers of a session, open or not.
#[async_trait]
pub trait Fleet: Debug + Send + Sync {
    /// Every browser that can be opened.
    fn candidates(&self) -> &[Candidate];

    /// What was found on this machine, usable or not.
    fn discovery(&self) -> &Discovery;

    /// The worker of a browser, where it is open now.
    async fn opened(&self, id: &str) -> Option<Arc<dyn Worker>>;

    /// The worker of a browser, which is opened where it is not.
    ///
    /// # Errors
    /// [`PoolError`] where the browser does not start or its page does not report back in time.
    async fn open(&self, id: &str) -> Result<Opened, PoolError>;

    /// The error of a kind of browser that cannot be opened here.
    fn no_browser(&self, kind: BrowserKind) -> PoolError {
        PoolError::NoBrowser { kind, problems: self.discovery().problems.iter().map(ToString::to_string).collect() }
    }
}

#[async_trait]
impl Worker for Page {
    fn product(&self) -> &str {
        Self::product(self)
    }

    fn version(&self) -> &str {
        Self::version(self)
    }

    fn capabilities(&self) -> &Capabilities {
        Self::capabilities(self)
    }

    #[expect(clippy::cast_precision_loss, reason = "a browser has less than 2^53 bytes")]
    async fn browser_memory_mb(&self) -> Option<f64> {
        self.browser_memory().await.map(|bytes| bytes as f64 / f64::from(1 << 20))
    }

    async fn request(&self, message: Message, options: RequestOptions) -> Result<Answer, PoolError> {
        Self::request(self, message, options).await
    }
}

#[async_trait]
impl Fleet for Pool {
    fn candidates(&self) -> &[Candidate] {
        Self::candidates(self)
    }

    fn discovery(&self) -> &Discovery {
        Self::discovery(self)
    }

    async fn opened(&self, id: &str) -> Option<Arc<dyn Worker>> {
        self.open_page(id).await.map(|page| page as Arc<dyn Worker>)
    }

    async fn open(&self, id: &str) -> Result<Opened, PoolError> {
        let opened = self.page(id).await?;
        Ok(Opened { worker: opened.page, took: opened.took })
    }
}
