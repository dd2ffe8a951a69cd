//! `1_Pooling/config.json`, in both of its forms: one flag a mode, or `pooling_mode` with a name or a list of names.

use pelago_protocol::Pooling;
use serde_json::Value;

use crate::Error;
use crate::files::{Files, join};

/// The flag of each mode in the older form of the file; sentence-transformers joins several in this order.
const FLAGS: [(&str, Pooling); 6] = [
    ("pooling_mode_cls_token", Pooling::Cls),
    ("pooling_mode_max_tokens", Pooling::Max),
    ("pooling_mode_mean_tokens", Pooling::Mean),
    ("pooling_mode_mean_sqrt_len_tokens", Pooling::MeanSqrtLen),
    ("pooling_mode_weightedmean_tokens", Pooling::WeightedMean),
    ("pooling_mode_lasttoken", Pooling::LastToken),
];

/// The ways of pooling, and whether a prompt's tokens are pooled too.
pub(super) fn read(files: &Files, folder: &str) -> Result<(Vec<Pooling>, bool), Error> {
    let file = join(folder, "config.json");
    let Some(config) = files.json(&file)? else {
        return Err(Error::Missing {
            file,
            help: "the folder of the Pooling module is not whole; fetch the model again",
        });
    };
    let pools_prompt = config["include_prompt"].as_bool().unwrap_or(true);
    let unknown = |what: &Value| Error::Unsupported {
        file: file.clone(),
        what: format!("the pooling mode {what}"),
        help: "Pelago has cls, max, mean, mean_sqrt_len_tokens, weightedmean and lasttoken",
    };
    let name =
        |value: &Value| value.as_str().and_then(|name| name.to_lowercase().parse().ok()).ok_or_else(|| unknown(value));
    let pooling = match &config["pooling_mode"] {
        Value::Null => flags(&config),
        Value::Array(names) => names.iter().map(name).collect::<Result<_, _>>()?,
        one => vec![name(one)?],
    };
    if pooling.is_empty() {
        return Err(Error::Damaged { file, problem: "expected at least one pooling mode, found none".to_owned() });
    }
    Ok((pooling, pools_prompt))
}

/// What is not said is false. Where nothing at all is said, it is the mean.
fn flags(config: &Value) -> Vec<Pooling> {
    if FLAGS.iter().all(|(flag, _)| config[*flag].is_null()) {
        return vec![Pooling::Mean];
    }
    let on = FLAGS.into_iter().filter(|(flag, _)| config[*flag].as_bool().unwrap_or(false));
    on.map(|(_, pooling)| pooling).collect()
}
