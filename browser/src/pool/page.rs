//! One browser with its page open: what is asked of it, and how its loss is
//! noticed.

use std::time::Duration;

use pelago_protocol::Capabilities;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use super::PoolError;
use crate::driver::{Browser, LaunchOptions, Target, launch};
use crate::link::{Answer, Link, LinkError, LinkState, Message, RequestOptions};
use crate::server::Server;

/// How long asking for capabilities may take: the first GPU device of a
/// software adapter compiles for seconds.
const CAPABILITIES_DEADLINE: Duration = Duration::from_secs(60);

/// How long a script that runs through WebDriver may take.
const SCRIPT_DEADLINE: Duration = Duration::from_secs(60);

/// How often a browser whose link is interrupted is asked whether it lives.
const LIFE_SIGN_INTERVAL: Duration = Duration::from_millis(250);

/// A browser with its page open.
#[derive(Debug)]
pub struct Page {
    product: String,
    version: String,
    link: Link,
    capabilities: Capabilities,
    browser: Mutex<Option<Browser>>,
}

impl Page {
    pub(super) async fn open(target: &Target, options: &LaunchOptions, server: &Server) -> Result<Self, PoolError> {
        let deadline = options.deadline;
        let mut browser = launch(target, options).await?;
        let product = browser.product().to_string();
        let version = browser.version().to_owned();
        match Self::connect(&mut browser, &product, deadline, server).await {
            Ok((link, capabilities)) => {
                Ok(Self { product, version, link, capabilities, browser: Mutex::new(Some(browser)) })
            }
            Err(error) => {
                close(browser).await;
                Err(error)
            }
        }
    }

    async fn connect(
        browser: &mut Browser,
        product: &str,
        deadline: Duration,
        server: &Server,
    ) -> Result<(Link, Capabilities), PoolError> {
        let lost = |source| PoolError::Link { product: product.to_owned(), source: Box::new(source) };
        let invitation = server.invite(deadline)?;
        browser
            .navigate(invitation.url())
            .await
            .map_err(|source| PoolError::Open { product: product.to_owned(), source })?;
        let link =
            invitation.link().await.map_err(|source| PoolError::NoHello { product: product.to_owned(), source })?;
        let asked = Message { kind: "capabilities".to_owned(), ..Message::default() };
        let options = RequestOptions { deadline: CAPABILITIES_DEADLINE, progress: None, repeat_safe: true };
        let answer = link.request(asked, options).await.map_err(lost)?;
        let capabilities = read(product, "capabilities", answer.data)?;
        Ok((link, capabilities))
    }

    /// The browser's product name, e.g. `Chromium`.
    #[must_use]
    pub fn product(&self) -> &str {
        &self.product
    }

    /// The browser's version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What the browser can do, as its page found when it opened.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Whether the page can be asked.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !matches!(self.link.state(), LinkState::Gone(_))
    }

    /// The browser's process id; `None` for a remote one, and where its driver does not say it.
    pub async fn browser_pid(&self) -> Option<u32> {
        self.browser.lock().await.as_ref()?.browser_pid()
    }

    /// The driver's process id; `None` for a remote one.
    pub async fn driver_pid(&self) -> Option<u32> {
        self.browser.lock().await.as_ref()?.driver_pid()
    }

    /// Asks the page. A browser, tab or driver that ends meanwhile is noticed
    /// at once, not when the deadline passes.
    ///
    /// # Errors
    /// [`PoolError::BrowserLost`] where the page is lost, [`PoolError::Link`] for all else.
    pub async fn request(&self, message: Message, options: RequestOptions) -> Result<Answer, PoolError> {
        tokio::select! {
            answer = self.link.request(message, options) => answer.map_err(|source| self.failure(source)),
            reason = self.loss() => {
                self.link.close().await;
                Err(PoolError::BrowserLost { product: self.product.clone(), reason })
            }
        }
    }

    /// Asks the page and reads the data of its answer.
    ///
    /// # Errors
    /// As [`Page::request`], and [`PoolError::Answer`] where the data is not a `T`.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        request: &'static str,
        message: Message,
        options: RequestOptions,
    ) -> Result<(T, Vec<pelago_protocol::Tensor>), PoolError> {
        let answer = self.request(message, options).await?;
        Ok((read(&self.product, request, answer.data)?, answer.tensors))
    }

    /// Runs a script through WebDriver: the slow way that the link replaces,
    /// kept for comparing the two.
    ///
    /// # Errors
    /// [`PoolError::Open`] where the browser does not run it.
    pub async fn webdriver_script(
        &self,
        script: &str,
        arguments: Vec<serde_json::Value>,
    ) -> Result<serde_json::Value, PoolError> {
        let mut browser = self.browser.lock().await;
        let Some(browser) = browser.as_mut() else { return Err(self.lost("it was closed")) };
        browser
            .execute_async(script, arguments, SCRIPT_DEADLINE)
            .await
            .map_err(|source| PoolError::Open { product: self.product.clone(), source })
    }

    /// Closes the page and the browser.
    pub async fn close(&self) {
        self.link.close().await;
        if let Some(browser) = self.browser.lock().await.take() {
            close(browser).await;
        }
    }

    fn failure(&self, source: LinkError) -> PoolError {
        match source {
            LinkError::Gone { reason, .. } => self.lost(&reason.to_string()),
            source => PoolError::Link { product: self.product.clone(), source: Box::new(source) },
        }
    }

    fn lost(&self, reason: &str) -> PoolError {
        PoolError::BrowserLost { product: self.product.clone(), reason: reason.to_owned() }
    }

    /// Ends when the browser is known to be lost. A socket that is interrupted
    /// may come back, so WebDriver is asked whether there is a tab to come back to.
    async fn loss(&self) -> String {
        loop {
            self.link.interrupted().await;
            let mut browser = self.browser.lock().await;
            let Some(asked) = browser.as_mut() else { return "it was closed".to_owned() };
            if !asked.is_alive().await {
                return "the browser, its tab or its driver ended".to_owned();
            }
            drop(browser);
            tokio::time::sleep(LIFE_SIGN_INTERVAL).await;
        }
    }
}

fn read<T: DeserializeOwned>(product: &str, request: &'static str, data: serde_json::Value) -> Result<T, PoolError> {
    serde_json::from_value(data).map_err(|source| PoolError::Answer { product: product.to_owned(), request, source })
}

async fn close(browser: Browser) {
    if let Err(error) = browser.close().await {
        tracing::warn!(%error, "a browser did not close in order; its reaper ends it");
    }
}
