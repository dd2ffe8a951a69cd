//! The JSON that scripts read: one object a line on stdout. Its form is
//! documented in the README and stable.

use std::io::Write;

use pelago_runtime::session::{Output, Run, SessionError};
use serde_json::{Value, json};

/// `{"report": {…}, "output": {…}}`
pub(crate) fn run(run: &Run) -> Value {
    json!({ "report": run.report, "output": output(&run.output) })
}

/// `{"error": {"code", "message", "help"}}`
pub(crate) fn error(error: &SessionError) -> Value {
    json!({ "error": { "code": error.code(), "message": error.to_string(), "help": error.help() } })
}

fn output(output: &Output) -> Value {
    match output {
        Output::Embeddings { shape, values } => {
            let rows = values.chunks(shape[1].max(1)).collect::<Vec<_>>();
            json!({ "kind": "embeddings", "shape": shape, "embeddings": rows })
        }
        Output::Tensors(tensors) => {
            let described = tensors
                .iter()
                .map(|tensor| json!({ "name": tensor.name, "dtype": tensor.dtype, "shape": tensor.shape }))
                .collect::<Vec<_>>();
            json!({ "kind": "tensors", "tensors": described })
        }
    }
}

/// Prints one object on a line of its own.
pub(crate) fn print(value: &Value) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{value}")
}
