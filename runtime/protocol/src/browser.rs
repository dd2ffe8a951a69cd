//! Which browser runs a model.

crate::word::words! {
    /// A browser by its engine's product line. `chrome` stands for Chrome,
    /// Chromium and chrome-headless-shell; the report says which it was.
    BrowserKind, "browser" {
        /// Chosen by the platform and by what is installed.
        Auto = "auto",
        /// Chrome, Chromium or chrome-headless-shell.
        Chrome = "chrome",
        /// Firefox.
        Firefox = "firefox",
        /// Microsoft Edge.
        Edge = "edge",
        /// Safari, on macOS alone.
        Safari = "safari",
    }
}
