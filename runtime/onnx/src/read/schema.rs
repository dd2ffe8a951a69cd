//! Which fields each message of `onnx.proto` has, and which of them are
//! messages: what a walk over bytes needs to know.

/// A kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Model,
    OperatorSetId,
    StringStringEntry,
    Function,
    TrainingInfo,
    DeviceConfiguration,
    Graph,
    Node,
    Attribute,
    ValueInfo,
    TensorAnnotation,
    NodeDeviceConfiguration,
    ShardingSpec,
    IntIntListEntry,
    ShardedDim,
    SimpleShardedDim,
    Tensor,
    Segment,
    SparseTensor,
    Type,
    TensorType,
    SparseTensorType,
    SequenceType,
    MapType,
    OptionalType,
    OpaqueType,
    TensorShape,
    Dimension,
}

/// What a field of a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// A number, text or bytes.
    Plain,
    /// A message.
    Message(Kind),
    /// Not of any version up to ONNX 1.23.
    Unknown,
}

impl Kind {
    /// What this field number stands for.
    pub(crate) fn field(self, field: u64) -> Field {
        match self {
            Self::Model => match field {
                8 => Field::Message(Self::OperatorSetId),
                7 => Field::Message(Self::Graph),
                14 => Field::Message(Self::StringStringEntry),
                20 => Field::Message(Self::TrainingInfo),
                25 => Field::Message(Self::Function),
                26 => Field::Message(Self::DeviceConfiguration),
                1..=6 => Field::Plain,
                _ => Field::Unknown,
            },
            Self::OperatorSetId => match field {
                1 | 2 => Field::Plain,
                _ => Field::Unknown,
            },
            Self::StringStringEntry => match field {
                1 | 2 => Field::Plain,
                _ => Field::Unknown,
            },
            Self::Function => match field {
                11 => Field::Message(Self::Attribute),
                7 => Field::Message(Self::Node),
                9 => Field::Message(Self::OperatorSetId),
                12 => Field::Message(Self::ValueInfo),
                14 => Field::Message(Self::StringStringEntry),
                1 | 4..=6 | 8 | 10 | 13 => Field::Plain,
                _ => Field::Unknown,
            },
            Self::TrainingInfo => match field {
                1 | 2 => Field::Message(Self::Graph),
                3 | 4 => Field::Message(Self::StringStringEntry),
                _ => Field::Unknown,
            },
            Self::DeviceConfiguration => match field {
                1..=3 => Field::Plain,
                _ => Field::Unknown,
            },
            Self::Graph => match field {
                1 => Field::Message(Self::Node),
                5 => Field::Message(Self::Tensor),
                15 => Field::Message(Self::SparseTensor),
                11..=13 => Field::Message(Self::ValueInfo),
                14 => Field::Message(Self::TensorAnnotation),
                16 => Field::Message(Self::StringStringEntry),
                2 | 10 => Field::Plain,
                _ => Field::Unknown,
            },
            Self::Node => match field {
                5 => Field::Message(Self::Attribute),
                9 => Field::Message(Self::StringStringEntry),
                10 => Field::Message(Self::NodeDeviceConfiguration),
                1..=4 | 6..=8 => Field::Plain,
                _ => Field::Unknown,
            },
            Self::Attribute => match field {
                5 | 10 => Field::Message(Self::Tensor),
                6 | 11 => Field::Message(Self::Graph),
                22 | 23 => Field::Message(Self::SparseTensor),
                14 | 15 => Field::Message(Self::Type),
                1..=4 | 7..=9 | 13 | 20 | 21 => Field::Plain,
                _ => Field::Unknown,
            },
            Self::ValueInfo => match field {
                2 => Field::Message(Self::Type),
                4 => Field::Message(Self::StringStringEntry),
                1 | 3 => Field::Plain,
                _ => Field::Unknown,
            },
            Self::TensorAnnotation => match field {
                2 => Field::Message(Self::StringStringEntry),
                1 => Field::Plain,
                _ => Field::Unknown,
            },
            Self::NodeDeviceConfiguration => match field {
                2 => Field::Message(Self::ShardingSpec),
                1 | 3 => Field::Plain,
                _ => Field::Unknown,
            },
            Self::ShardingSpec => match field {
                3 => Field::Message(Self::IntIntListEntry),
                4 => Field::Message(Self::ShardedDim),
                1 | 2 => Field::Plain,
                _ => Field::Unknown,
            },
            Self::IntIntListEntry => match field {
                1 | 2 => Field::Plain,
                _ => Field::Unknown,
            },
            Self::ShardedDim => match field {
                2 => Field::Message(Self::SimpleShardedDim),
                1 => Field::Plain,
                _ => Field::Unknown,
            },
            Self::SimpleShardedDim => match field {
                1..=3 => Field::Plain,
                _ => Field::Unknown,
            },
            Self::Tensor => match field {
                3 => Field::Message(Self::Segment),
                13 | 16 => Field::Message(Self::StringStringEntry),
                1 | 2 | 4..=12 | 14 => Field::Plain,
                _ => Field::Unknown,
            },
            Self::Segment => match field {
                1 | 2 => Field::Plain,
                _ => Field::Unknown,
            },
            Self::SparseTensor => match field {
                1 | 2 => Field::Message(Self::Tensor),
                3 => Field::Plain,
                _ => Field::Unknown,
            },
            Self::Type => match field {
                1 => Field::Message(Self::TensorType),
                4 => Field::Message(Self::SequenceType),
                5 => Field::Message(Self::MapType),
                9 => Field::Message(Self::OptionalType),
                8 => Field::Message(Self::SparseTensorType),
                7 => Field::Message(Self::OpaqueType),
                6 => Field::Plain,
                _ => Field::Unknown,
            },
            Self::TensorType => match field {
                2 => Field::Message(Self::TensorShape),
                1 => Field::Plain,
                _ => Field::Unknown,
            },
            Self::SparseTensorType => match field {
                2 => Field::Message(Self::TensorShape),
                1 => Field::Plain,
                _ => Field::Unknown,
            },
            Self::SequenceType => match field {
                1 => Field::Message(Self::Type),
                _ => Field::Unknown,
            },
            Self::MapType => match field {
                2 => Field::Message(Self::Type),
                1 => Field::Plain,
                _ => Field::Unknown,
            },
            Self::OptionalType => match field {
                1 => Field::Message(Self::Type),
                _ => Field::Unknown,
            },
            Self::OpaqueType => match field {
                1 | 2 => Field::Plain,
                _ => Field::Unknown,
            },
            Self::TensorShape => match field {
                1 => Field::Message(Self::Dimension),
                _ => Field::Unknown,
            },
            Self::Dimension => match field {
                1..=3 => Field::Plain,
                _ => Field::Unknown,
            },
        }
    }
}
