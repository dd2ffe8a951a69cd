//! The page's TypeScript types are written from the Rust ones. The test fails
//! when the checked-in file is not what they give; run it with
//! `UPDATE_EXPECT=1` to write it anew.

use expect_test::expect_file;
use ts_rs::{Config, TS};

use crate::*;

#[test]
fn the_pages_types_are_these_types() {
    let config = Config::default();
    let mut text = String::from("// Written by `UPDATE_EXPECT=1 cargo test -p pelago-protocol`: do not edit.\n");
    macro_rules! write_types {
        ($($name:ty),+ $(,)?) => { $(
            text.push_str("\nexport ");
            text.push_str(&<$name>::decl(&config));
            text.push('\n');
        )+ };
    }
    write_types!(
        Platform,
        BrowserKind,
        Family,
        Precision,
        DType,
        Hardware,
        Adapter,
        WebGpuCapabilities,
        WebNnContext,
        WebNnCapabilities,
        WasmCapabilities,
        Capabilities,
        ExternalData,
        GraphCid,
        Dimension,
        GraphInput,
        GraphFacts,
        Graph,
        Role,
        TensorHeader,
        Attachment,
        Header,
        Hello,
        ProgressPhase,
        Progress,
        ErrorCode,
        PageError,
        ExecutionOptions,
        Pooling,
        EmbedData,
        RunData,
        Dispose,
        DisposeResult,
        Cancel,
        Placement,
        SessionFacts,
        HeldSession,
        LoadResult,
        EmbedResult,
        RunResult,
        Sampling,
        EarlyStopping,
        Beams,
        GenerateData,
        ScoreData,
        ScoreResult,
        RowToken,
        GeneratePart,
        StopReason,
        GeneratedRow,
        GenerateResult,
        Stop,
        Credit,
    );
    for (name, value) in [
        ("PROTOCOL_VERSION", u64::from(PROTOCOL_VERSION)),
        ("TOKENS_A_RUN", TOKENS_A_RUN),
        ("ROWS_A_RUN", ROWS_A_RUN),
        ("FIXED_ROWS_A_RUN", FIXED_ROWS_A_RUN),
        ("REQUESTS_A_PAGE", REQUESTS_A_PAGE),
        ("ATTACHMENT_BYTES", ATTACHMENT_BYTES),
        ("PARTS_AHEAD", PARTS_AHEAD),
    ] {
        text.push_str(&format!("\nexport const {name} = {value};\n"));
    }
    expect_file!["../../../browser/page/src/protocol.ts"].assert_eq(&text);
}
