//! What becomes of a run that ended: a row of `runs`, or one of `failures`.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::Duration;

use chrono::{DateTime, Utc};
use pelago_protocol::{BrowserKind, Platform};

use super::checked::Checked;
use super::source::Prepared;
use super::{Route, Run, Session, SessionError};
use crate::results::{FailedRun, ResultsError, Transfer};
use crate::statistics;

/// What failed, and where: the CID of a model, a browser and a platform.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Failed(String, BrowserKind, Platform);

impl Failed {
    fn of_run(run: &Run) -> Self {
        let report = &run.report;
        Self(report.model_cid.clone(), report.browser, report.platform)
    }
}

impl Session {
    /// Records a run that ended well, with what came over the network for it.
    pub(super) async fn record(&self, run: &Run, prepared: &Prepared) -> Result<(), ResultsError> {
        let run_id = &run.report.run_id;
        let given = prepared.given();
        let given = given.iter().filter(|source| source.bytes > 0);
        let transfers: Vec<Transfer> = given.map(|source| Transfer::of(run_id, source)).collect();
        // The first run that goes well where one had failed is its recovery.
        let failure = self.failed().remove(&Failed::of_run(run));
        self.results.record_run(&run.report, &transfers, failure.as_deref()).await
    }

    /// The same; where it cannot be recorded, the run has its result nevertheless, and says so.
    pub(super) async fn record_or_warn(&self, run: &mut Run, prepared: &Prepared, asked: &Checked) {
        self.medians().add(&run.report, asked.recipe.clone());
        if let Err(error) = self.record(run, prepared).await {
            run.report.warnings.push(format!("this run is not recorded: {error}"));
        }
    }

    /// Records a run that a browser was asked for and that failed. The user gets that
    /// error; one of the recording is logged.
    pub(super) async fn record_failure(
        &self,
        prepared: &Prepared,
        route: &Route,
        (started, total): (DateTime<Utc>, Duration),
        error: &SessionError,
    ) {
        // The adapter was as it was known to be: nothing failed.
        if matches!(error, SessionError::SoftwareHardware { .. }) {
            return;
        }
        let failed = FailedRun {
            failure_id: uuid::Uuid::now_v7().to_string(),
            started,
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
        match self.results.record_failure(&failed).await {
            Ok(()) => {
                let place = (failed.model_cid.clone(), route.browser, route.platform);
                self.failed().insert(Failed(place.0, place.1, place.2), failed.failure_id);
            }
            Err(error) => tracing::warn!(%error, "a failed run is not recorded"),
        }
    }

    /// Failures that no run of the same model on the same route has followed yet that went well.
    fn failed(&self) -> std::sync::MutexGuard<'_, HashMap<Failed, String>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
