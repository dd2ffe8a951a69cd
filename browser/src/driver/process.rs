//! The driver's process, behind its reapers: starting it, learning its port,
//! keeping its last words, ending it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use tokio::time::Instant;

use super::error::LaunchError;
use super::memory::Processes;
use crate::reaper::{self, Reaper};

/// Lines of the driver that are kept for error messages.
const KEPT_LINES: usize = 200;
/// Lines of them that a message shows.
const SHOWN_LINES: usize = 12;
/// Bytes of a line that are read at once; a longer one is cut into several.
const LINE_BYTES: u64 = 4096;
/// How long the reapers may take to end everything; they need milliseconds.
const END_DEADLINE: Duration = Duration::from_secs(15);

/// What the driver has said so far.
#[derive(Clone, Debug, Default)]
struct Said {
    /// Each reaper and what it started.
    started: Vec<(u32, u32)>,
    port: Option<u16>,
    port_taken: bool,
    lines: VecDeque<String>,
}

/// A driver that runs.
#[derive(Debug)]
pub(super) struct DriverProcess {
    driver: PathBuf,
    reaper: Child,
    /// The reapers end everything when this closes.
    pipe: Option<ChildStdin>,
    said: Arc<Mutex<Said>>,
    news: watch::Receiver<()>,
}

impl DriverProcess {
    /// Starts `driver` behind two reapers that hold `lock`.
    pub(super) fn start(
        driver: &Path,
        args: &[String],
        reaper: &Reaper,
        lock: Option<&PathBuf>,
    ) -> Result<Self, LaunchError> {
        let data = driver.metadata().map_err(|_| LaunchError::DriverMissing { path: driver.to_owned() })?;
        if !data.is_file() || data.permissions().mode() & 0o111 == 0 {
            return Err(LaunchError::DriverNotExecutable { path: driver.to_owned() });
        }
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let line = reaper.command_line(lock, &driver.to_owned(), &args);
        let mut child = Command::new(&reaper.program)
            .args(line.get(1..).unwrap_or_default())
            // An interrupt typed into the terminal is for the host alone.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| LaunchError::Reaper { program: reaper.program.clone(), source })?;
        let said = Arc::new(Mutex::new(Said::default()));
        let (changed, news) = watch::channel(());
        if let Some(output) = child.stderr.take() {
            tokio::spawn(listen(output, Arc::clone(&said), changed));
        }
        Ok(Self { driver: driver.to_owned(), pipe: child.stdin.take(), reaper: child, said, news })
    }

    /// The port that the driver says it listens on.
    ///
    /// By then the driver's process id is known too.
    pub(super) async fn port(&mut self, deadline: Duration, end: Instant) -> Result<u16, LaunchError> {
        loop {
            if let (Some(port), Some(_)) = (self.said().port, self.pid()) {
                return Ok(port);
            }
            let mut news = self.news.clone();
            tokio::select! {
                biased;
                // An error means that nothing more will be said; the exit follows.
                Ok(()) = news.changed() => self.news = news,
                status = self.reaper.wait() => return Err(self.died(status.ok()).await),
                () = tokio::time::sleep_until(end) => {
                    return Err(LaunchError::DriverTimeout { driver: self.driver.clone(), deadline, log: self.log() });
                }
            }
        }
    }

    /// The error of a driver that ended, with its last words.
    pub(super) async fn died(&mut self, status: Option<ExitStatus>) -> LaunchError {
        self.rest_of_words().await;
        LaunchError::DriverDied { driver: self.driver.clone(), code: exit_code(status), log: self.log() }
    }

    /// The exit code, if driver and reapers have ended.
    pub(super) fn exit_code(&mut self) -> Option<i32> {
        self.reaper.try_wait().ok().flatten().map(|status| exit_code(Some(status)))
    }

    /// Waits a little for the end of a driver that seems to be ending.
    pub(super) async fn ended_within(&mut self, wait: Duration) -> Option<i32> {
        let status = tokio::time::timeout(wait, self.reaper.wait()).await.ok()?;
        self.rest_of_words().await;
        Some(exit_code(status.ok()))
    }

    /// Ends driver, browser and reapers, and waits until they are gone.
    pub(super) async fn end(mut self) {
        drop(self.pipe.take());
        if tokio::time::timeout(END_DEADLINE, self.reaper.wait()).await.is_err() {
            tracing::warn!(driver = %self.driver.display(), "the reaper has not ended; a browser may be left");
        }
    }

    /// The driver's process id.
    pub(super) fn pid(&self) -> Option<u32> {
        Some(self.processes()?.driver)
    }

    /// The reapers and the driver, unless they have ended.
    pub(super) fn processes(&self) -> Option<Processes> {
        let started = self.said().started;
        let of = |reaper: u32| started.iter().find(|(by, _)| *by == reaper).map(|(_, program)| *program);
        let outer = self.reaper.id()?;
        let inner = of(outer)?;
        Some(Processes { outer, inner, driver: of(inner)? })
    }

    /// Whether the driver found its port taken.
    pub(super) fn port_taken(&self) -> bool {
        self.said().port_taken
    }

    /// The last lines that a message shows.
    pub(super) fn log(&self) -> Vec<String> {
        let lines = self.said().lines;
        let telling = lines.iter().filter(|line| !is_chatter(line));
        telling
            .skip(lines.iter().filter(|line| !is_chatter(line)).count().saturating_sub(SHOWN_LINES))
            .cloned()
            .collect()
    }

    /// Every line that is kept.
    pub(super) fn whole_log(&self) -> Vec<String> {
        self.said().lines.into()
    }

    fn said(&self) -> Said {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The exit may be known before the last line has been read.
    async fn rest_of_words(&mut self) {
        const WAIT: Duration = Duration::from_millis(500);
        let rest = async { while self.news.changed().await.is_ok() {} };
        let _ = tokio::time::timeout(WAIT, rest).await;
    }
}

fn exit_code(status: Option<ExitStatus>) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status.and_then(|status| status.code().or_else(|| status.signal().map(|signal| 128 + signal))).unwrap_or(-1)
}

/// Reads what the driver says to its end.
async fn listen(output: impl AsyncRead + Unpin, said: Arc<Mutex<Said>>, changed: watch::Sender<()>) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut output).take(LINE_BYTES).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        tracing::debug!(target: "pelago_browser::driver::output", "{text}");
        note(&mut said.lock().unwrap_or_else(PoisonError::into_inner), text);
        changed.send_replace(());
    }
}

fn note(said: &mut Said, line: String) {
    if let Some(started) = reaper::started(&line) {
        said.started.push(started);
        return;
    }
    said.port = said.port.or_else(|| port(&line));
    said.port_taken |= line.contains("ddress already in use");
    if said.lines.len() == KEPT_LINES {
        said.lines.pop_front();
    }
    if !line.is_empty() {
        said.lines.push_back(line);
    }
}

/// `ChromeDriver was started successfully on port 1234.` or
/// `… geckodriver INFO Listening on 127.0.0.1:1234`.
fn port(line: &str) -> Option<u16> {
    let rest = match line.split_once("was started successfully on port ") {
        Some((_, rest)) => rest,
        None => line.split_once("Listening on ")?.1.rsplit_once(':')?.1,
    };
    rest.trim_end_matches('.').parse().ok().filter(|port| *port != 0)
}

/// What Chromium says on every machine without a desktop.
fn is_chatter(line: &str) -> bool {
    ["dbus", "DevTools listening", "security-considerations", "vaapi"].iter().any(|word| line.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_from_every_driver() {
        assert_eq!(port("ChromeDriver was started successfully on port 39787."), Some(39787));
        assert_eq!(port("Microsoft Edge WebDriver was started successfully on port 1234."), Some(1234));
        assert_eq!(port("1795209984105\tgeckodriver\tINFO\tListening on 127.0.0.1:44813"), Some(44813));
        assert_eq!(port("Starting ChromeDriver 156.0.8078.79 (a21c) on port 0"), None);
        assert_eq!(port("DevTools listening on ws://127.0.0.1:45821/devtools/browser/183ac544"), None);
    }

    #[test]
    fn old_lines_make_room_for_new_ones() {
        let mut said = Said::default();
        for number in 0..KEPT_LINES + 5 {
            note(&mut said, format!("line {number}"));
        }
        assert_eq!((said.lines.len(), said.lines[0].as_str()), (KEPT_LINES, "line 5"));
    }
}
