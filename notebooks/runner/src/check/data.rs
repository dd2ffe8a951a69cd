//! Tables by their data: all columns, all rows, every digit. Of a table that is too
//! large for that, the digests of its columns and the rows at both ends.

use pelago_table::{Column as Kept, Data, Digest, Numbers};
use polars::prelude::AnyValue;

use super::numbers::{Tolerance, words};
use super::table::listed;
use super::{Column, Mode, Rule};

/// Characters of a value in a message.
const CHARACTERS: usize = 80;
/// What a table that was only drawn shows at most, of rows and of columns.
const DRAWN: usize = 60;

/// What differs between two tables, and what was compared.
pub(super) fn compare(rule: &Rule, stored: &Data, now: &Data) -> (Option<String>, String) {
    let found = schema(stored, now);
    if !found.is_empty() {
        return (Some(found.join("\n  ")), format!("{} stored", extent(stored)));
    }
    let mut found = values(rule, stored, now);
    let skipped = now.columns.iter().filter(|column| matches!(rule.columns.get(&column.name), Some(Column::Skip(_))));
    let skipped = match skipped.count() {
        0 => String::new(),
        1 => ", 1 column skipped".to_owned(),
        many => format!(", {many} columns skipped"),
    };
    if !stored.is_digest() && !now.is_digest() {
        return (listed(&found), format!("{} compared{skipped}", extent(now)));
    }
    let mut partly = Vec::new();
    for (before, now_column) in stored.columns.iter().zip(&now.columns) {
        match (&before.digest, &now_column.digest) {
            (Some(before), Some(digest)) => match digests(rule, now_column, before, digest, now.height) {
                Verdict::Same => {}
                Verdict::Close => partly.push(now_column.name.as_str()),
                Verdict::Differs(what) => found.push(format!("column {}: {what}", now_column.name)),
            },
            (before, _) => {
                let (before, now) = if before.is_some() { ("by digest", "whole") } else { ("whole", "by digest") };
                found.push(format!("the table is stored {before}, and now is {now}: its texts have another length"));
                break;
            }
        }
    }
    let partly = match partly.as_slice() {
        [] => String::new(),
        names => format!(
            "; of {} single values are compared in {} rows only, and by nulls, least, largest and sum in all",
            names.join(", "),
            now.rows.len()
        ),
    };
    (listed(&found), format!("{} compared by digest{skipped}{partly}", extent(now)))
}

/// What is said of a table that an older Pelago stored without data.
pub(super) fn only_drawn(now: Option<&Data>) -> String {
    let Some(now) = now else { return "what is drawn was compared: the table has too many columns".to_owned() };
    let shown = |count: usize| if count > DRAWN { format!("{DRAWN} of {}", grouped(count)) } else { count.to_string() };
    format!(
        "what is drawn was compared, {} rows × {} columns: the table is stored without its data, which --inplace stores",
        shown(now.height),
        shown(now.columns.len())
    )
}

/// `1,000 rows × 3 columns`
fn extent(data: &Data) -> String {
    let plural = |count: usize, what: &str| format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" });
    format!("{} × {}", plural(data.height, "row"), plural(data.columns.len(), "column"))
}

fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        text.extend((index > 0 && (digits.len() - index).is_multiple_of(3)).then_some(','));
        text.push(digit);
    }
    text
}

/// What makes two tables incomparable: other columns, types, or numbers of rows.
fn schema(stored: &Data, now: &Data) -> Vec<String> {
    let names = |data: &Data| data.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
    let (before, after) = (names(stored), names(now));
    let mut found = Vec::new();
    if before != after {
        let missing = before.iter().filter(|name| !after.contains(name)).map(|name| format!("column {name} is gone"));
        let new = after.iter().filter(|name| !before.contains(name)).map(|name| format!("column {name} is new"));
        found.extend(missing.chain(new));
        if found.is_empty() {
            found.push(format!("other order of columns: stored {}, now {}", before.join(", "), after.join(", ")));
        }
    } else {
        let pairs = stored.columns.iter().zip(&now.columns).filter(|(before, now)| before.dtype != now.dtype);
        found.extend(
            pairs.map(|(before, now)| format!("column {}: stored as {}, now {}", now.name, before.dtype, now.dtype)),
        );
    }
    if stored.height != now.height {
        found.push(format!("stored {} rows, now {}", grouped(stored.height), grouped(now.height)));
    }
    found
}

/// The values that both keep, one by one.
fn values(rule: &Rule, stored: &Data, now: &Data) -> Vec<String> {
    let mut found = Vec::new();
    for ((row, before), (other, after)) in stored.values().zip(now.values()) {
        if row != other {
            break;
        }
        for ((column, before), after) in now.columns.iter().zip(before).zip(after) {
            if before == after && !rule.columns.contains_key(&column.name) {
                continue;
            }
            let differences = value(rule, column, before.as_deref(), after.as_deref());
            found
                .extend(differences.into_iter().map(|what| format!("row {}, column {}: {what}", row + 1, column.name)));
        }
    }
    found
}

fn value(rule: &Rule, column: &Kept, stored: Option<&str>, now: Option<&str>) -> Vec<String> {
    let differ = || vec![format!("stored {}, now {}", readable(stored), readable(now))];
    let tolerance = match (rule.mode, rule.columns.get(&column.name)) {
        (Mode::Tolerance, Some(Column::Skip(_))) => return Vec::new(),
        (Mode::Tolerance, Some(Column::Matching(matching))) => {
            let text = now.unwrap_or("null");
            let is_match = matching.pattern.is_all_of(text);
            return if is_match { Vec::new() } else { vec![format!("{text} does not match {}", matching.pattern.0)] };
        }
        (Mode::Tolerance, Some(Column::Tolerance(own))) => Some(*own),
        (Mode::Tolerance, None) => Some(rule.tolerance),
        _ => None,
    };
    let (Some(before), Some(after)) = (stored, now) else {
        return if stored == now { Vec::new() } else { differ() };
    };
    let (before, after) = (rule.cut(before), rule.cut(after));
    match tolerance {
        _ if before == after => Vec::new(),
        // A date or a truth that is nearly the stored one is another.
        Some(tolerance) if has_measures(&column.dtype) && words(&before).len() == words(&after).len() => {
            tolerance.differences(&before, &after)
        }
        _ => differ(),
    }
}

/// Whether numbers stand in the texts of a type, which a tolerance applies to.
fn has_measures(dtype: &str) -> bool {
    !matches!(dtype, "bool" | "binary" | "date" | "time") && !dtype.starts_with("datetime[")
}

fn readable(value: Option<&str>) -> String {
    let text = value.and_then(|text| pelago_table::shown(&AnyValue::String(text), CHARACTERS));
    text.unwrap_or_else(|| "null".to_owned())
}

enum Verdict {
    Same,
    /// By all that a tolerance can be applied to.
    Close,
    Differs(String),
}

fn digests(rule: &Rule, column: &Kept, stored: &Digest, now: &Digest, rows: usize) -> Verdict {
    let own = if rule.mode == Mode::Tolerance { rule.columns.get(&column.name) } else { None };
    match own {
        Some(Column::Skip(_)) => return Verdict::Same,
        Some(Column::Matching(_)) => return Verdict::Close,
        _ if stored.hash == now.hash => return Verdict::Same,
        _ => {}
    }
    if stored.nulls != now.nulls {
        return Verdict::Differs(format!("stored {} nulls, now {}", grouped(stored.nulls), grouped(now.nulls)));
    }
    let tolerance = match own {
        Some(Column::Tolerance(own)) => *own,
        _ => rule.tolerance,
    };
    match (rule.mode, &stored.numbers, &now.numbers) {
        (Mode::Tolerance, Some(before), Some(after)) => match numbers(tolerance, before, after, rows) {
            Some(what) => Verdict::Differs(what),
            None => Verdict::Close,
        },
        (_, Some(before), Some(after)) => {
            let sums = format!("stored sum {}, now {}", before.sum, after.sum);
            Verdict::Differs(format!("its values differ, by their digest; {sums}"))
        }
        _ => Verdict::Differs(format!("its values differ, by their digest ({})", column.dtype)),
    }
}

/// What is too far off between the figures of two columns.
fn numbers(tolerance: Tolerance, stored: &Numbers, now: &Numbers, rows: usize) -> Option<String> {
    if stored.nan != now.nan {
        return Some(format!("stored {} NaN, now {}", grouped(stored.nan), grouped(now.nan)));
    }
    let limit = |what: &str, stored: &Option<String>, now: &Option<String>| {
        let (stored, now) = (stored.as_deref().unwrap_or("null"), now.as_deref().unwrap_or("null"));
        tolerance.difference(stored, now).map(|difference| format!("{what}: {difference}"))
    };
    let number = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
    let magnitude = number(&stored.magnitude);
    let off = (number(&now.sum) - number(&stored.sum)).abs();
    // A sum of many is not exact to its last digits.
    let allowed = tolerance.allowed(magnitude, rows) + f64::EPSILON * rows as f64 * magnitude;
    let sum = || {
        (off > allowed)
            .then(|| format!("sum: stored {}, now {}: {off:.3e} apart, {allowed:.3e} allowed", stored.sum, now.sum))
    };
    limit("least", &stored.min, &now.min).or_else(|| limit("largest", &stored.max, &now.max)).or_else(sum)
}
