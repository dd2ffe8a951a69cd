//! A run: what the model gave, and the small report that proves where it ran.

use std::collections::BTreeSet;
use std::fmt::Write;

use pelago_protocol::{
    DType, GenerationReport, Output, PhaseName, Placement, PrecisionChoice, Report, Run, Sampling, SessionReport,
    Tensor,
};
use serde_json::{Value, json};

use crate::escape::html as escape;
use crate::heads;
use crate::number::{ms, preview};
use crate::paint::{Ink, Paint, printable};

/// Rows of a batch that are shown.
const ROWS: usize = 8;

/// The model's name, what kind of output it gave, and the first numbers of it.
#[must_use]
pub fn preview_of(run: &Run) -> String {
    let mut lines = output(&run.output);
    if let Some(first) = lines.first_mut() {
        first.insert_str(0, &format!("{} → ", run.report.model_name));
    }
    lines.join("\n")
}

/// `{"report": {…}, "output": {…}}`, as scripts read it.
#[must_use]
pub fn json(run: &Run) -> Value {
    let output = match &run.output {
        Output::Embeddings { shape, values } => {
            let rows = values.chunks(shape[1].max(1)).collect::<Vec<_>>();
            json!({ "kind": "embeddings", "shape": shape, "embeddings": rows })
        }
        Output::Texts(texts) => json!({ "kind": "texts", "texts": texts }),
        Output::Labels(texts) => json!({ "kind": "labels", "texts": texts }),
        Output::Entities(texts) => json!({ "kind": "entities", "texts": texts }),
        Output::Fills(texts) => json!({ "kind": "fills", "texts": texts }),
        Output::Answers(questions) => json!({ "kind": "answers", "questions": questions }),
        Output::Tensors(tensors) => {
            let described = tensors
                .iter()
                .map(|tensor| json!({ "name": tensor.name, "dtype": tensor.dtype, "shape": tensor.shape }))
                .collect::<Vec<_>>();
            json!({ "kind": "tensors", "tensors": described })
        }
    };
    json!({ "report": run.report, "output": output })
}

/// The preview, the report in two lines, and its warnings.
pub(super) fn terminal(run: &Run, paint: Paint) -> String {
    format!("{}\n{}", preview_of(run), terminal_proof(run, paint))
}

/// The report in two lines, and its warnings.
pub(super) fn terminal_proof(run: &Run, paint: Paint) -> String {
    let mut text = String::new();
    for line in two_lines(&run.report) {
        if !text.is_empty() {
            text.push('\n');
        }
        paint.push(&mut text, Ink::Dim, &line);
    }
    for warning in &run.report.warnings {
        text.push('\n');
        paint.push(&mut text, Ink::Help, &format!("warning: {warning}"));
    }
    text
}

pub(super) fn plain(run: &Run) -> String {
    format!("{}\n{}", preview_of(run), plain_proof(run))
}

/// The report alone.
pub(super) fn plain_proof(run: &Run) -> String {
    let width = facts(&run.report).iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines = facts(&run.report).into_iter().map(|(name, value)| format!("  {name:width$}  {value}"));
    lines.collect::<Vec<_>>().join("\n")
}

pub(super) fn html(run: &Run) -> String {
    let shown = match heads::of(&run.output) {
        Some(rows) => format!("{}\n{}", escape(&rows.what), rows.html()),
        None => {
            let lines = output(&run.output).iter().map(|line| escape(line)).collect::<Vec<_>>();
            format!("<code style=\"white-space: pre-wrap\">{}</code>", lines.join("\n"))
        }
    };
    let name = escape(&run.report.model_name);
    let mut html = format!("<div class=\"pelago-run\"><b>{name}</b> → {shown}\n<table>\n");
    for (name, value) in facts(&run.report) {
        // Writing to a String does not fail.
        let _ = writeln!(
            html,
            "<tr><th style=\"text-align: left\">{name}</th><td style=\"text-align: left\">{}</td></tr>",
            escape(&value)
        );
    }
    html.push_str("</table></div>");
    html
}

/// What the model gave: kind, type and shape, then the first numbers.
fn output(output: &Output) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(rows) = heads::of(output) {
        lines.push(rows.what.clone());
        lines.extend(rows.lines());
    }
    match output {
        Output::Labels(_) | Output::Entities(_) | Output::Fills(_) | Output::Answers(_) => {}
        Output::Embeddings { shape: shape @ [batch, hidden], values } => {
            lines.push(format!("embedding, float32 {shape:?}"));
            let rows = values.chunks(*hidden.max(&1)).take(ROWS);
            lines.extend(rows.map(|row| preview(row.iter().map(|value| format!("{value:.6}")), row.len())));
            if *batch > ROWS {
                lines.push(format!("… {} more rows", batch - ROWS));
            }
        }
        Output::Texts(texts) => {
            let tokens = texts.iter().map(|text| text.tokens.len()).sum::<usize>();
            let ends = texts.iter().map(|text| text.stop.as_str()).collect::<BTreeSet<_>>();
            let ends = ends.into_iter().collect::<Vec<_>>().join(", ");
            lines.push(format!("{} of {tokens} tokens, ended by {ends}", counted(texts.len(), "text")));
            lines.extend(texts.iter().take(ROWS).map(|text| printable(&text.text).into_owned()));
            if texts.len() > ROWS {
                lines.push(format!("… {} more texts", texts.len() - ROWS));
            }
        }
        Output::Tensors(tensors) => {
            lines.push(counted(tensors.len(), "tensor"));
            lines.extend(tensors.iter().map(|tensor| {
                let values = preview(numbers(tensor), tensor.bytes.len() / tensor.dtype.size());
                format!("{}, {} {:?} {values}", tensor.name, tensor.dtype, tensor.shape)
            }));
        }
    }
    lines
}

pub(super) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The elements of a tensor as text.
fn numbers(tensor: &Tensor) -> impl Iterator<Item = String> + '_ {
    let dtype = tensor.dtype;
    tensor.bytes.chunks_exact(dtype.size()).map(move |bytes| number(dtype, bytes).unwrap_or_default())
}

fn number(dtype: DType, bytes: &[u8]) -> Option<String> {
    Some(match dtype {
        DType::Float32 => format!("{:.6}", f32::from_le_bytes(bytes.try_into().ok()?)),
        DType::Float16 => format!("{:.4}", half::f16::from_le_bytes(bytes.try_into().ok()?)),
        DType::Int8 => i8::from_le_bytes(bytes.try_into().ok()?).to_string(),
        DType::UInt8 => bytes.first()?.to_string(),
        DType::Int32 => i32::from_le_bytes(bytes.try_into().ok()?).to_string(),
        DType::UInt32 => u32::from_le_bytes(bytes.try_into().ok()?).to_string(),
        DType::Int64 => i64::from_le_bytes(bytes.try_into().ok()?).to_string(),
        DType::UInt64 => u64::from_le_bytes(bytes.try_into().ok()?).to_string(),
        DType::Bool => (*bytes.first()? != 0).to_string(),
    })
}

/// Where it ran and how long each part took. What was not measured is left out.
fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let mut facts = vec![("browser", format!("{} {}", report.browser_product, report.browser_version))];
    for session in &report.sessions {
        if report.sessions.len() > 1 {
            facts.push(("graph of", session.role.to_string()));
        }
        facts.extend(proof(session));
    }
    if !report.modules.is_empty() {
        facts.push(("modules", report.modules.join(" → ")));
    }
    if let Some(generation) = &report.generation {
        facts.extend(made(generation));
    }
    if let Some(prompt) = &report.prompt {
        facts.push(("prompt", prompt.clone()));
    }
    let bits = format!("{} bit", report.precision);
    let mixed = if report.mixed_precision { ", mixed" } else { "" };
    let asked = if report.requested_precision == PrecisionChoice::Auto { ", the highest that fits" } else { "" };
    facts.push(("precision", format!("{bits}{mixed}{asked}")));
    if let (Some(predicted), Some(measured)) = (report.memory_predicted_mb, report.memory_usage_mb) {
        facts.push(("memory", format!("{measured:.1} MiB in the page, {predicted:.1} MiB predicted for the model")));
    }
    if let Some(memory) = report.browser_memory_mb {
        facts.push(("browser memory", format!("{memory:.1} MiB, all its processes")));
    }
    facts.push(("processing", ms(report.processing_time)));
    facts.push(("total", format!("{}, {}", ms(report.total_time), if report.warm { "warm" } else { "cold" })));
    if let Some(parity) = &report.parity {
        facts.push(("cosine", format!("{:.6}, to {}", parity.cosine, parity.reference)));
    }
    facts.extend(report.warnings.iter().map(|warning| ("warning", warning.clone())));
    facts
}

/// How text was made.
fn made(generation: &GenerationReport) -> Vec<(&'static str, String)> {
    let rate = |figure: Option<f64>| figure.map_or_else(|| "?".to_owned(), |figure| format!("{figure:.1}"));
    let mut facts = Vec::new();
    if let Some(first) = generation.time_to_first_token_ms {
        facts.push(("first token", ms(first / 1000.0)));
    }
    facts.push((
        "tokens",
        format!(
            "{} in at {} a second, {} out at {} a second",
            generation.prompt_tokens,
            rate(generation.prefill_tokens_per_sec),
            generation.new_tokens,
            rate(generation.decode_tokens_per_sec)
        ),
    ));
    let captured = match (&generation.captured, &generation.not_captured) {
        (true, _) => ", recorded once and replayed".to_owned(),
        (false, Some(why)) => format!(", not recorded: {why}"),
        (false, None) => String::new(),
    };
    facts.push(("nodes a token", format!("{}{captured}", generation.nodes_per_token)));
    facts.push(("cache", format!("{:.1} MiB, room for {} tokens", generation.kv_cache_mb, generation.kv_cache_tokens)));
    facts.push(("sampling", choice(generation)));
    facts
}

/// How tokens were chosen, without what changes nothing.
fn sampling(sampling: &Sampling) -> String {
    let mut words = Vec::new();
    if sampling.temperature > 0.0 {
        words.push(format!("temperature {}", sampling.temperature));
        words.extend(sampling.top_k.map(|value| format!("top_k {value}")));
        words.extend(sampling.top_p.map(|value| format!("top_p {value}")));
        words.extend(sampling.min_p.map(|value| format!("min_p {value}")));
        words.push(format!("seed {}", sampling.seed));
    } else {
        words.push("the most likely token".to_owned());
    }
    let unless = |value: f64, none: f64, name: &str| (value != none).then(|| format!("{name} {value}"));
    words.extend(unless(sampling.repetition_penalty, 1.0, "repetition_penalty"));
    words.extend(unless(sampling.frequency_penalty, 0.0, "frequency_penalty"));
    words.extend(unless(sampling.presence_penalty, 0.0, "presence_penalty"));
    if sampling.no_repeat_ngram > 0 {
        words.push(format!("no_repeat_ngram {}", sampling.no_repeat_ngram));
    }
    words.join(", ")
}

/// How answers were chosen: token by token, or of several.
fn choice(generation: &GenerationReport) -> String {
    let mut words = sampling(&generation.sampling);
    if let Some(beams) = &generation.beams {
        words = format!("the likeliest of {} answers that grew together", beams.count);
    }
    if generation.has_schema {
        words.push_str(", of those that keep to the schema");
    }
    words
}

/// Where one graph ran, and what proves it.
fn proof(session: &SessionReport) -> Vec<(&'static str, String)> {
    let hardware = if session.is_real_hardware { "real" } else { "not real" };
    let mut facts = vec![
        ("platform", format!("{} ({})", session.platform, session.execution_provider)),
        ("hardware", format!("{hardware}: {}", session.hardware_reason)),
    ];
    if let Some(adapter) = &session.adapter {
        let words = [&adapter.vendor, &adapter.architecture, &adapter.device, &adapter.description];
        let named = words.iter().filter(|word| !word.is_empty()).map(|word| word.as_str()).collect::<Vec<_>>();
        facts.push(("adapter", if named.is_empty() { "unnamed".to_owned() } else { named.join(" ") }));
    }
    let Placement { nodes_on_provider, nodes_total, .. } = session.placement;
    facts.push(("nodes", format!("{nodes_on_provider}/{nodes_total} on the provider")));
    let graph = &session.graph;
    facts.push(("graph", if graph == "checkpoint" { "built of the checkpoint".to_owned() } else { graph.clone() }));
    facts
}

/// Where it ran, on what, how fast and how exact, in two lines.
fn two_lines(report: &Report) -> [String; 2] {
    let mut place = vec![format!("{} {}", report.browser_product, report.browser_version)];
    // Graphs that ran alike are named once.
    for session in &report.sessions {
        let hardware = if session.is_real_hardware { "real hardware" } else { "no real hardware" };
        for word in [
            format!("{} ({})", session.platform, session.execution_provider),
            format!("{hardware}: {}", session.hardware_reason),
        ] {
            if !place.contains(&word) {
                place.push(word);
            }
        }
    }
    let nodes = |of: fn(&Placement) -> u32| report.sessions.iter().map(|session| of(&session.placement)).sum::<u32>();
    let warm = if report.warm { "warm" } else { "cold" };
    let mut facts = vec![
        format!("{}/{} nodes", nodes(|placed| placed.nodes_on_provider), nodes(|placed| placed.nodes_total)),
        memory(report),
        warm.to_owned(),
        format!("{:.2} ms in the page", report.processing_time * 1000.0),
        format!("{:.2} ms in all", report.total_time * 1000.0),
    ];
    let phases = [PhaseName::Fetch, PhaseName::Compile];
    facts.extend(phases.iter().filter_map(|name| Some(format!("{name} {:.0} ms", report.phases.ms(*name)?))));
    if let Some(generation) = &report.generation {
        let first = generation.time_to_first_token_ms.map(|first| format!("first token {first:.0} ms"));
        let rate = generation.decode_tokens_per_sec.map(|rate| format!("{rate:.1} tokens a second"));
        facts.extend([first, rate].into_iter().flatten());
    }
    facts.extend(report.parity.as_ref().map(|parity| format!("cosine {:.6} with fp32", parity.cosine)));
    [place.join(" · "), facts.join(" · ")]
}

/// Bits, and where they were left to Pelago, what it said of the memory and what the page has.
fn memory(report: &Report) -> String {
    let bits = format!("{} bit", report.precision.bits());
    if report.requested_precision != PrecisionChoice::Auto {
        return bits;
    }
    let mib = |figure: Option<f64>| figure.map_or_else(|| "?".to_owned(), |mib| format!("{mib:.0}"));
    format!(
        "{bits} (auto: {} MiB predicted for the model, {} MiB in the page)",
        mib(report.memory_predicted_mb),
        mib(report.memory_usage_mb)
    )
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    fn report(changes: &serde_json::Value) -> Report {
        let mut report = json!({
            "run_id": "01", "started": "2026-11-20T00:00:00Z", "model_name": "mini<LM>", "model_cid": "bafy1",
            "model_type": "text_embedding", "platform": "webgpu", "requested_platform": "auto",
            "browser": "firefox", "requested_browser": "auto", "browser_product": "Firefox", "browser_version": "153.0",
            "is_real_hardware": false, "precision": 32, "requested_precision": "32", "mixed_precision": false, "processing_time": 0.53026,
            "total_time": 1.2876, "warm": false,
            "phases": [],
            "batch_size": 1, "tokens": 11, "throughput_items_per_sec": 1.9, "memory_usage_mb": null, "browser_memory_mb": 512.25,
            "ipfs_cache_hit": true, "ipfs_source": "cache", "ipfs_load_time": null,
            "bytes": {"memory": 0, "disk": 1, "p2p": 0, "ipfs": 0}, "p2p_optimized": false, "optimizations": [],
        });
        report["sessions"] = json!([{
            "role": "model", "graph_cid": "bafy2", "graph": "checkpoint", "platform": "webgpu",
            "execution_provider": "WebGpuExecutionProvider", "threads": 1, "warm": false, "is_real_hardware": false,
            "hardware_reason": "the adapter says isFallbackAdapter",
            "adapter": {"vendor": "", "architecture": "", "device": "", "description": "", "is_fallback_adapter": true},
            "placement": {"nodes_total": 164, "nodes_on_provider": 164, "nodes_shape_arithmetic": 0,
                "fallback_operators": [], "shape_operators": []},
        }]);
        report["modules"] = json!(["mean", "Normalize"]);
        report["warnings"] = json!([]);
        report["truncated_texts"] = 0.into();
        report["parity"] = json!({"reference": "fp32 on wasm", "cosine": 0.999_999_9, "max_abs_error": 0.0, "relative_error": 0.0,
            "top1_agreement": null, "nan_count": 0, "verdict": "exact"});
        for (name, value) in changes.as_object().unwrap() {
            report[name] = value.clone();
        }
        serde_json::from_value(report).unwrap()
    }

    fn embeddings(batch: usize, hidden: usize) -> Output {
        let values = (0..batch * hidden).map(|index| u16::try_from(index).map_or(0.0, f32::from) / 8.0).collect();
        Output::Embeddings { shape: [batch, hidden], values }
    }

    #[test]
    fn a_run_shows_its_first_numbers_and_what_it_ran_on() {
        let run = Run { report: report(&json!({})), output: embeddings(1, 384) };
        expect![[r#"
            mini<LM> → embedding, float32 [1, 384]
            [0.000000, 0.125000, 0.250000, 0.375000, 0.500000, …]
              browser         Firefox 153.0
              platform        webgpu (WebGpuExecutionProvider)
              hardware        not real: the adapter says isFallbackAdapter
              adapter         unnamed
              nodes           164/164 on the provider
              graph           built of the checkpoint
              modules         mean → Normalize
              precision       32 bit
              browser memory  512.2 MiB, all its processes
              processing      530.26 ms
              total           1287.60 ms, cold
              cosine          1.000000, to fp32 on wasm"#]]
        .assert_eq(&plain(&run));
    }

    #[test]
    fn its_html_is_escaped() {
        let html = html(&Run { report: report(&json!({})), output: embeddings(1, 2) });
        assert!(html.contains("<b>mini&lt;LM&gt;</b>"), "{html}");
        assert!(!html.contains("<LM>"), "{html}");
    }

    #[test]
    fn what_was_not_measured_is_left_out() {
        let mut run = Run { report: report(&json!({"parity": null})), output: embeddings(10, 2) };
        run.report.sessions[0].adapter = None;
        let plain = plain(&run);
        assert!(!plain.contains("  adapter ") && !plain.contains("cosine"), "{plain}");
        assert!(plain.contains("… 2 more rows"), "{plain}");
    }

    #[test]
    fn a_terminal_shows_phases_and_warnings() {
        let changes = json!({
            "phases": [
                {"phase": "fetch", "role": "model", "ms": 459.4}, {"phase": "compile", "role": "model", "ms": 353.0},
            ],
            "warnings": ["this run is not recorded: the disk is full"],
        });
        let text = terminal(&Run { report: report(&changes), output: embeddings(1, 2) }, Paint { on: false });
        let lines = text.lines().collect::<Vec<_>>();
        assert!(lines[3].contains("1287.60 ms in all · fetch 459 ms · compile 353 ms · cosine"), "{text}");
        assert_eq!(lines[4..], ["warning: this run is not recorded: the disk is full"], "{text}");
    }

    #[test]
    fn tensors_are_shown_by_their_type() {
        let tensors = vec![
            Tensor::from_f32("logits", vec![1, 2], &[0.5, -1.0]).unwrap(),
            Tensor::new("ids", DType::Int64, vec![1], 7_i64.to_le_bytes().to_vec().into()).unwrap(),
            Tensor::new("half", DType::Float16, vec![1], half::f16::from_f32(1.5).to_le_bytes().to_vec().into())
                .unwrap(),
        ];
        assert_eq!(
            output(&Output::Tensors(tensors)),
            [
                "3 tensors",
                "logits, float32 [1, 2] [0.500000, -1.000000]",
                "ids, int64 [1] [7]",
                "half, float16 [1] [1.5000]"
            ]
        );
    }
}
