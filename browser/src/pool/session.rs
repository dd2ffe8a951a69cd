//! The WebDriver session of an open browser: its processes, its signs of life and
//! its end. The page in it and the link to that page are not known here.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::PoolError;
use crate::driver::Browser;

/// How long a script that runs through WebDriver may take.
const SCRIPT_DEADLINE: Duration = Duration::from_secs(60);

/// An open browser until it is closed.
#[derive(Debug)]
pub(super) struct WebDriverSession {
    product: String,
    version: String,
    /// WebDriver takes one command at a time. Held for one command.
    browser: Mutex<Option<Browser>>,
}

impl WebDriverSession {
    pub(super) fn new(browser: Browser) -> Self {
        let (product, version) = (browser.product().to_string(), browser.version().to_owned());
        Self { product, version, browser: Mutex::new(Some(browser)) }
    }

    pub(super) fn product(&self) -> &str {
        &self.product
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) async fn browser_pid(&self) -> Option<u32> {
        self.browser.lock().await.as_ref()?.browser_pid()
    }

    pub(super) async fn driver_pid(&self) -> Option<u32> {
        self.browser.lock().await.as_ref()?.driver_pid()
    }

    /// Bytes, as [`Page::browser_memory`](super::Page::browser_memory) counts them.
    pub(super) async fn memory(&self) -> Option<u64> {
        let processes = self.browser.lock().await.as_ref()?.processes()?;
        tokio::task::spawn_blocking(move || processes.memory()).await.ok()?
    }

    /// Opens an address in the browser's tab.
    pub(super) async fn navigate(&self, url: &str) -> Result<(), PoolError> {
        let mut browser = self.browser.lock().await;
        let Some(browser) = browser.as_mut() else { return Err(self.lost("it was closed")) };
        browser.navigate(url).await.map_err(|source| self.refused(source))
    }

    /// Runs a script in the browser's tab.
    pub(super) async fn script(
        &self,
        script: &str,
        arguments: Vec<serde_json::Value>,
    ) -> Result<serde_json::Value, PoolError> {
        let mut browser = self.browser.lock().await;
        let Some(browser) = browser.as_mut() else { return Err(self.lost("it was closed")) };
        browser.execute_async(script, arguments, SCRIPT_DEADLINE).await.map_err(|source| self.refused(source))
    }

    /// Why the browser is of no use any more; `None` while it, its driver and its
    /// tab answer.
    pub(super) async fn loss(&self) -> Option<&'static str> {
        let mut browser = self.browser.lock().await;
        let Some(asked) = browser.as_mut() else { return Some("it was closed") };
        if asked.is_alive().await { None } else { Some("the browser, its tab or its driver ended") }
    }

    /// Closes the browser, unless it is closed.
    pub(super) async fn close(&self) {
        let Some(browser) = self.browser.lock().await.take() else { return };
        if let Err(error) = browser.close().await {
            tracing::warn!(%error, "a browser did not close in order; its reaper ends it");
        }
    }

    /// The error of a browser that is gone.
    pub(super) fn lost(&self, reason: &str) -> PoolError {
        PoolError::BrowserLost { product: self.product.clone(), reason: reason.to_owned() }
    }

    fn refused(&self, source: crate::driver::BrowserError) -> PoolError {
        PoolError::Open { product: self.product.clone(), source: Arc::new(source) }
    }
}
