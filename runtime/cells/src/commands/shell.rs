//! The commands as subcommands of a shell: the same arguments, help and execution, and what only a shell has.

use clap::{Arg, ArgAction, ArgMatches};

use super::{CommandError, Context, Entry, Outcome, Reading, Shell, TABLE, parse};

/// A command of the table, for a shell.
#[derive(Clone, Copy)]
pub struct Subcommand {
    entry: &'static dyn Entry,
    json: Option<&'static str>,
    reads_results: bool,
}

/// The ids of what only a shell has.
const JSON: &str = "json";
const DB_ONLY: &str = "db_only";

impl Subcommand {
    /// Those that a shell has, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().filter_map(|entry| match entry.shell() {
            Shell::Subcommand { json, reads_results } => Some(Self { entry: *entry, json, reads_results }),
            Shell::Nothing(_) => None,
        })
    }

    /// Every command of the table, and why a shell has none of that name, where it has none.
    pub fn table() -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
        TABLE.iter().map(|entry| match entry.shell() {
            Shell::Subcommand { .. } => (entry.name(), None),
            Shell::Nothing(reason) => (entry.name(), Some(reason)),
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry.name()
    }

    /// The parser of its arguments, which also writes its help. `program` begins the lines of its examples.
    #[must_use]
    pub fn parser(self, program: &str) -> clap::Command {
        let examples = self.entry.examples().iter().map(|line| format!("  {}", example(self.entry, line, program)));
        let parser = clap::Command::new(self.name())
            .after_help(format!("Examples:\n{}", examples.collect::<Vec<_>>().join("\n")));
        let mut parser = self.entry.arguments(parser);
        if let Some(help) = self.json {
            let has_subcommands = parser.has_subcommands();
            let json = Arg::new(JSON).long("json").action(ArgAction::SetTrue).help(help);
            parser = parser.arg(json.global(has_subcommands));
        }
        if self.reads_results {
            let help = "Read the database as it stands and touch nothing else: no journal, no folder, no lock";
            parser = parser.arg(Arg::new(DB_ONLY).long("db-only").action(ArgAction::SetTrue).help(help));
        }
        parser
    }

    /// Whether results are wanted as JSON.
    #[must_use]
    pub fn wants_json(self, arguments: &ArgMatches) -> bool {
        self.json.is_some() && arguments.get_flag(JSON)
    }

    /// Whether the answer, an error among them, is JSON.
    #[must_use]
    pub fn is_json(self, arguments: &ArgMatches) -> bool {
        self.wants_json(arguments) || self.entry.is_json(arguments)
    }

    /// Whether the database is read as it stands.
    #[must_use]
    pub fn is_db_only(self, arguments: &ArgMatches) -> bool {
        self.reads_results && arguments.get_flag(DB_ONLY)
    }

    /// Runs it, until it ends or the context is cancelled.
    ///
    /// # Errors
    /// [`CommandError`], with what was expected and what to do.
    pub async fn run(self, context: &Context<'_>, arguments: &ArgMatches) -> Result<Outcome, CommandError> {
        self.entry.run(context, arguments).await
    }
}

impl std::fmt::Debug for Subcommand {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_tuple("Subcommand").field(&self.name()).finish()
    }
}

/// A line of a cell as a line of a shell: what stands there as it is, is quoted.
fn example(entry: &dyn Entry, line: &str, program: &str) -> String {
    let line = line.trim_start_matches(':');
    if entry.reading() == Reading::Words {
        return format!("{program} {line}");
    }
    let (name, rest) = parse::name(line);
    let words = rest.replace('\\', " ");
    format!("{program} {name} \"{}\"", words.split_whitespace().collect::<Vec<_>>().join(" "))
}
