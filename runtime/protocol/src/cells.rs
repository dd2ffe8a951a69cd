//! What the process of Rust cells and the session say to each other over a Unix
//! socket: a call a connection, so that threads of a cell never wait for each
//! other, and two connections that carry the cell's own output.
//!
//! A frame is the length of its JSON, the length of its body (both `u64`, little
//! endian), the JSON, and the body: Arrow IPC for DataFrames, little-endian
//! bytes for tensors.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::chart::Chart;
use crate::{Family, Report, Request, SweepRequest, SweepRow, Tensor, TensorHeader};

/// Environment variable that names the socket to the cells' process.
pub const SOCKET_VARIABLE: &str = "PELAGO_CELLS_SOCKET";
/// Environment variable with the token that every first frame carries.
pub const TOKEN_VARIABLE: &str = "PELAGO_CELLS_TOKEN";

/// Longest JSON of a frame, in bytes.
const MAX_JSON: u64 = 64 << 20;
/// Longest body of a frame, in bytes.
const MAX_BODY: u64 = 8 << 30;

/// The first frame of every connection from the cells' process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Opening {
    /// The value of [`TOKEN_VARIABLE`].
    pub token: String,
    /// What the connection is for.
    pub call: Call,
}

/// What a connection is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum Call {
    /// [`Notice`]s to the session and [`Order`]s back, for the process's life.
    Control,
    /// From here on, bytes of the cell's stdout.
    Stdout,
    /// From here on, bytes of the cell's stderr.
    Stderr,
    /// Runs a model. Tensors of the input are in the body.
    Accelerate {
        /// What to run.
        request: CellRequest,
    },
    /// Earlier runs, the newest first.
    History {
        /// How many at most; `None` for all.
        limit: Option<u64>,
    },
    /// SQL over earlier runs.
    Sql {
        /// The question.
        query: String,
    },
    /// Browsers of this machine.
    Browsers,
    /// Models that have a name.
    Models,
    /// One model; fetched first where it is not here.
    Model {
        /// A name, a CID or a path.
        model: String,
    },
    /// Measures a model. Tensors of the input are in the body.
    Bench {
        /// What to measure; where tensors are given, its `input` is empty.
        request: Box<SweepRequest>,
        /// Where in the body the tensors are; `None` where the input is text, or the usual one.
        tensors: Option<Vec<TensorHeader>>,
    },
    /// A line from the user.
    Input {
        /// What the user reads.
        prompt: String,
        /// Whether the answer is hidden.
        password: bool,
    },
}

/// A [`Request`] in a frame: its tensors lie in the body.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CellRequest {
    /// The request; where tensors are given, `input` is empty.
    pub request: Request,
    /// Where in the body the tensors are; `None` where the input is text.
    pub tensors: Option<Vec<TensorHeader>>,
}

/// The answer to a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// A run. The body holds its tensors, and from `frame` on its row as Arrow IPC.
    Run {
        /// What ran and how long it took.
        report: Box<Report>,
        /// The tensors; one of the name `embedding` for an embedding.
        tensors: Vec<TensorHeader>,
        /// Whether the model's output is an embedding of shape `[batch, hidden]`.
        is_embedding: bool,
        /// Offset of the row in the body.
        frame: usize,
    },
    /// A DataFrame, as Arrow IPC in the body.
    Frame,
    /// A sweep. The body holds its rows as Arrow IPC.
    Sweep {
        /// One row a combination.
        rows: Vec<SweepRow>,
    },
    /// A model that is here.
    Model {
        /// What is known of it.
        model: ModelInfo,
    },
    /// A line from the user.
    Text {
        /// The line, without its end.
        text: String,
    },
    /// It failed.
    Failed {
        /// Why, and what to do.
        failure: Failure,
    },
}

/// A model of this machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Its name; its CID where it has none.
    pub name: String,
    /// CID of its folder.
    pub cid: String,
    /// What it does.
    pub family: Family,
    /// Bytes of all its files.
    pub size: u64,
    /// Every file, by path.
    pub files: Vec<ModelFile>,
    /// Bytes that came over the network for this call; 0 where all of it was here.
    pub fetched_bytes: u64,
    /// Seconds that they took.
    pub fetched_seconds: f64,
    /// Who gave them, and how many, the most first.
    pub sources: Vec<(String, u64)>,
}

/// A file of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFile {
    /// Its path in the model's folder.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Its CID.
    pub cid: String,
}

/// An error of the session as a cell sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// For programs, e.g. `model_unknown`.
    pub code: String,
    /// For people.
    pub message: String,
    /// What to do next; may be empty.
    pub help: String,
}

/// What the cells' process tells, on the control connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
pub enum Notice {
    /// The cell's own code runs from here on.
    Began {
        /// Number that the session gave to the cell.
        cell: u64,
    },
    /// It reached its end.
    Ended {
        /// Number of the cell.
        cell: u64,
    },
    /// A panic or an error of `?`. Where the cell still reaches its end, it caught the panic.
    Threw {
        /// Number of the cell.
        cell: u64,
        /// What ended it.
        error: Thrown,
    },
    /// Its code runs no more, however it ended.
    Left {
        /// Number of the cell.
        cell: u64,
    },
    /// Something to show. It comes before its mark does in stdout.
    Show {
        /// Number that the mark in stdout repeats.
        id: u64,
        /// What it is. The body holds the rows of a table, or a run.
        shown: CellShown,
    },
}

/// A panic, or an error that `?` returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thrown {
    /// `Panic`, or the type of the error.
    pub name: String,
    /// Its message and those of its sources.
    pub message: String,
    /// What to do next; may be empty.
    pub help: String,
    /// The source file of a panic, as the compiler names it; empty for `?`.
    pub file: String,
    /// The line: of the file for a panic, of the cell for `?`.
    pub line: u32,
}

/// What the session tells the cells' process, on the control connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    /// The user wants the cell to end.
    Interrupt,
}

/// Something to show.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CellShown {
    /// Where it goes.
    pub place: Place,
    /// What it is.
    pub content: Content,
}

/// Where something that a cell shows goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "place", rename_all = "snake_case")]
pub enum Place {
    /// The value of the last expression.
    Result,
    /// In the middle of the cell.
    Display {
        /// The name that an update uses.
        id: Option<String>,
        /// Whether it takes the place of what has the same id.
        update: bool,
    },
}

/// What a cell shows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "content", rename_all = "snake_case")]
pub enum Content {
    /// The two ends of a DataFrame, as Arrow IPC in the body.
    Table {
        /// Rows of the whole frame.
        height: usize,
    },
    /// A run; its tensors are in the body.
    Run {
        /// What ran and how long it took.
        report: Box<Report>,
        /// The tensors.
        tensors: Vec<TensorHeader>,
        /// Whether the output is an embedding.
        is_embedding: bool,
    },
    /// A chart, to be drawn.
    Chart {
        /// What is to be seen.
        chart: Box<Chart>,
    },
    /// MIME types and their contents: text as it is, bytes in base64.
    Media {
        /// By MIME type.
        bundle: std::collections::BTreeMap<String, String>,
    },
    /// Plain text.
    Text {
        /// The text.
        text: String,
    },
    /// Nothing: what was shown is to be cleared.
    Clear {
        /// Whether only once there is something new.
        wait: bool,
    },
}

/// Writes a frame.
///
/// # Errors
/// What the stream says.
pub fn write_frame(to: &mut impl Write, json: &impl Serialize, body: &[u8]) -> io::Result<()> {
    let json = serde_json::to_vec(json)?;
    let mut head = Vec::with_capacity(16 + json.len());
    head.extend_from_slice(&(json.len() as u64).to_le_bytes());
    head.extend_from_slice(&(body.len() as u64).to_le_bytes());
    head.extend_from_slice(&json);
    to.write_all(&head)?;
    to.write_all(body)?;
    to.flush()
}

/// Lengths of JSON and body, from the first 16 bytes of a frame.
///
/// # Errors
/// `InvalidData` where a length is over its bound.
pub fn lengths(head: [u8; 16]) -> io::Result<(usize, usize)> {
    let number = |at: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&head[at..at + 8]);
        u64::from_le_bytes(bytes)
    };
    let (json, body) = (number(0), number(8));
    if json > MAX_JSON || body > MAX_BODY {
        let found = format!("a frame of {json} + {body} bytes, over the bounds {MAX_JSON} and {MAX_BODY}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, found));
    }
    let fits = |length: u64| usize::try_from(length).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error));
    Ok((fits(json)?, fits(body)?))
}

/// Reads a frame.
///
/// # Errors
/// What the stream says; `InvalidData` for a frame that is none.
pub fn read_frame<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<(T, Vec<u8>)> {
    let mut head = [0; 16];
    from.read_exact(&mut head)?;
    let (json, body) = lengths(head)?;
    let mut bytes = Vec::new();
    // `take` lets a lying length cost no more memory than came.
    from.take(json as u64).read_to_end(&mut bytes)?;
    let mut rest = Vec::new();
    from.take(body as u64).read_to_end(&mut rest)?;
    if rest.len() != body {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((serde_json::from_slice(&bytes)?, rest))
}

/// Lays tensors one after the other, each at a multiple of 8 bytes.
#[must_use]
pub fn pack(tensors: &[Tensor]) -> (Vec<TensorHeader>, Vec<u8>) {
    let mut body = Vec::with_capacity(tensors.iter().map(|tensor| tensor.bytes.len() + 8).sum());
    let headers = tensors.iter().map(|tensor| {
        body.resize(body.len().next_multiple_of(8), 0);
        let offset = body.len();
        body.extend_from_slice(&tensor.bytes);
        TensorHeader {
            name: tensor.name.clone(),
            dtype: tensor.dtype,
            shape: tensor.shape.clone(),
            offset,
            byte_length: tensor.bytes.len(),
        }
    });
    (headers.collect(), body)
}

/// The tensors that `headers` find in `body`.
///
/// # Errors
/// `InvalidData` where one lies outside the body or does not fill its shape.
pub fn unpack(headers: &[TensorHeader], body: &[u8]) -> io::Result<Vec<Tensor>> {
    let wrong = |found: String| io::Error::new(io::ErrorKind::InvalidData, found);
    let each = headers.iter().map(|header| {
        let end = header.offset.checked_add(header.byte_length);
        let bytes = end.and_then(|end| body.get(header.offset..end));
        let bytes = bytes.ok_or_else(|| wrong(format!("tensor {:?} lies outside its frame", header.name)))?;
        let bytes = bytes::Bytes::copy_from_slice(bytes);
        Tensor::new(header.name.clone(), header.dtype, header.shape.clone(), bytes)
            .map_err(|error| wrong(error.to_string()))
    });
    each.collect()
}

/// The line that a cell's stdout and stderr carry where something else has its
/// place: what is shown, and the cell's end.
#[must_use]
pub fn mark(token: &str, id: u64) -> String {
    format!("\u{1e}{token}:{id}\u{1e}")
}

/// The number in the [`mark`] of a cell's end.
pub const END: u64 = 0;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::DType;

    proptest! {
        #[test]
        fn frames_survive(text in ".*", body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut bytes = Vec::new();
            write_frame(&mut bytes, &Reply::Text { text: text.clone() }, &body).unwrap();
            let (reply, found): (Reply, _) = read_frame(&mut bytes.as_slice()).unwrap();
            let same = matches!(reply, Reply::Text { text: found } if found == text);
            prop_assert!(same);
            prop_assert_eq!(found, body);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_frame::<Notice>(&mut bytes.as_slice());
        }

        #[test]
        fn tensors_survive(values in proptest::collection::vec(any::<u8>(), 0..50)) {
            let shape = vec![values.len()];
            let tensor = Tensor::new("a", DType::UInt8, shape, values.into()).unwrap();
            let (headers, body) = pack(&[tensor.clone(), tensor.clone()]);
            prop_assert_eq!(unpack(&headers, &body).unwrap(), vec![tensor.clone(), tensor]);
        }
    }

    #[test]
    fn a_cut_frame_is_an_error() {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, &Reply::Frame, b"12345").unwrap();
        bytes.pop();
        assert_eq!(read_frame::<Reply>(&mut bytes.as_slice()).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
