//! Good models and checkpoints of some hundred bytes, which tests and fuzzers
//! begin with; and what once went wrong, so that it stays tried.

use std::path::Path;

use prost::Message;
use serde_json::{Map, json};

use crate::proto::{
    AttributeProto, AttributeType, DataType, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};

/// What a target begins with.
///
/// # Panics
///
/// Where there is no such target.
#[must_use]
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
        "model" => models().iter().map(Message::encode_to_vec).collect(),
        "checkpoint" => vec![checkpoint(), llama()],
        "gguf" => super::gguf_seed::files(),
        _ => panic!("no target {target}"),
    }
}

/// Writes a target's seeds into a folder, for a fuzzer that reads its corpus from there. The folder is
/// the one that `PELAGO_FUZZ_CORPUS` names; without it nothing is done.
///
/// # Panics
///
/// Where there is no such target, or the folder cannot be written.
pub fn sow(target: &str) {
    let Some(folder) = std::env::var_os("PELAGO_FUZZ_CORPUS") else { return };
    for (number, seed) in seeds(target).iter().enumerate() {
        std::fs::write(Path::new(&folder).join(format!("seed-{number}")), seed).expect("the corpus can be written");
    }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn node(op_type: &str, input: &[&str], output: &str) -> NodeProto {
    let input = input.iter().map(|name| (*name).to_owned()).collect();
    NodeProto { input, output: vec![output.to_owned()], op_type: text(op_type), ..NodeProto::default() }
}

fn with(mut node: NodeProto, attribute: AttributeProto) -> NodeProto {
    node.attribute.push(attribute);
    node
}

fn integer(name: &str, value: i64) -> AttributeProto {
    let r#type = Some(AttributeType::Int as i32);
    AttributeProto { name: text(name), i: Some(value), r#type, ..AttributeProto::default() }
}

fn branch(name: &str, graph: GraphProto) -> AttributeProto {
    let r#type = Some(AttributeType::Graph as i32);
    AttributeProto { name: text(name), g: Some(Box::new(graph)), r#type, ..AttributeProto::default() }
}

/// Values that differ, of both signs.
fn floats(name: &str, dims: &[i64]) -> TensorProto {
    let count = dims.iter().product::<i64>();
    let values = (0..count).flat_map(|at| ((at % 7 - 3) as f32 / 4.0).to_le_bytes()).collect();
    let (data_type, raw_data) = (Some(DataType::Float as i32), Some(values));
    TensorProto { dims: dims.to_vec(), data_type, name: text(name), raw_data, ..TensorProto::default() }
}

fn int64s(name: &str, values: &[i64]) -> TensorProto {
    let (dims, data_type) = (vec![values.len() as i64], Some(DataType::Int64 as i32));
    TensorProto { dims, data_type, name: text(name), int64_data: values.to_vec(), ..TensorProto::default() }
}

fn value(name: &str, dtype: DataType) -> ValueInfoProto {
    let tensor = TensorTypeProto { elem_type: Some(dtype as i32), shape: Some(TensorShapeProto::default()) };
    let r#type = Some(TypeProto { tensor_type: Some(tensor), ..TypeProto::default() });
    ValueInfoProto { name: text(name), r#type, ..ValueInfoProto::default() }
}

fn model(graph: GraphProto) -> ModelProto {
    let opset_import = vec![OperatorSetIdProto { domain: text(""), version: Some(17) }];
    ModelProto { ir_version: Some(8), opset_import, graph: Some(graph), ..ModelProto::default() }
}

fn models() -> Vec<ModelProto> {
    let matmul = GraphProto {
        node: vec![node("MatMul", &["x", "w"], "y")],
        initializer: vec![floats("w", &[17, 4])],
        input: vec![value("x", DataType::Float)],
        output: vec![value("y", DataType::Float)],
        ..GraphProto::default()
    };
    // A table, its rows through a matrix that is kept transposed, in half the width that a reshape says.
    let chain = GraphProto {
        node: vec![
            node("Gather", &["table", "ids"], "rows"),
            with(node("Gemm", &["rows", "w", "b"], "sum"), integer("transB", 1)),
            node("Shape", &["sum"], "shape"),
            node("Concat", &["shape", "two"], "wanted"),
            node("Reshape", &["sum", "wanted"], "made"),
            with(node("Cast", &["made"], "y"), integer("to", 1)),
        ],
        initializer: vec![floats("table", &[3, 16]), floats("w", &[4, 16]), floats("b", &[4]), int64s("two", &[-1, 2])],
        input: vec![value("ids", DataType::Int64)],
        output: vec![value("y", DataType::Float)],
        ..GraphProto::default()
    };
    let within = |weight: &str| GraphProto {
        node: vec![node("Identity", &[weight], "turned"), node("MatMul", &["x", "turned"], "z")],
        initializer: vec![floats("v", &[16, 2])],
        output: vec![value("z", DataType::Float)],
        ..GraphProto::default()
    };
    let branches = GraphProto {
        node: vec![with(
            with(node("If", &["which"], "y"), branch("then_branch", within("v"))),
            branch("else_branch", within("w")),
        )],
        initializer: vec![floats("w", &[16, 2])],
        input: vec![value("x", DataType::Float), value("which", DataType::Bool)],
        output: vec![value("y", DataType::Float)],
        ..GraphProto::default()
    };
    // Nothing, in rows longer than any memory.
    let mut empty = matmul.clone();
    empty.initializer = vec![TensorProto { dims: vec![0, i64::MAX], ..floats("w", &[0]) }];
    vec![model(matmul), model(chain), model(branches), model(empty)]
}

/// DistilBERT of one layer, four wide.
fn checkpoint() -> Vec<u8> {
    let config = json!({
        "model_type": "distilbert", "dim": 4, "n_heads": 2, "n_layers": 1, "hidden_dim": 4, "vocab_size": 4,
        "max_position_embeddings": 4,
    });
    let mut tensors = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![4, 4]),
        ("embeddings.position_embeddings.weight".to_owned(), vec![4, 4]),
    ];
    let layer = "transformer.layer.0";
    let linear = ["attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin", "ffn.lin1", "ffn.lin2"];
    let norms = [format!("{layer}.sa_layer_norm"), format!("{layer}.output_layer_norm"), "embeddings.LayerNorm".into()];
    let linear = linear.map(|name| format!("{layer}.{name}"));
    tensors.extend(linear.iter().map(|name| (format!("{name}.weight"), vec![4, 4])));
    tensors.extend(linear.iter().chain(&norms).map(|name| (format!("{name}.bias"), vec![4])));
    tensors.extend(norms.iter().map(|name| (format!("{name}.weight"), vec![4])));
    with_config(&config, tensors)
}

/// Llama of one layer, eight wide.
fn llama() -> Vec<u8> {
    let config = json!({
        "model_type": "llama", "hidden_size": 8, "num_attention_heads": 2, "num_key_value_heads": 1,
        "num_hidden_layers": 1, "intermediate_size": 4, "vocab_size": 4, "max_position_embeddings": 4,
        "tie_word_embeddings": true,
    });
    let name = |part: &str| format!("model.layers.0.{part}.weight");
    let mut tensors =
        vec![("model.embed_tokens.weight".to_owned(), vec![4, 8]), ("model.norm.weight".to_owned(), vec![8])];
    tensors.extend(["input_layernorm", "post_attention_layernorm"].map(|part| (name(part), vec![8])));
    tensors.extend(["self_attn.q_proj", "self_attn.o_proj"].map(|part| (name(part), vec![8, 8])));
    tensors.extend(["self_attn.k_proj", "self_attn.v_proj"].map(|part| (name(part), vec![4, 8])));
    tensors.extend(["mlp.gate_proj", "mlp.up_proj"].map(|part| (name(part), vec![4, 8])));
    tensors.push((name("mlp.down_proj"), vec![8, 4]));
    with_config(&config, tensors)
}

/// A config, a zero and a safetensors file with tensors of these shapes.
fn with_config(config: &serde_json::Value, tensors: Vec<(String, Vec<usize>)>) -> Vec<u8> {
    let (mut header, mut at) = (Map::new(), 0);
    for (name, shape) in tensors {
        let end = at + 4 * shape.iter().product::<usize>();
        header.insert(name, json!({ "dtype": "F32", "shape": shape, "data_offsets": [at, end] }));
        at = end;
    }
    let header = serde_json::Value::Object(header).to_string();
    let length = (header.len() as u64).to_le_bytes();
    [config.to_string().as_bytes(), &[0], &length, header.as_bytes(), &vec![1; at]].concat()
}
