//! A page in an open browser: what is asked of it, and how its loss is noticed.
//! What a request means is not known here.

use std::sync::Arc;
use std::time::Duration;

use pelago_protocol::Capabilities;
use serde::de::DeserializeOwned;

use super::PoolError;
use super::session::WebDriverSession;
use super::slot::Openable;
use crate::driver::{LaunchOptions, Target, launch};
use crate::link::{Answer, Link, LinkError, LinkState, Message, RequestOptions};
use crate::server::Server;

/// How long asking for capabilities may take: the first GPU device of a
/// software adapter compiles for seconds.
const CAPABILITIES_DEADLINE: Duration = Duration::from_secs(60);

/// How often a browser whose link is interrupted is asked whether it lives.
const LIFE_SIGN_INTERVAL: Duration = Duration::from_millis(250);

/// A page in an open browser, which it has for itself.
#[derive(Debug)]
pub struct Page {
    session: WebDriverSession,
    link: Link,
    capabilities: Capabilities,
}

impl Page {
    pub(super) async fn open(target: &Target, options: &LaunchOptions, server: &Server) -> Result<Self, PoolError> {
        let session = WebDriverSession::new(launch(target, options).await?);
        match Self::connect(&session, options.deadline, server).await {
            Ok((link, capabilities)) => Ok(Self { session, link, capabilities }),
            Err(error) => {
                session.close().await;
                Err(error)
            }
        }
    }

    async fn connect(
        session: &WebDriverSession,
        deadline: Duration,
        server: &Server,
    ) -> Result<(Link, Capabilities), PoolError> {
        let product = session.product();
        let invitation = server.invite(deadline)?;
        session.navigate(invitation.url()).await?;
        let no_hello = |source| PoolError::NoHello { product: product.to_owned(), source: Arc::new(source) };
        let link = invitation.link().await.map_err(no_hello)?;
        let asked = Message { kind: "capabilities".to_owned(), ..Message::default() };
        let options = RequestOptions::within(CAPABILITIES_DEADLINE);
        let failed = |source| PoolError::Link { product: product.to_owned(), source: Arc::new(source) };
        let answer = link.request(asked, options).await.map_err(failed)?;
        let capabilities = read(product, "capabilities", answer.data)?;
        Ok((link, capabilities))
    }

    /// The browser's product name, e.g. `Chromium`.
    #[must_use]
    pub fn product(&self) -> &str {
        self.session.product()
    }

    /// The browser's version.
    #[must_use]
    pub fn version(&self) -> &str {
        self.session.version()
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
        self.session.browser_pid().await
    }

    /// The driver's process id; `None` for a remote one.
    pub async fn driver_pid(&self) -> Option<u32> {
        self.session.driver_pid().await
    }

    /// Bytes of memory that the browser takes: the proportional set sizes (PSS) of
    /// all its processes (browser, tabs, GPU process, crash handlers), without its
    /// driver and without memory of a GPU. `None` for a remote browser, on
    /// systems other than Linux, and where the system does not let a process be
    /// measured.
    pub async fn browser_memory(&self) -> Option<u64> {
        self.session.memory().await
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
                Err(self.session.lost(reason))
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
        Ok((read(self.product(), request, answer.data)?, answer.tensors))
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
        self.session.script(script, arguments).await
    }

    /// Closes the page and the browser.
    pub async fn close(&self) {
        self.link.close().await;
        self.session.close().await;
    }

    fn failure(&self, source: LinkError) -> PoolError {
        match source {
            LinkError::Gone { reason, .. } => self.session.lost(&reason.to_string()),
            source => PoolError::Link { product: self.product().to_owned(), source: Arc::new(source) },
        }
    }

    /// Ends when the browser is known to be lost. A socket that is interrupted
    /// may come back, so WebDriver is asked whether there is a tab to come back to.
    async fn loss(&self) -> &'static str {
        loop {
            self.link.interrupted().await;
            if let Some(reason) = self.session.loss().await {
                return reason;
            }
            tokio::time::sleep(LIFE_SIGN_INTERVAL).await;
        }
    }
}

impl Openable for Page {
    fn is_alive(&self) -> bool {
        self.is_alive()
    }

    async fn close(&self) {
        self.close().await;
    }
}

fn read<T: DeserializeOwned>(product: &str, request: &'static str, data: serde_json::Value) -> Result<T, PoolError> {
    serde_json::from_value(data).map_err(|source| PoolError::Answer {
        product: product.to_owned(),
        request,
        source: Arc::new(source),
    })
}
