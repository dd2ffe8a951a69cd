//! An open browser, and the few commands that go through WebDriver.

use std::time::Duration;

use fantoccini::Client;
use fantoccini::error::{CmdError, ErrorStatus};
use pelago_http::causes;
use serde_json::Value;

use super::error::BrowserError;
use super::installation::{Installation, Product};
use super::memory::Processes;
use super::process::DriverProcess;
use super::profile::Profile;
use crate::reaper::is_running;

/// For a command that has no deadline of its own.
const DEADLINE: Duration = Duration::from_secs(30);
/// For a browser to close by itself, so that its caches are written.
const CLOSE_DEADLINE: Duration = Duration::from_secs(10);
/// What the driver gets on top of a deadline, so that its own word comes first.
const GRACE: Duration = Duration::from_secs(2);
/// How long a process that seems to be ending may take to be seen dead.
const DYING: Duration = Duration::from_millis(500);

/// Boxes a script's answer. Firefox answers `null` for a script whose tab ended
/// under it, which is then told from a script that answers `null`.
const BOXED: &str = "const callback = arguments[arguments.length - 1];
const unboxed = [...arguments].slice(0, -1).concat((value) => callback([value]));
return (function () {
SCRIPT
}).apply(null, unboxed);";

/// An open browser. It has one owner; [`Browser::close`] ends it and every
/// process that was started for it, and so does dropping it, less politely.
#[derive(Debug)]
pub struct Browser {
    // In the order of dropping: processes end before the profile is free.
    process: Option<DriverProcess>,
    client: Option<Client>,
    _profile: Option<Profile>,
    product: Product,
    version: String,
    capabilities: Value,
    script_deadline: Option<Duration>,
}

impl Browser {
    pub(super) fn local(
        client: Client,
        installation: &Installation,
        process: DriverProcess,
        profile: Option<Profile>,
    ) -> Self {
        Self::new(client, installation.product, Some(process), profile)
    }

    pub(super) fn remote(client: Client, asked: Product) -> Self {
        let mut browser = Self::new(client, asked, None, None);
        let name = browser.capabilities.get("browserName").and_then(Value::as_str);
        browser.product = name.and_then(Product::from_browser_name).unwrap_or(asked);
        browser
    }

    fn new(client: Client, product: Product, process: Option<DriverProcess>, _profile: Option<Profile>) -> Self {
        let capabilities = Value::Object(client.capabilities().cloned().unwrap_or_default());
        let version = capabilities.get("browserVersion").and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { process, client: Some(client), _profile, product, version, capabilities, script_deadline: None }
    }

    /// Which browser it is.
    #[must_use]
    pub fn product(&self) -> Product {
        self.product
    }

    /// Its version, as it says itself.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The capabilities that the WebDriver session returned: an object with the
    /// keys of the W3C specification and those of the vendor.
    #[must_use]
    pub fn capabilities(&self) -> &Value {
        &self.capabilities
    }

    /// The driver's process id; `None` for a remote one.
    #[must_use]
    pub fn driver_pid(&self) -> Option<u32> {
        self.process.as_ref()?.pid()
    }

    /// The processes of a browser of this machine.
    pub(crate) fn processes(&self) -> Option<Processes> {
        self.process.as_ref()?.processes()
    }

    /// The browser's process id; `None` for a remote one and where the driver
    /// does not say it.
    #[must_use]
    pub fn browser_pid(&self) -> Option<u32> {
        self.process.as_ref()?;
        let names = ["goog:processID", "ms:processID", "moz:processID"];
        names.iter().find_map(|name| self.capabilities.get(*name)?.as_u64()?.try_into().ok())
    }

    /// Opens a page and waits until it is loaded.
    ///
    /// # Errors
    /// [`BrowserError::Navigation`] where the page cannot be loaded; others
    /// where browser, driver or connection are gone or slow.
    pub async fn navigate(&mut self, url: &str) -> Result<(), BrowserError> {
        let client = self.client()?;
        let answer = tokio::time::timeout(DEADLINE, client.goto(url)).await;
        match self.answer("navigate", DEADLINE, answer).await {
            Err(BrowserError::Refused { product, detail, .. }) => {
                Err(BrowserError::Navigation { product, url: url.to_owned(), detail })
            }
            other => other,
        }
    }

    /// Runs the body of an asynchronous function in the page, whose last
    /// argument is the callback to answer with.
    ///
    /// # Errors
    /// [`BrowserError::Script`] where it throws, [`BrowserError::Timeout`] where
    /// it does not answer in time; others where browser, driver or connection
    /// are gone.
    pub async fn execute_async(
        &mut self,
        script: &str,
        args: Vec<Value>,
        deadline: Duration,
    ) -> Result<Value, BrowserError> {
        if self.script_deadline != Some(deadline) {
            let timeouts = fantoccini::wd::TimeoutConfiguration::new(Some(deadline), None, None);
            let client = self.client()?;
            let answer = tokio::time::timeout(DEADLINE, client.update_timeouts(timeouts)).await;
            self.answer("set timeouts", DEADLINE, answer).await?;
            self.script_deadline = Some(deadline);
        }
        let client = self.client()?;
        let script = BOXED.replace("SCRIPT", script);
        let answer = tokio::time::timeout(deadline + GRACE, client.execute_async(&script, args)).await;
        match self.answer("execute script", deadline, answer).await? {
            Value::Array(mut boxed) if boxed.len() == 1 => Ok(boxed.remove(0)),
            _ => Err(BrowserError::TabCrashed {
                product: self.product,
                detail: "the tab ended while a script ran in it".to_owned(),
            }),
        }
    }

    /// Whether browser and driver still answer, and the tab with them.
    pub async fn is_alive(&mut self) -> bool {
        const DEADLINE: Duration = Duration::from_secs(5);
        if self.process.as_mut().is_some_and(|process| process.exit_code().is_some()) || self.browser_is_dead() {
            return false;
        }
        let Ok(client) = self.client() else { return false };
        tokio::time::timeout(DEADLINE, client.title()).await.is_ok_and(|answer| answer.is_ok())
    }

    /// Closes the browser and ends every process that was started for it.
    ///
    /// # Errors
    /// Where the browser did not close by itself. It is gone all the same; what
    /// its caches had not written is lost.
    pub async fn close(mut self) -> Result<(), BrowserError> {
        let closed = match self.client.take() {
            Some(client) => {
                let answer = tokio::time::timeout(CLOSE_DEADLINE, client.close()).await;
                self.answer("close", CLOSE_DEADLINE, answer).await
            }
            None => Ok(()),
        };
        if let Some(process) = self.process.take() {
            process.end().await;
        }
        closed
    }

    fn client(&self) -> Result<Client, BrowserError> {
        self.client.clone().ok_or(BrowserError::Closed { product: self.product })
    }

    fn browser_is_dead(&self) -> bool {
        self.browser_pid().is_some_and(|pid| !is_running(pid))
    }

    async fn answer<T>(
        &mut self,
        command: &'static str,
        deadline: Duration,
        answer: Result<Result<T, CmdError>, tokio::time::error::Elapsed>,
    ) -> Result<T, BrowserError> {
        let product = self.product;
        let error = match answer {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        // Whatever was said, a dead process is the reason for it.
        let suspicious =
            !matches!(&error, Some(CmdError::Standard(error)) if error.error == ErrorStatus::JavascriptError);
        if let Some(process) = self.process.as_mut().filter(|_| suspicious) {
            let code = match &error {
                Some(CmdError::Standard(_)) => process.exit_code(),
                _ => process.ended_within(DYING).await,
            };
            if let Some(code) = code {
                return Err(BrowserError::DriverEnded { product, code, log: process.log() });
            }
        }
        let detail = |error: &CmdError| error_text(error);
        Err(match error {
            Some(error) if self.browser_is_dead() => BrowserError::SessionLost { product, detail: detail(&error) },
            None if self.browser_is_dead() => {
                BrowserError::SessionLost { product, detail: "its process has ended".to_owned() }
            }
            None => BrowserError::Timeout { product, command, deadline },
            Some(CmdError::Standard(error)) => standard(product, command, deadline, &error),
            // chromedriver's own code, which the specification does not know.
            Some(CmdError::NotW3C(Value::String(detail))) if detail == "tab crashed" => {
                BrowserError::TabCrashed { product, detail }
            }
            Some(error) => BrowserError::Connection { product, detail: detail(&error) },
        })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if self.process.is_some() {
            tracing::warn!(product = %self.product, "dropped while open; its processes are being ended");
        }
    }
}

fn standard(
    product: Product,
    command: &'static str,
    deadline: Duration,
    error: &fantoccini::error::WebDriver,
) -> BrowserError {
    let detail = first_line(&error.message);
    let says = |words: &[&str]| words.iter().any(|word| detail.contains(word));
    match &error.error {
        ErrorStatus::JavascriptError => BrowserError::Script { product, detail },
        ErrorStatus::Timeout | ErrorStatus::ScriptTimeout => BrowserError::Timeout { product, command, deadline },
        // Firefox shows a page of its own, in its parent process, where a tab has crashed.
        _ if says(&["tab crashed", "page crash", "Browsing context has been discarded", "parent process browsing"]) => {
            BrowserError::TabCrashed { product, detail }
        }
        ErrorStatus::InvalidSessionId | ErrorStatus::NoSuchWindow => BrowserError::SessionLost { product, detail },
        _ if says(&["disconnected", "not reachable", "marionette", "without establishing a connection"]) => {
            BrowserError::SessionLost { product, detail }
        }
        status => BrowserError::Refused { product, command, error: status.to_string(), detail },
    }
}

fn error_text(error: &CmdError) -> String {
    match error {
        CmdError::Standard(error) => first_line(&error.message),
        error => causes(error),
    }
}

/// chromedriver appends the version of everything and a stack.
fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().trim().to_owned()
}
