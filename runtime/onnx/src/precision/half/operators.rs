//! What is known of operators for half precision, as tables: which overflow,
//! which only move data, and of which types their results are.

/// Kept in single precision: sums of many terms, powers and exponentials, which
/// leave the range of half precision (65504) or its 11 bits soon, and operators
/// that have no kernel for it.
pub(super) const SINGLE: &[&str] = &[
    "BatchNormalization",
    "Cos",
    "CumSum",
    "DynamicQuantizeLinear",
    "EmbedLayerNormalization",
    "Exp",
    "GroupNormalization",
    "InstanceNormalization",
    "LayerNormalization",
    "Log",
    "LogSoftmax",
    "LpNormalization",
    "MeanVarianceNormalization",
    "Pow",
    "RMSNormalization",
    "Range",
    "Reciprocal",
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMean",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
    "Resize",
    "SimplifiedLayerNormalization",
    "Sin",
    "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization",
    "Softmax",
    "Softplus",
    "Sqrt",
    "TopK",
    "Upsample",
];

/// Cheap, and in single precision where all that takes their result is: so that
/// scores are masked and residuals summed on the side of a norm or a softmax
/// that needs the conversion anyhow.
pub(super) const LIGHT: &[&str] = &["Add", "Sub", "Mul", "Div", "Neg", "Abs", "Min", "Max", "Where"];

/// Move data without computing, so in either precision.
pub(super) const MOVING: &[&str] = &[
    "Concat",
    "DepthToSpace",
    "Expand",
    "Flatten",
    "Gather",
    "GatherElements",
    "GatherND",
    "Identity",
    "Pad",
    "Reshape",
    "Slice",
    "SpaceToDepth",
    "Split",
    "Squeeze",
    "Tile",
    "Transpose",
    "Unsqueeze",
];

/// Take a number of any precision as it is, and give none.
pub(super) const ANY: &[&str] = &["Cast", "Shape", "Size", "IsNaN", "IsInf"];

/// What an operator's result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gives {
    /// As this input.
    Input(usize),
    /// Of the type that this attribute names, or of single precision.
    Attribute(&'static str),
    /// No floating point number.
    Other,
    /// Of single precision.
    Float,
}

/// What an operator's output is; none where it is not known.
pub(super) fn gives(domain: &str, operator: &str, output: usize) -> Option<Gives> {
    const CONTRIB: &[&str] = &[
        "Attention",
        "BiasGelu",
        "BiasSplitGelu",
        "FastGelu",
        "FusedConv",
        "FusedMatMul",
        "Gelu",
        "GroupQueryAttention",
        "MatMulNBits",
        "MultiHeadAttention",
        "QuickGelu",
        "RotaryEmbedding",
        "SimplifiedLayerNormalization",
        "SkipLayerNormalization",
        "SkipSimplifiedLayerNormalization",
    ];
    if domain == "com.microsoft" {
        return match operator {
            "GatherBlockQuantized" => Some(Gives::Input(2)),
            // Keys and values of all tokens so far are of the type of those before.
            "GroupQueryAttention" if output > 0 => Some(Gives::Input(output + 2)),
            _ => CONTRIB.contains(&operator).then_some(Gives::Input(0)),
        };
    }
    if !domain.is_empty() {
        return None;
    }
    Some(match operator {
        "And" | "ArgMax" | "ArgMin" | "ConvInteger" | "Equal" | "Greater" | "GreaterOrEqual" | "IsInf" | "IsNaN"
        | "Less" | "LessOrEqual" | "MatMulInteger" | "NonMaxSuppression" | "NonZero" | "Not" | "Or"
        | "QuantizeLinear" | "Shape" | "Size" | "Xor" => Gives::Other,
        "TopK" | "Dropout" | "MaxPool" | "Unique" if output > 0 => Gives::Other,
        "DynamicQuantizeLinear" if output != 1 => Gives::Other,
        "DynamicQuantizeLinear" => Gives::Float,
        "Cast" => Gives::Attribute("to"),
        "RandomNormal" | "RandomUniform" | "RandomNormalLike" | "RandomUniformLike" | "EyeLike" | "Bernoulli" => {
            Gives::Attribute("dtype")
        }
        "Where" | "CastLike" | "DequantizeLinear" => Gives::Input(1),
        "OneHot" => Gives::Input(2),
        // Of containers and signals nothing is known, nor of what is not of ONNX 1.23.
        _ if UNKNOWN.iter().any(|part| operator.starts_with(part)) => return None,
        _ => Gives::Input(0),
    })
}

const UNKNOWN: &[&str] = &[
    "BlackmanWindow",
    "ConcatFromSequence",
    "DFT",
    "HammingWindow",
    "HannWindow",
    "ImageDecoder",
    "MelWeightMatrix",
    "Multinomial",
    "Optional",
    "QLinear",
    "RegexFullMatch",
    "STFT",
    "Scan",
    "Sequence",
    "SplitToSequence",
    "String",
    "TfIdfVectorizer",
];
