//! From the database to a report. The questions are SQL; statistics are not left to it.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{
    Acceleration, AdapterUse, Browser, CodeCount, Combination, ContentSummary, Efficiency, Machine, Reliability,
    RouteSummary, Scope, SourceBytes, Summary,
};
use crate::{Results, ResultsError};
use pelago_statistics as statistics;

/// The report of the runs in `scope`.
///
/// # Errors
/// Those of [`Results::history`].
pub async fn gather(results: &Results, scope: &Scope) -> Result<Summary, ResultsError> {
    let answers = results.ask(questions(scope)).await?;
    let mut answers = answers.into_iter();
    let mut next = || answers.next().unwrap_or_default();
    let mut routes: Vec<RouteSummary> = read(next())?;
    routes.iter_mut().for_each(describe);
    let acceleration = accelerations(&routes);
    let [browsers, adapters, sweep, sources, codes] = [next(), next(), next(), next(), next()];
    let totals: Vec<Totals> = read(next())?;
    let totals = totals.into_iter().next().unwrap_or_default();
    let (failures, recovered): (Vec<CodeCount>, Vec<Recovered>) = (read(codes)?, read(next())?);
    let cold: Vec<Cold> = read(next())?;
    let times = |hit| cold.iter().filter(|run| run.hit == hit).map(|run| run.ms).collect::<Vec<_>>();
    let recovered: Vec<f64> = recovered.into_iter().map(|run| run.ms).collect();
    let failed: u64 = failures.iter().map(|code| code.count).sum();
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    Ok(Summary {
        version: Summary::VERSION,
        generated: time(Utc::now()),
        since: scope.since.map(time),
        until: scope.until.map(time),
        model: scope.model.clone(),
        machine: Machine {
            os: std::env::consts::OS.to_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
            cores: std::thread::available_parallelism().ok().and_then(|cores| u32::try_from(cores.get()).ok()),
            load_average: statistics::load_average(),
            largest_load_of_a_run: totals.largest_load,
        },
        browsers: read::<Vec<Browser>>(browsers)?,
        adapters: read::<Vec<AdapterUse>>(adapters)?,
        routes,
        acceleration,
        sweep: read::<Vec<Combination>>(sweep)?,
        content: ContentSummary {
            cache_hit_rate: share(totals.hits, totals.runs),
            sources: read::<Vec<SourceBytes>>(sources)?,
            cache_speedup: statistics::independent(&times(false), &times(true)),
        },
        reliability: Reliability {
            runs: totals.runs - totals.broken,
            broken: totals.broken,
            failures: failed,
            error_rate: share(failed + totals.broken, totals.runs + failed),
            codes: failures,
            recoveries: recovered.len() as u64,
            recovery_p50_ms: statistics::median(&recovered),
        },
        efficiency: Efficiency {
            memory_peak_mb: totals.memory_peak,
            connection_reuse: share(totals.reused, totals.runs),
            session_reuse: share(totals.warm, totals.runs),
        },
    })
}

#[derive(Debug, Default, Deserialize)]
struct Totals {
    runs: u64,
    broken: u64,
    hits: u64,
    reused: u64,
    warm: u64,
    memory_peak: Option<f64>,
    largest_load: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct Recovered {
    ms: f64,
}

#[derive(Debug, Deserialize)]
struct Cold {
    hit: bool,
    ms: f64,
}

/// The questions, in the order in which [`gather`] reads the answers.
fn questions(scope: &Scope) -> Vec<String> {
    let runs = within(scope, "started");
    let swept = within(scope, "recorded");
    let samples = RouteSummary::SAMPLES;
    vec![
        format!(
            "SELECT model_name AS model, browser_product AS product, platform, precision, mixed_precision, threads, batch_size,
                    tokens, bool_or(is_real_hardware) AS is_real_hardware, count(*)::UBIGINT AS runs,
                    coalesce(list(processing_time * 1000 ORDER BY started) FILTER (warm AND isfinite(processing_time)), [])[-{samples}:]
                        AS samples_ms,
                    0::UBIGINT AS outliers, median(open_ms) AS open_ms, median(fetch_ms) AS fetch_ms,
                    median(compile_ms) AS compile_ms, median(first_run_ms) AS first_run_ms,
                    max(memory_usage_mb) AS memory_peak_mb, min(parity_cosine) AS cosine,
                    max(parity_max_abs_error) AS max_abs_error,
                    max_by(parity_verdict, list_position(['exact', 'close', 'degraded', 'broken'], parity_verdict)) AS verdict
             FROM runs WHERE {runs} GROUP BY ALL ORDER BY ALL"
        ),
        format!(
            "SELECT browser_product AS product, browser_version AS version, count(*)::UBIGINT AS runs
             FROM runs WHERE {runs} GROUP BY ALL ORDER BY ALL"
        ),
        format!(
            "SELECT browser_product AS product, adapter_vendor AS vendor, adapter_architecture AS architecture,
                    adapter_device AS device, adapter_description AS description,
                    bool_or(is_real_hardware) AS is_real_hardware, count(*)::UBIGINT AS runs
             FROM runs WHERE adapter_vendor IS NOT NULL AND {runs} GROUP BY ALL ORDER BY ALL"
        ),
        format!(
            "SELECT model_name AS model, browser_product AS product, platform, precision, mixed_precision, outcome, problem,
                    p50_ms, p90_ms, p99_ms, speedup, speedup_low, speedup_high, model_bytes, memory_usage_mb,
                    parity_cosine AS cosine, parity_max_abs_error AS max_abs_error, parity_verdict AS verdict
             FROM sweeps WHERE {swept} AND sweep_id =
                 (SELECT arg_max(sweep_id, recorded) FROM sweeps WHERE {swept}) ORDER BY ALL"
        ),
        format!(
            "SELECT source, kind, sum(bytes)::UBIGINT AS bytes, median(rate) AS rate
             FROM content JOIN runs USING (run_id) WHERE {runs} GROUP BY ALL ORDER BY bytes DESC, source"
        ),
        format!(
            "SELECT code, count(*)::UBIGINT AS count FROM failures WHERE {runs} GROUP BY ALL ORDER BY count DESC, code"
        ),
        format!(
            "SELECT count(*)::UBIGINT AS runs, count(*) FILTER (parity_verdict = 'broken')::UBIGINT AS broken,
                    count(*) FILTER (ipfs_cache_hit)::UBIGINT AS hits, count(*) FILTER (open_ms IS NULL)::UBIGINT AS reused,
                    count(*) FILTER (warm)::UBIGINT AS warm, max(memory_usage_mb) AS memory_peak,
                    max(load_average) AS largest_load
             FROM runs WHERE {runs}"
        ),
        format!(
            "SELECT total_time * 1000 AS ms FROM recoveries JOIN runs USING (run_id)
             WHERE isfinite(total_time) AND {runs}"
        ),
        format!(
            "SELECT ipfs_cache_hit AS hit, total_time * 1000 AS ms FROM runs
             WHERE NOT warm AND isfinite(total_time) AND {runs} ORDER BY started"
        ),
    ]
}

/// A condition over the columns `time` and `model_…` of a table.
fn within(scope: &Scope, time: &str) -> String {
    let mut condition = "true".to_owned();
    let literal = |text: &str| format!("'{}'", text.replace('\'', "''"));
    for (sign, moment) in [(">=", scope.since), ("<", scope.until)] {
        if let Some(moment) = moment {
            condition += &format!(" AND {time} {sign} {}::TIMESTAMPTZ", literal(&moment.to_rfc3339()));
        }
    }
    if let Some(model) = &scope.model {
        let model = literal(model);
        condition += &format!(" AND (model_name = {model} OR model_cid = {model})");
    }
    condition
}

/// Rows that DuckDB gave as JSON.
fn read<T: DeserializeOwned>(rows: Vec<serde_json::Value>) -> Result<T, ResultsError> {
    Ok(serde_json::from_value(rows.into())?)
}

#[allow(clippy::cast_precision_loss, reason = "runs are far fewer than 2^52")]
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[allow(clippy::cast_precision_loss, reason = "batches are far smaller than 2^52")]
fn describe(route: &mut RouteSummary) {
    let Some(summary) = statistics::summary(&route.samples_ms) else { return };
    route.outliers = summary.outliers as u64;
    route.min_ms = Some(summary.min);
    route.p50_ms = Some(summary.p50);
    route.p90_ms = Some(summary.p90);
    route.p99_ms = Some(summary.p99);
    route.throughput_items_per_sec = (summary.p50 > 0.0).then(|| route.batch_size as f64 * 1000.0 / summary.p50);
}

/// Each route against wasm of the same browser, with one thread and with the most.
fn accelerations(routes: &[RouteSummary]) -> Vec<Acceleration> {
    let mut found = Vec::new();
    for route in routes.iter().filter(|route| !route.is_broken()) {
        let is_like = |other: &&RouteSummary| {
            other.platform == "wasm"
                && other.precision == 32
                && !other.is_broken()
                && (&other.model, &other.product, other.batch_size, other.tokens)
                    == (&route.model, &route.product, route.batch_size, route.tokens)
        };
        let one = routes.iter().filter(is_like).find(|other| other.threads == 1);
        let most = routes.iter().filter(is_like).filter(|other| other.threads > 1).max_by_key(|other| other.threads);
        for base in one.into_iter().chain(most).filter(|base| !std::ptr::eq(*base, route)) {
            let threads = if base.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", base.threads) };
            let speedup = statistics::independent(&base.samples_ms, &route.samples_ms);
            found.extend(speedup.map(|speedup| Acceleration {
                model: route.model.clone(),
                product: route.product.clone(),
                platform: route.platform.clone(),
                precision: route.precision,
                batch_size: route.batch_size,
                against: format!("wasm, {threads}"),
                speedup,
            }));
        }
    }
    found
}
