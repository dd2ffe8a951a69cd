//! What a cell shows, as text: tables fitted to a width, runs with a small
//! report, media by the text or the file that stands for them.

use std::io::Write;

use base64::Engine;
use pelago_protocol::{PrecisionChoice, Report, Tensor};
use pelago_runtime::interpreter::{MediaBundle, Shown};
use pelago_runtime::reports::Summary;
use pelago_runtime::session::{Output, Run};

use super::paint::{Ink, Paint};
use super::{plot, table};

/// Components of a vector that a person is shown.
const COMPONENTS: usize = 5;

/// Runs of a route that a sparkline shows.
const TREND: usize = 40;

/// Rows of a batch that a person is shown.
const ROWS: usize = 8;

/// The text of a value, without a line end. `width` is the terminal's, in columns.
pub(crate) fn text(shown: &Shown, width: Option<usize>, paint: Paint) -> String {
    match shown {
        Shown::Table(shown) => table::fitted(shown, width),
        Shown::Run(run) => self::run(run, paint),
        Shown::Chart(chart) => plot::text(chart, width, paint),
        Shown::Report(report) => self::report_over_many(report, width, paint),
        Shown::Media(bundle) => media(bundle, paint),
        Shown::Text(text) => text.strip_suffix('\n').unwrap_or(text).to_owned(),
    }
}

/// The tables of a report, its charts, and each route's warm runs in the order of time.
fn report_over_many(report: &Summary, width: Option<usize>, paint: Paint) -> String {
    let mut parts = vec![report.markdown().trim_end().to_owned()];
    parts.extend(report.charts().iter().map(|chart| plot::text(chart, width, paint)));
    let trends = report.routes.iter().filter(|route| route.samples_ms.len() > 1).map(|route| {
        let newest = &route.samples_ms[route.samples_ms.len().saturating_sub(TREND)..];
        format!("{}  {}: {}", plot::sparkline(newest), route.model, route.label())
    });
    let trends: Vec<String> = trends.map(|line| plot::one_line(&line, width)).collect();
    if !trends.is_empty() {
        parts.push(format!("Warm runs, the newest at the right\n{}", trends.join("\n")));
    }
    parts.join("\n\n")
}

/// The head line and the first values of an output.
pub(crate) fn preview(run: &Run) -> String {
    let name = &run.report.model_name;
    match &run.output {
        Output::Embeddings { shape, values } => {
            let mut lines = vec![format!("{name} → embedding, float32 {shape:?}")];
            lines.extend(values.chunks(shape[1].max(1)).take(ROWS).map(vector));
            if shape[0] > ROWS {
                lines.push(format!("… {} more", shape[0] - ROWS));
            }
            lines.join("\n")
        }
        Output::Tensors(tensors) => {
            let of = |tensor: &Tensor| format!("  {}, {:?} {:?}", tensor.name, tensor.dtype, tensor.shape);
            let lines = std::iter::once(format!("{name} → {} tensors", tensors.len())).chain(tensors.iter().map(of));
            lines.collect::<Vec<_>>().join("\n")
        }
    }
}

fn vector(values: &[f32]) -> String {
    let head = values.iter().take(COMPONENTS).map(|value| format!("{value:.6}")).collect::<Vec<_>>();
    let more = if values.len() > COMPONENTS { ", …" } else { "" };
    format!("[{}{more}]", head.join(", "))
}

fn run(run: &Run, paint: Paint) -> String {
    let mut text = preview(run);
    for line in report(&run.report) {
        text.push('\n');
        paint.push(&mut text, Ink::Dim, &line);
    }
    text
}

/// Where it ran, on what, how fast and how exact, in two lines.
fn report(report: &Report) -> [String; 2] {
    let hardware = if report.is_real_hardware { "real hardware" } else { "no real hardware" };
    let place = format!(
        "{} {} · {} ({}) · {hardware}: {}",
        report.browser_product,
        report.browser_version,
        report.platform,
        report.execution_provider,
        report.hardware_reason
    );
    let placement = &report.placement;
    let warm = if report.warm { "warm" } else { "cold" };
    let mut facts = vec![
        format!("{}/{} nodes", placement.nodes_on_provider, placement.nodes_total),
        precision(report),
        warm.to_owned(),
        format!("{:.2} ms in the page", report.processing_time * 1000.0),
        format!("{:.2} ms in all", report.total_time * 1000.0),
    ];
    facts.extend(report.parity.as_ref().map(|parity| format!("cosine {:.6} with fp32", parity.cosine)));
    [place, facts.join(" · ")]
}

/// Bits, and where they were left to Pelago, what it said of the memory and what the page has.
fn precision(report: &Report) -> String {
    let bits = format!("{} bit", report.precision.bits());
    if report.requested_precision != PrecisionChoice::Auto {
        return bits;
    }
    let mib = |figure: Option<f64>| figure.map_or_else(|| "?".to_owned(), |mib| format!("{mib:.0}"));
    format!(
        "{bits} (auto: {} MiB predicted, {} measured)",
        mib(report.memory_predicted_mb),
        mib(report.memory_usage_mb)
    )
}

fn media(bundle: &MediaBundle, paint: Paint) -> String {
    let mut lines = Vec::new();
    let plain = bundle.0.get("text/plain").map(|text| text.trim_end_matches('\n')).filter(|text| !text.is_empty());
    lines.extend(plain.map(str::to_owned));
    for (mime, content) in &bundle.0 {
        let Some(ending) = image_ending(mime) else { continue };
        let note = match keep(content, ending) {
            Ok(path) => format!("{mime} → {}", path.display()),
            Err(error) => format!("{mime}: not shown, and not kept as a file: {error}"),
        };
        lines.push(paint.text(Ink::Dim, &note));
    }
    if lines.is_empty() {
        let types = bundle.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        lines.push(paint.text(Ink::Dim, &format!("[{types}]")));
    }
    lines.join("\n")
}

fn image_ending(mime: &str) -> Option<&'static str> {
    Some(match mime {
        "image/png" => ".png",
        "image/jpeg" => ".jpg",
        "image/gif" => ".gif",
        "image/webp" => ".webp",
        "image/svg+xml" => ".svg",
        _ => return None,
    })
}

/// Writes an image into the folder of temporary files, for the user to open and
/// for the operating system to take away.
fn keep(content: &str, ending: &str) -> std::io::Result<std::path::PathBuf> {
    let decoded;
    let bytes = if ending == ".svg" {
        content.as_bytes()
    } else {
        // Bytes in a bundle are base64, which may be broken into lines.
        let joined = content.split_ascii_whitespace().collect::<String>();
        let engine = base64::engine::general_purpose::STANDARD;
        decoded = engine.decode(joined).map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))?;
        &decoded
    };
    let mut file = tempfile::Builder::new().prefix("pelago-").suffix(ending).tempfile()?;
    file.write_all(bytes)?;
    let (_, path) = file.keep()?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn bundle(parts: &[(&str, &str)]) -> Shown {
        let parts = parts.iter().map(|(mime, content)| ((*mime).to_owned(), (*content).to_owned()));
        Shown::Media(MediaBundle(parts.collect::<BTreeMap<_, _>>()))
    }

    const PLAIN: Paint = Paint { on: false };

    #[test]
    fn media_are_their_plain_text() {
        let shown = bundle(&[("text/html", "<b>x</b>"), ("text/plain", "x\n")]);
        assert_eq!(text(&shown, None, PLAIN), "x");
        let shown = bundle(&[("text/html", "<b>x</b>"), ("text/plain", "")]);
        assert_eq!(text(&shown, None, PLAIN), "[text/html, text/plain]");
    }

    #[test]
    fn an_image_is_kept_as_a_file() {
        let shown = bundle(&[("image/png", "aGVs\nbG8="), ("text/plain", "a plot")]);
        let text = text(&shown, None, PLAIN);
        let (plain, note) = text.split_once('\n').unwrap();
        let path = note.strip_prefix("image/png → ").unwrap();
        assert_eq!((plain, std::fs::read(path).unwrap()), ("a plot", b"hello".to_vec()));
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn an_image_that_is_none_is_told() {
        let text = text(&bundle(&[("image/png", "?")]), None, PLAIN);
        assert!(text.starts_with("image/png: not shown, and not kept as a file: "), "{text}");
    }
}
