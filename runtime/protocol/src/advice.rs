//! What to do next about an error. Whoever raises the error names settings and commands by what they are; each front
//! end words them in its own language: flags in a terminal, methods in a cell of Rust.

use std::borrow::Cow;

crate::word::words! {
    /// A setting of a run or of Pelago itself, by its name in snake case.
    Setting, "setting" {
        /// Whether nodes may run elsewhere than asked.
        AllowFallback = "allow_fallback",
        /// Which browser runs a model.
        Browser = "browser",
        /// The folder that Pelago keeps everything in.
        Home = "home",
        /// Bytes that a model may take.
        MemoryLimit = "memory_limit",
        /// Whether critical layers keep a higher precision.
        MixedPrecision = "mixed_precision",
        /// What happens to a text that is too long.
        OnLong = "on_long",
        /// Where in the page a model runs.
        Platform = "platform",
        /// Bits a weight.
        Precision = "precision",
        /// What a model is for, where that cannot be told from its files.
        Family = "family",
        /// The name that a model gets.
        Name = "name",
        /// Outputs to compare with.
        Golden = "golden",
        /// Whether a software adapter is an error.
        RequireRealHardware = "require_real_hardware",
        /// Who is asked for content.
        Source = "source",
        /// Firefox's compute shader settings for audio models.
        UseFirefoxOptimizations = "use_firefox_optimizations",
    }
}

/// The language of a front end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// The shell: `--platform wasm`, `pelago doctor`.
    Shell,
    /// A `:command` in a notebook or in the terminal's session: `--platform wasm`, `:doctor`.
    Command,
    /// Rust in a cell: `.platform(…)` with wasm, `:doctor`.
    Rust,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Cow<'static, str>),
    Setting(Setting, Option<Cow<'static, str>>),
    Command(&'static str),
    RestartCells,
}

/// What to do next about an error; empty where the message says it already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advice(Vec<Piece>);

impl Advice {
    /// No advice.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Adds words that are the same everywhere.
    #[must_use]
    pub fn text(self, text: impl Into<Cow<'static, str>>) -> Self {
        self.with(Piece::Text(text.into()))
    }

    /// Names a setting.
    #[must_use]
    pub fn setting(self, setting: Setting) -> Self {
        self.with(Piece::Setting(setting, None))
    }

    /// Names a setting with a value.
    #[must_use]
    pub fn set(self, setting: Setting, value: impl Into<Cow<'static, str>>) -> Self {
        self.with(Piece::Setting(setting, Some(value.into())))
    }

    /// Names a command that shell and cells both have, e.g. `model list`.
    #[must_use]
    pub fn command(self, command: &'static str) -> Self {
        self.with(Piece::Command(command))
    }

    /// Names the restart of the process that cells of Rust run in.
    #[must_use]
    pub fn restart_cells(self) -> Self {
        self.with(Piece::RestartCells)
    }

    fn with(mut self, piece: Piece) -> Self {
        self.0.push(piece);
        self
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The advice in the words of a front end.
    #[must_use]
    pub fn words(&self, voice: Voice) -> String {
        self.0.iter().map(|piece| piece.words(voice)).collect()
    }
}

impl From<&'static str> for Advice {
    fn from(text: &'static str) -> Self {
        Self::none().text(text)
    }
}

impl From<String> for Advice {
    fn from(text: String) -> Self {
        if text.is_empty() { Self::none() } else { Self::none().text(text) }
    }
}

impl Piece {
    fn words(&self, voice: Voice) -> Cow<'_, str> {
        match (self, voice) {
            (Self::Text(text), _) => text.as_ref().into(),
            (Self::Setting(Setting::Home, _), Voice::Command | Voice::Rust) => "PELAGO_HOME".into(),
            (Self::Setting(Setting::Source, None), Voice::Rust) => "--source of the command that starts Pelago".into(),
            (Self::Setting(setting, None), Voice::Rust) => format!("`.{setting}(…)`").into(),
            (Self::Setting(setting, Some(value)), Voice::Rust) => format!("`.{setting}(…)` with {value}").into(),
            (Self::Setting(setting, value), Voice::Shell | Voice::Command) => {
                let flag = setting.as_str().replace('_', "-");
                value.as_ref().map_or_else(|| format!("--{flag}"), |value| format!("--{flag} {value}")).into()
            }
            (Self::Command(command), Voice::Shell) => format!("`pelago {command}`").into(),
            (Self::Command("model list"), Voice::Command | Voice::Rust) => "`:models`".into(),
            (Self::Command(command), Voice::Command | Voice::Rust) => format!("`:{command}`").into(),
            (Self::RestartCells, Voice::Shell) => "start it again".into(),
            (Self::RestartCells, Voice::Command | Voice::Rust) => {
                "restart the kernel, or leave the terminal and start it again".into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_front_end_has_its_own_words() {
        let advice = Advice::none()
            .text("leave ")
            .setting(Setting::RequireRealHardware)
            .text(" out, take ")
            .set(Setting::Platform, "wasm")
            .text(" or look at ")
            .command("capabilities");
        let words = [Voice::Shell, Voice::Command, Voice::Rust].map(|voice| advice.words(voice));
        assert_eq!(
            words,
            [
                "leave --require-real-hardware out, take --platform wasm or look at `pelago capabilities`",
                "leave --require-real-hardware out, take --platform wasm or look at `:capabilities`",
                "leave `.require_real_hardware(…)` out, take `.platform(…)` with wasm or look at `:capabilities`",
            ]
        );
        assert!(Advice::from(String::new()).is_empty());
    }
}
