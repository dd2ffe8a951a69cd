//! `:model`: adds, shows or removes one model.

use std::path::PathBuf;

use async_trait::async_trait;
use clap::{Arg, ArgMatches, value_parser};
use pelago_protocol::Family;
use polars::prelude::{Column, NamedFrom, Series};

use super::{Command, CommandError, Context, Values, table, values};
use crate::content::AddProgress;
use crate::interpreter::Shown;
use crate::models::Described;
use crate::session::Step;

/// The command.
pub(super) struct Model;

#[async_trait]
impl Command for Model {
    fn name(&self) -> &'static str {
        "model"
    }

    fn summary(&self) -> &'static str {
        "Add, show or remove a model; :models lists all"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[":model add ./all-MiniLM-L6-v2", ":model show all-MiniLM-L6-v2", ":model remove all-MiniLM-L6-v2"]
    }

    fn arguments(&self, command: clap::Command) -> clap::Command {
        let model = |help| Arg::new("model").value_name("MODEL").required(true).help(help);
        command
            .subcommand_required(true)
            .subcommand(
                clap::Command::new("add")
                    .about("Check a folder (safetensors or ONNX, tokenizer, config) and add it under its CID")
                    .arg(
                        Arg::new("folder")
                            .value_name("FOLDER")
                            .required(true)
                            .value_parser(value_parser!(PathBuf))
                            .help("The model's folder"),
                    )
                    .arg(
                        Arg::new("name")
                            .value_name("NAME")
                            .long("name")
                            .help("The name to know it by [default: the one in its config, or the folder's]"),
                    )
                    .arg(
                        Arg::new("family")
                            .value_name("FAMILY")
                            .long("family")
                            .value_parser(values::family())
                            .help("The family, where detection is wrong"),
                    ),
            )
            .subcommand(
                clap::Command::new("show")
                    .about("Show its CID, family and files; sizes are in bytes")
                    .arg(model("A name or a CID")),
            )
            .subcommand(
                clap::Command::new("remove")
                    .about("Take its name away and free the bytes that no other model uses")
                    .arg(model("A name")),
            )
    }

    fn values(&self, argument: &str) -> Values {
        if argument == "model" { Values::Models } else { Values::Declared }
    }

    async fn run(&self, context: &Context<'_>, arguments: &ArgMatches) -> Result<Vec<Shown>, CommandError> {
        let models = context.session.models();
        let model = |arguments: &ArgMatches| arguments.get_one::<String>("model").cloned().unwrap_or_default();
        match arguments.subcommand() {
            Some(("add", arguments)) => {
                let folder = arguments.get_one::<PathBuf>("folder").cloned().unwrap_or_default();
                let name = arguments.get_one::<String>("name").map(String::as_str);
                let family = arguments.get_one::<Family>("family").copied();
                let observer = context.observer();
                let tell = move |step: AddProgress| {
                    let file = step.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    observer(Step::Adding { file, loaded: step.done, total: step.total });
                };
                let added = models.add(folder, name, family, tell).await?;
                shown(&models.describe(&added.name).await?)
            }
            Some(("remove", arguments)) => {
                let name = model(arguments);
                models.remove(&name).await?;
                Ok(vec![Shown::Text(format!("removed {name}"))])
            }
            // `show`: the parser lets nothing else through.
            Some((_, arguments)) => shown(&models.describe(&model(arguments)).await?),
            None => Ok(Vec::new()),
        }
    }
}

fn shown(model: &Described) -> Result<Vec<Shown>, CommandError> {
    let text = format!(
        "name    {}\ncid     {}\nfamily  {} ({})\nsize    {} bytes",
        model.name,
        model.cid,
        model.family,
        model.evidence,
        model.size(),
    );
    let files = &model.files;
    let columns: Vec<Column> = vec![
        Series::new("path".into(), files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>()).into(),
        Series::new("size".into(), files.iter().map(|file| file.size).collect::<Vec<_>>()).into(),
        Series::new("cid".into(), files.iter().map(|file| file.cid.to_string()).collect::<Vec<_>>()).into(),
    ];
    Ok(vec![Shown::Text(text), table::shown(columns)?])
}
