//! Every route: how far its embedding is from the reference, what its cold
//! start is made of, and how even its warm runs are.

use std::time::{Duration, Instant};

use pelago_protocol::{BrowserKind, PhaseName, Platform, Report};
use pelago_session::Session;
use pelago_tests::{REFERENCE, lab};

use crate::Failure;
use crate::models::{Models, request};
use crate::stats::{HEAD, Sample};
use crate::table::{Table, number, optional};
use crate::verdict::Verdict;

const ROUTES: &[(&str, BrowserKind, Platform)] = &[
    ("Chromium wasm", BrowserKind::Chrome, Platform::Wasm),
    ("Chromium WebGPU", BrowserKind::Chrome, Platform::WebGpu),
    ("headless shell WebNN", BrowserKind::Chrome, Platform::WebNn),
    ("Firefox wasm", BrowserKind::Firefox, Platform::Wasm),
    ("Firefox WebGPU", BrowserKind::Firefox, Platform::WebGpu),
];

/// Warm runs of a route: as many as fit, between these.
const RUNS: std::ops::RangeInclusive<usize> = 10..=300;
const TIME: Duration = Duration::from_secs(12);

/// Components of the embedding beyond the reference differ from Chromium's wasm by at most this.
const TOLERANCE: f64 = 1e-4;
const EVEN: f64 = 1.3;

pub(crate) async fn run(models: &Models) -> Result<Vec<Verdict>, Failure> {
    let mut errors = Table::new(&["route", "product", "provider", "nodes there", "error of 5", "error of 384 to wasm"]);
    let mut phases =
        Table::new(&["route", "profile", "open", "ready to serve", "fetch", "compile", "first run", "total"]);
    let mut head = vec!["route"];
    head.extend(HEAD);
    let mut warm = Table::new(&head);
    let mut parts = Table::new(&["route", "tokenize p50", "run p50", "run min", "pool p50"]);
    let mut verdicts = Vec::new();
    let mut wasm: Option<Vec<f32>> = None;
    for (name, browser, platform) in ROUTES {
        let route = Route { models, name, browser: *browser, platform: *platform };
        let measured = match route.measure(&mut phases).await {
            Ok(measured) => measured,
            Err(error) => {
                println!("\n{name} FAILED: {error}");
                verdicts.push(Verdict::new(format!("embedding, {name}"), "≤ 1e-4", format!("{error}"), false));
                continue;
            }
        };
        let Measured { report, values, processing, reports } = measured;
        let error = distance(&values, &REFERENCE);
        let reference = wasm.get_or_insert_with(|| values.clone());
        let session = report.session().ok_or("a report without a session")?;
        let placement = &session.placement;
        errors.row([
            (*name).to_owned(),
            format!("{} {}", report.browser_product, report.browser_version),
            session.execution_provider.clone(),
            format!("{}/{}", placement.nodes_on_provider, placement.nodes_total),
            format!("{error:.1e}"),
            format!("{:.1e}", distance(&values, reference)),
        ]);
        verdicts.push(Verdict::new(format!("embedding, {name}"), "≤ 1e-4", format!("{error:.1e}"), error <= TOLERANCE));
        warm.row([(*name).to_owned()].into_iter().chain(processing.cells()));
        let phase = |pick: fn(&Report) -> Option<f64>| Sample(reports.iter().filter_map(pick).collect());
        let run = phase(|report| report.phases.ms(PhaseName::Run));
        parts.row([
            (*name).to_owned(),
            number(phase(|report| report.phases.ms(PhaseName::Tokenize)).p50()),
            number(run.p50()),
            number(run.min()),
            number(phase(|report| report.phases.ms(PhaseName::Pool)).p50()),
        ]);
        let even = processing.p50() / processing.min();
        verdicts.push(Verdict::new(format!("p50 / min in the page, {name}"), "≤ 1.3", number(even), even <= EVEN));
    }
    errors.print("Embedding, largest absolute error: first 5 components to the reference, all 384 to Chromium's wasm");
    phases.print("Cold start, ms: first with a new browser profile, then with the kept one");
    warm.print("Warm run of one sentence of 11 tokens in the page, ms");
    parts.print("What it is made of, ms");
    Ok(verdicts)
}

struct Route<'a> {
    models: &'a Models,
    name: &'a str,
    browser: BrowserKind,
    platform: Platform,
}

struct Measured {
    /// Of the last cold run.
    report: Report,
    values: Vec<f32>,
    processing: Sample,
    /// Of warm runs.
    reports: Vec<Report>,
}

impl Route<'_> {
    async fn measure(&self, phases: &mut Table) -> Result<Measured, Failure> {
        let mut options = self.models.options();
        options.browsers.profiles = self.models.new_profiles(self.name);
        let session = Session::open(options.clone()).await?;
        let first = self.cold(&session, "new", phases).await.map(drop);
        session.close().await;
        first?;
        let session = Session::open(options).await?;
        let measured = self.warm(&session, phases).await;
        session.close().await;
        measured
    }

    async fn warm(&self, session: &Session, phases: &mut Table) -> Result<Measured, Failure> {
        let (report, values) = self.cold(session, "kept", phases).await?;
        let request = request(self.browser, self.platform);
        let mut reports = Vec::new();
        let start = Instant::now();
        while reports.len() < *RUNS.start() || (start.elapsed() < TIME && reports.len() < *RUNS.end()) {
            reports.push(session.accelerate(&request, None).await?.report);
        }
        let processing = Sample(reports.iter().map(|report| report.processing_time * 1000.0).collect());
        Ok(Measured { report, values, processing, reports })
    }

    async fn cold(&self, session: &Session, profile: &str, table: &mut Table) -> Result<(Report, Vec<f32>), Failure> {
        let run = session.accelerate(&request(self.browser, self.platform), None).await?;
        let values = lab::embeddings(&run).1.to_vec();
        let report = run.report;
        let phases = &report.phases;
        table.row([
            self.name.to_owned(),
            profile.to_owned(),
            optional(phases.ms(PhaseName::Open)),
            optional(report.ipfs_load_time),
            optional(phases.ms(PhaseName::Fetch)),
            optional(phases.ms(PhaseName::Compile)),
            optional(phases.ms(PhaseName::FirstRun)),
            number(report.total_time * 1000.0),
        ]);
        Ok((report, values))
    }
}

/// The largest absolute difference of components that both have.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max)
}
