//! The sections of a report as text in tables, before it is known whether they become
//! Markdown or HTML. Nothing is escaped here.

use pelago_results::reports::{Compared, Summary};
use pelago_statistics::Ratio;

/// A heading, sentences, and a table where there is something to list.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) notes: Vec<String>,
    pub(super) table: Option<Table>,
}

/// Cells under their heads.
pub(super) struct Table {
    pub(super) head: Vec<&'static str>,
    /// How many columns at the left are words; the others are figures.
    pub(super) words: usize,
    pub(super) rows: Vec<Vec<String>>,
}

/// The heading of every report.
pub(super) const TITLE: &str = "Pelago: runs of models in browsers";

/// What the report is of, in one sentence.
pub(super) fn scope(summary: &Summary) -> String {
    let runs = summary.reliability.runs + summary.reliability.broken;
    let mut text = format!("{runs} runs");
    let parts = [(" of ", &summary.model), (" since ", &summary.since), (" until ", &summary.until)];
    for (word, value) in parts {
        text.extend(value.iter().flat_map(|value| [word, value.as_str()]));
    }
    format!("{text}. Made {}.", summary.generated)
}

pub(super) fn sections(summary: &Summary) -> Vec<Section> {
    let lists = [machine(summary), routes(summary), parity(summary), acceleration(summary), sweep(summary)];
    // A list of nothing says nothing.
    let lists = lists.into_iter().enumerate().filter(|(place, list)| *place == 0 || list.table.is_some());
    lists.map(|(_, list)| list).chain([content(summary), reliability(summary), efficiency(summary)]).collect()
}

fn machine(summary: &Summary) -> Section {
    let machine = &summary.machine;
    let mut notes = vec![format!(
        "{} {}, {} cores, load average {} now{}.",
        machine.os,
        machine.architecture,
        machine.cores.map_or_else(|| "unknown".to_owned(), |cores| cores.to_string()),
        figure(machine.load_average),
        machine.largest_load_of_a_run.map_or(String::new(), |load| format!(", at most {load:.2} when a run ended")),
    )];
    let adapters = summary.adapters.iter().map(|adapter| {
        let words = [&adapter.vendor, &adapter.architecture, &adapter.device, &adapter.description];
        let words: Vec<&str> = words.iter().map(|word| word.as_str()).filter(|word| !word.is_empty()).collect();
        let name = if words.is_empty() { "unnamed".to_owned() } else { words.join(" ") };
        let real = if adapter.is_real_hardware { "real hardware" } else { "no real hardware" };
        format!("Adapter of {}: {name}, {real}, {} runs.", adapter.product, adapter.runs)
    });
    notes.extend(adapters);
    let rows = summary
        .browsers
        .iter()
        .map(|browser| vec![browser.product.clone(), browser.version.clone(), browser.runs.to_string()]);
    section("Machine, browsers, adapters", notes, vec!["browser", "version", "runs"], 2, rows.collect())
}

fn routes(summary: &Summary) -> Section {
    let mut notes = vec!["Times in the page, of warm runs, outliers among them. Quantiles interpolate.".to_owned()];
    let mut rows = Vec::new();
    for route in &summary.routes {
        let mut row = vec![route.model.clone(), route.label()];
        // A figure of an output that is none of the model would look like a success.
        if route.is_broken() {
            row.extend(["BROKEN".to_owned(), route.runs.to_string(), route.samples_ms.len().to_string()]);
            row.extend(std::iter::repeat_n("–".to_owned(), 6));
        } else {
            let real = if route.is_real_hardware { "real" } else { "not real" };
            row.extend([real.to_owned(), route.runs.to_string(), route.samples_ms.len().to_string()]);
            row.push(route.outliers.to_string());
            row.extend([route.min_ms, route.p50_ms, route.p90_ms, route.p99_ms].map(figure));
            row.push(figure(route.throughput_items_per_sec));
        }
        rows.push(row);
    }
    if rows.iter().any(|row| row[2] == "BROKEN") {
        notes.push("A broken route gave an output that is not one of the model: it has no time.".to_owned());
    }
    let head = vec![
        "model", "route", "hardware", "runs", "warm", "outliers", "min, ms", "p50, ms", "p90, ms", "p99, ms", "rows/s",
    ];
    section("Runs by route", notes, head, 3, rows)
}

fn parity(summary: &Summary) -> Section {
    let notes = vec!["Distance from fp32 on wasm, the worst that was measured.".to_owned()];
    let measured = summary.routes.iter().filter_map(|route| route.verdict.as_ref().map(|verdict| (route, verdict)));
    let rows = measured.map(|(route, verdict)| {
        let verdict = if route.is_broken() { "BROKEN".to_owned() } else { verdict.clone() };
        let distance =
            [route.cosine.map(|cosine| format!("{cosine:.6}")), route.max_abs_error.map(|e| format!("{e:.1e}"))];
        let mut row = vec![route.model.clone(), route.label(), verdict];
        row.extend(distance.map(|figure| figure.unwrap_or_else(|| "–".to_owned())));
        row
    });
    section("Parity", notes, vec!["model", "route", "verdict", "cosine", "max abs error"], 3, rows.collect())
}

fn acceleration(summary: &Summary) -> Section {
    let notes = vec![
        "Median of wasm fp32 in the same browser by the route's own, above 1 is faster; 95 % bootstrap interval."
            .to_owned(),
    ];
    let rows = summary.acceleration.iter().map(|found| {
        let route = format!("{} {} {} bit, batch {}", found.product, found.platform, found.precision, found.batch_size);
        let verdict = found.speedup.comparison().to_string();
        vec![found.model.clone(), route, found.against.clone(), verdict, ratio(&found.speedup)]
    });
    section("Acceleration", notes, vec!["model", "route", "against", "", "times"], 4, rows.collect())
}

fn sweep(summary: &Summary) -> Section {
    let rows = summary.sweep.iter().map(|row| {
        let mixed = if row.mixed_precision { " mixed" } else { "" };
        let route = format!("{} {} {} bit{mixed}", row.product, row.platform, row.precision);
        let fine = row.outcome == "measured" && row.verdict.as_deref() != Some("broken");
        let outcome = match (&row.problem, fine) {
            (_, true) => row.verdict.clone().unwrap_or_else(|| "measured".to_owned()),
            (Some(problem), false) => format!("{}: {problem}", row.outcome.to_uppercase()),
            (None, false) => "BROKEN".to_owned(),
        };
        let times = [row.p50_ms, row.p90_ms, row.p99_ms].map(|ms| if fine { figure(ms) } else { "–".to_owned() });
        let interval = row.speedup_low.zip(row.speedup_high).map(|(low, high)| [low, high]);
        let speedup = row.speedup.filter(|_| fine).map_or("–".to_owned(), |value| ratio(&Ratio { value, interval }));
        let mut cells = vec![row.model.clone(), route, outcome];
        cells.extend(times);
        cells.extend([speedup, row.model_bytes.map_or("–".to_owned(), bytes), figure(row.memory_usage_mb)]);
        cells
    });
    let head =
        vec!["model", "combination", "verdict", "p50, ms", "p90, ms", "p99, ms", "speedup", "size", "memory, MiB"];
    section("Newest sweep", Vec::new(), head, 3, rows.collect())
}

fn content(summary: &Summary) -> Section {
    let content = &summary.content;
    let mut notes = vec![format!("{} of the runs needed no byte from a network.", percent(content.cache_hit_rate))];
    notes.extend(content.cache_speedup.as_ref().map(|speedup| {
        format!("A cold run took {} times as long without the content cache as with it.", ratio(speedup))
    }));
    let rows = content.sources.iter().map(|source| {
        let rate = source.rate.map_or("–".to_owned(), |rate| format!("{:.1}", rate / 1e6));
        vec![source.source.clone(), source.kind.clone(), bytes(source.bytes), rate]
    });
    section("Content", notes, vec!["source", "kind", "bytes", "MB/s"], 2, rows.collect())
}

fn reliability(summary: &Summary) -> Section {
    let found = &summary.reliability;
    let mut notes = vec![format!(
        "{} runs went well, {} gave a broken output, {} failed: {} of all went wrong.",
        found.runs,
        found.broken,
        found.failures,
        percent(found.error_rate)
    )];
    if let Some(ms) = found.recovery_p50_ms {
        let recoveries = found.recoveries;
        notes.push(format!(
            "After {recoveries} failures the session gave a result again, at the median in {} ms.",
            figure(Some(ms))
        ));
    }
    let rows = found.codes.iter().map(|code| vec![code.code.clone(), code.count.to_string()]);
    section("Reliability", notes, vec!["error", "times"], 1, rows.collect())
}

fn efficiency(summary: &Summary) -> Section {
    let found = &summary.efficiency;
    let notes = vec![format!(
        "Memory of a page at most {} MiB; {} of the runs found browser and connection open, {} the model's session.",
        figure(found.memory_peak_mb),
        percent(found.connection_reuse),
        percent(found.session_reuse)
    )];
    Section { title: "Resources", notes, table: None }
}

/// A comparison as one table.
pub(super) fn compared(compared: &Compared) -> Table {
    let rows = compared.routes.iter().map(|route| {
        let times = [route.before_ms, route.after_ms].map(figure);
        let mut row = vec![route.route.clone(), route.change.as_str().to_owned()];
        row.extend(times);
        row.push(route.ratio.as_ref().map_or("–".to_owned(), ratio));
        row
    });
    Table { head: vec!["route", "", "before, ms", "after, ms", "ratio"], words: 2, rows: rows.collect() }
}

fn section(
    title: &'static str,
    notes: Vec<String>,
    head: Vec<&'static str>,
    words: usize,
    rows: Vec<Vec<String>>,
) -> Section {
    let table = (!rows.is_empty()).then_some(Table { head, words, rows });
    Section { title, notes, table }
}

/// Three digits that count; a dash for what was not measured.
fn figure(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value.abs() >= 100.0 => format!("{value:.0}"),
        Some(value) if value.abs() >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

fn ratio(ratio: &Ratio) -> String {
    let value = figure(Some(ratio.value));
    match ratio.interval {
        Some([low, high]) => format!("{value} ({}…{})", figure(Some(low)), figure(Some(high))),
        None => format!("{value} (too few runs for an interval)"),
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or("–".to_owned(), |share| format!("{:.1} %", share * 100.0))
}

#[allow(clippy::cast_precision_loss, reason = "for people")]
fn bytes(bytes: u64) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    if mib >= 0.1 { format!("{mib:.1} MiB") } else { format!("{bytes} B") }
}
