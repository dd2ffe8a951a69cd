//! Polars' own values: frames and columns as tables, plans as plans.

use std::fmt::Debug;

use pelago_protocol::cells::Content;
use pelago_protocol::packed::Attachment;
use pelago_table::{Data, ends};
use polars::prelude::{Column, DataFrame, IntoColumn, LazyFrame, NamedFrom, Schema, Series};

use super::{Show, text};
use crate::ipc;

impl Show for DataFrame {
    fn content(&self) -> Content {
        match ipc::write(&mut ends(self)) {
            Ok(frame) => {
                // Texts and numbers are JSON whatever they are.
                let data = Data::of(self).and_then(|data| serde_json::to_vec(&data).ok());
                let data = data.map(|json| Attachment(json.into()));
                Content::Table { height: self.height(), frame: Attachment(frame.into()), data }
            }
            Err(error) => text(format!("{self}\n({error})")),
        }
    }
}

impl Show for Series {
    fn content(&self) -> Content {
        self.clone().into_frame().content()
    }
}

impl Show for Column {
    fn content(&self) -> Content {
        self.clone().into_frame().content()
    }
}

/// The columns that a frame of this schema has, one a row.
impl Show for Schema {
    fn content(&self) -> Content {
        let names = self.iter_names().map(|name| name.as_str()).collect::<Vec<_>>();
        let types = self.iter_values().map(ToString::to_string).collect::<Vec<_>>();
        let columns: [Column; 2] =
            [Series::new("column".into(), names).into_column(), Series::new("dtype".into(), types).into_column()];
        match DataFrame::new(self.len(), columns.into()) {
            Ok(frame) => frame.content(),
            Err(_) => text(format!("{self:?}")),
        }
    }
}

impl Show for LazyFrame {
    fn content(&self) -> Content {
        let plan = self.describe_plan().unwrap_or_else(|error| error.to_string());
        text(format!("a plan; `.collect()?` runs it\n\n{plan}"))
    }
}

/// What [`super::display`] takes: what has Debug, and plans, which have none. `By`
/// tells the two ways apart and is never named.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be shown",
    label = "it has no Debug",
    note = "add `#[derive(Debug)]` to the type, or show one of its fields"
)]
pub trait Displayed<By> {
    /// What is shown.
    #[doc(hidden)]
    fn displayed(&self) -> Content;
}

/// A value with Debug.
#[doc(hidden)]
#[derive(Debug)]
pub struct ByDebug;

/// A plan.
#[doc(hidden)]
#[derive(Debug)]
pub struct AsPlan;

impl<T: Debug> Displayed<ByDebug> for T {
    fn displayed(&self) -> Content {
        super::known::content(self).unwrap_or_else(|| text(format!("{self:?}")))
    }
}

macro_rules! plans {
    ($($plan:ty),*) => {
        $(impl Displayed<AsPlan> for $plan {
            fn displayed(&self) -> Content {
                Show::content(self)
            }
        })*
    };
}

plans!(LazyFrame, &LazyFrame, Option<LazyFrame>);

impl<E: Debug> Displayed<AsPlan> for Result<LazyFrame, E> {
    fn displayed(&self) -> Content {
        Show::content(self)
    }
}
