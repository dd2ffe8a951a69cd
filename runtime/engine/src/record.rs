//! What becomes of a run that ended: it is recorded, and so is one that failed. Where records are kept is the
//! recorder's business.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, Utc};
use pelago_content::retrieve::SourceReport;
use pelago_models::Prepared;
use pelago_protocol::{
    BrowserKind, FailedRun, FailureId, MeasuredRun, ModelCid, Platform, Report, Run, RunId, SweepRow, Transfer,
};
use pelago_statistics as statistics;

use crate::error::RecordError;
use crate::{Route, RunError};

/// Keeps what runs measured, and tells what earlier ones did.
#[async_trait]
pub trait Recorder: Debug + Send + Sync {
    /// Records a run, what the sources on the network gave for it, and the id of the failure that it recovered from.
    ///
    /// # Errors
    /// [`RecordError`]; the run itself is not affected.
    async fn record_run(
        &self,
        report: &Report,
        transfers: &[Transfer],
        recovered: Option<&FailureId>,
    ) -> Result<(), RecordError>;

    /// Records a run that failed.
    ///
    /// # Errors
    /// [`RecordError`].
    async fn record_failure(&self, failed: &FailedRun) -> Result<(), RecordError>;

    /// Records the rows of a sweep.
    ///
    /// # Errors
    /// [`RecordError`].
    async fn record_sweep(&self, rows: &[SweepRow]) -> Result<(), RecordError>;

    /// What warm runs of a model took, newest first, of its latest `limit` runs.
    ///
    /// # Errors
    /// [`RecordError`].
    async fn measured(&self, model_cid: &str, limit: u64) -> Result<Vec<MeasuredRun>, RecordError>;
}

/// A model on a route: what a failure and its recovery have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place(ModelCid, BrowserKind, Platform);

/// The recorder, and the failures that no run has followed yet that went well.
#[derive(Debug)]
pub(crate) struct Recording {
    recorder: Arc<dyn Recorder>,
    /// Ids of failures.
    failed: Mutex<HashMap<Place, FailureId>>,
}

impl Recording {
    pub(crate) fn new(recorder: Arc<dyn Recorder>) -> Self {
        Self { recorder, failed: Mutex::default() }
    }

    /// Records a run that ended well, with what came over the network for it. Where it cannot be recorded, the run has
    /// its result nevertheless, and says so.
    pub(crate) async fn run(&self, run: &mut Run, prepared: &Prepared) {
        let report = &run.report;
        let transfers = prepared.take_transfers();
        let transfers = transfers.iter().filter(|source| source.bytes > 0);
        let transfers = transfers.map(|source| transfer(&report.run_id, source)).collect::<Vec<_>>();
        let place = Place(report.model_cid.clone(), report.browser, report.platform);
        // The first run that goes well where one had failed is its recovery.
        let failure = self.failed().remove(&place);
        if let Err(error) = self.recorder.record_run(report, &transfers, failure.as_ref()).await {
            run.report.warnings.push(format!("this run is not recorded: {error}"));
        }
    }

    /// Records a run that a browser was asked for and that failed. The user gets that error; one of the recording is
    /// logged.
    pub(crate) async fn failure(
        &self,
        prepared: &Prepared,
        route: &Route,
        (started, total): (DateTime<Utc>, Duration),
        error: &RunError,
    ) {
        // The adapter was as it was known to be: nothing failed.
        if matches!(error, RunError::SoftwareHardware { .. }) {
            return;
        }
        let failed = FailedRun {
            failure_id: uuid::Uuid::now_v7().to_string().into(),
            started: started.to_rfc3339_opts(SecondsFormat::Micros, true),
            model_name: prepared.source.name.clone(),
            model_cid: prepared.source.cid.clone(),
            browser: route.browser,
            platform: route.platform,
            precision: prepared.wanted.precision(),
            mixed_precision: prepared.wanted.mixed(),
            code: error.code().to_owned(),
            message: error.to_string(),
            total_time: total.as_secs_f64(),
            load_average: statistics::load_average(),
        };
        match self.recorder.record_failure(&failed).await {
            Ok(()) => {
                let place = Place(failed.model_cid, route.browser, route.platform);
                self.failed().insert(place, failed.failure_id);
            }
            Err(error) => tracing::warn!(%error, "a failed run is not recorded"),
        }
    }

    /// Records a run of a sweep, which has no failure to recover from.
    pub(crate) async fn measured_run(&self, report: &Report) -> Result<(), RunError> {
        self.recorder.record_run(report, &[], None).await.map_err(RunError::Record)
    }

    /// Records the rows of a sweep.
    pub(crate) async fn sweep(&self, rows: &[SweepRow]) -> Result<(), RunError> {
        self.recorder.record_sweep(rows).await.map_err(RunError::Record)
    }

    fn failed(&self) -> MutexGuard<'_, HashMap<Place, FailureId>> {
        // An entry is put in whole, so a panic elsewhere leaves none half done.
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a fetch reports of a source.
fn transfer(run_id: &RunId, source: &SourceReport) -> Transfer {
    Transfer {
        run_id: run_id.clone(),
        source: source.name.clone(),
        kind: source.kind.as_str().to_owned(),
        bytes: source.bytes,
        blocks: source.blocks,
        rate: source.goodput,
        latency_ms: source.latency.map(|latency| latency.as_secs_f64() * 1e3),
        errors: source.errors,
    }
}
