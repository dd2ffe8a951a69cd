//! The engine's records as rows of the results.

use async_trait::async_trait;
use pelago_engine::{RecordError, Recorder};
use pelago_protocol::{FailedRun, FailureId, MeasuredRun, Report, SweepRow, Transfer};
use pelago_results::Results;

/// Records in the results.
#[derive(Clone, Debug)]
pub(crate) struct ResultsRecorder(pub(crate) Results);

#[async_trait]
impl Recorder for ResultsRecorder {
    async fn record_run(
        &self,
        report: &Report,
        transfers: &[Transfer],
        recovered: Option<&FailureId>,
    ) -> Result<(), RecordError> {
        Ok(self.0.record_run(report, transfers, recovered).await?)
    }

    async fn record_failure(&self, failed: &FailedRun) -> Result<(), RecordError> {
        Ok(self.0.record_failure(failed).await?)
    }

    async fn record_sweep(&self, rows: &[SweepRow]) -> Result<(), RecordError> {
        Ok(self.0.record_sweep(rows).await?)
    }

    async fn measured(&self, model_cid: &str, limit: u64) -> Result<Vec<MeasuredRun>, RecordError> {
        Ok(self.0.measured(model_cid, limit).await?)
    }
}
