//! Admission: what is checked of a model file before the sandbox is entered.
//!
//! The checks are cheap, linear in the file's size and bounded in memory, and they run on bytes that a
//! stranger sent: nothing here recurses past [`MAX_ONNX_NESTING`] messages, allocates by a number that the
//! file says, or panics. They decide size, nesting, node count, string lengths, tensor sizes and element
//! types, the operators' names, and that every input's dims are fixed. They do not decide whether the graph
//! makes sense: that is the compiler's, in its sandbox.

mod attributes;
mod facts;
mod graph;
mod labels;
pub mod ops;
mod quant;
mod reference;
mod tensor;
mod wire;

pub use reference::page as operators_page;

use assay_types::limits::{
    MAX_MODEL_BYTES, MAX_ONNX_NESTING, MAX_ONNX_NODES, MAX_PORTS, MAX_RANK, MAX_TENSOR_BYTES,
    MAX_TENSOR_NAME_BYTES,
};
use assay_types::tensor::{DType, InputShape, byte_len};
use std::collections::BTreeMap;

/// Why a model file is not let into the compiler. The same file gets the same answer everywhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Inadmissible {
    /// No bytes, or too many.
    #[error("a model file has 1 to {MAX_MODEL_BYTES} bytes, this one {0}")]
    FileSize(u64),
    /// Not the protobuf of an ONNX model.
    #[error("the file is not an ONNX model: {0}")]
    NotOnnx(&'static str),
    /// Messages within messages, too deep.
    #[error("the file nests messages deeper than {MAX_ONNX_NESTING}")]
    Nesting,
    /// Too many nodes.
    #[error("the graph has more than {MAX_ONNX_NODES} nodes")]
    Nodes,
    /// A name or another string is too long.
    #[error("a {0} is longer than {1} bytes")]
    StringLength(&'static str, usize),
    /// A part of ONNX that is not supported.
    #[error("{0}")]
    Unsupported(&'static str),
    /// An operator that may not be used.
    #[error("operator {name} is not supported: {reason}")]
    Operator {
        /// Its name, with its domain unless that is ONNX's own.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// An attribute, or its value, that may not be used.
    #[error("operator {operator} is not supported as it stands here: {reason}")]
    Attribute {
        /// The operator's name.
        operator: String,
        /// Why not.
        reason: String,
    },
    /// A version of ONNX's operator set that is too old or too new.
    #[error("operator set {0} is not supported: export the model with one from {first} to {last}",
        first = graph::OPERATOR_SETS.start(), last = graph::OPERATOR_SETS.end())]
    OperatorSet(u64),
    /// An element type that may not be used.
    #[error("{what} has the element type {dtype}, which is not supported: use f32, i64, i32, i8, u8 or bool")]
    ElementType {
        /// What has it.
        what: String,
        /// Its name.
        dtype: &'static str,
    },
    /// Text that a model takes in or computes with.
    #[error("{0} is text, which has no place in a tensor here: encode it as numbers before the model")]
    Text(String),
    /// Dims that are negative, too many, or whose product is too large.
    #[error(
        "{0} has dims that are negative, more than {MAX_RANK}, \
            or of more than {MAX_TENSOR_BYTES} bytes in all"
    )]
    Dims(String),
    /// A tensor in the file has more or less data than its dims say.
    #[error("the data of tensor `{0}` does not fill its dims")]
    TensorData(String),
    /// An integer constant that the compiler's 32 bits would cut off.
    #[error("{0} holds the integer {1}, which is neither within 32 bits nor an end marker beyond 2^62")]
    Integer(String, i64),
    /// A tensor's data lies in another file.
    #[error("tensor `{0}` has its data in another file: save the model as a single file")]
    ExternalData(String),
    /// A value that two nodes define, or that is defined by a node and as an input.
    #[error("the name `{0}` is defined twice")]
    DefinedTwice(String),
    /// No inputs or outputs, or too many, or one without a name or a tensor's type.
    #[error("{0}")]
    Ports(String),
    /// An input whose dims are not all known.
    #[error("input `{name}` has an open dimension: give --shape {name}={hint}")]
    OpenDimension {
        /// The input.
        name: String,
        /// Its dims as the file has them, `?` for open ones.
        hint: String,
    },
    /// A shape was given for an input that does not exist, or twice, or against the file's.
    #[error("the shape given for `{name}` does not fit: {reason}")]
    Shape {
        /// The input.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Inadmissible {
    /// A stable name of the kind of error, for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Inadmissible::FileSize(_) => "file_size",
            Inadmissible::NotOnnx(_) => "not_onnx",
            Inadmissible::Nesting => "nesting",
            Inadmissible::Nodes => "nodes",
            Inadmissible::StringLength(..) => "string_length",
            Inadmissible::Unsupported(_) => "unsupported",
            Inadmissible::Operator { .. } => "operator",
            Inadmissible::Attribute { .. } => "attribute",
            Inadmissible::OperatorSet(_) => "operator_set",
            Inadmissible::ElementType { .. } => "element_type",
            Inadmissible::Text(_) => "text",
            Inadmissible::Dims(_) => "dims",
            Inadmissible::TensorData(_) => "tensor_data",
            Inadmissible::Integer(..) => "integer",
            Inadmissible::ExternalData(_) => "external_data",
            Inadmissible::DefinedTwice(_) => "defined_twice",
            Inadmissible::Ports(_) => "ports",
            Inadmissible::OpenDimension { .. } => "open_dimension",
            Inadmissible::Shape { .. } => "shape",
        }
    }
}

/// An input or output as the file declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortReport {
    /// Its name.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Dims; `None` for an open one. Empty also for an output of which the file says no shape.
    pub dims: Vec<Option<u32>>,
}

/// What a model file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Inputs, in declared order, without those that an initializer gives a value.
    pub inputs: Vec<PortReport>,
    /// Outputs, in declared order.
    pub outputs: Vec<PortReport>,
    /// How often each operator is used.
    pub operators: BTreeMap<String, u32>,
    /// What the model's author should know: outputs that are other than the file declares.
    pub notes: Vec<String>,
    /// Bytes of the file.
    pub model_bytes: u64,
}

/// Every check but the last: inputs may still have open dims.
///
/// # Errors
/// [`Inadmissible`], by the first rule that the file breaks.
pub fn read(onnx: &[u8]) -> Result<Report, Inadmissible> {
    let size = onnx.len() as u64;
    if size == 0 || size > MAX_MODEL_BYTES {
        return Err(Inadmissible::FileSize(size));
    }
    let mut report = graph::model(onnx)?;
    report.model_bytes = size;
    check_ports("input", &report.inputs)?;
    check_ports("output", &report.outputs)?;
    Ok(report)
}

/// Every check, with `shapes` fixing the dims of inputs that the file leaves open. The report has them filled
/// in.
///
/// # Errors
/// [`Inadmissible`], by the first rule that the file or the shapes break.
pub fn inspect(onnx: &[u8], shapes: &[InputShape]) -> Result<Report, Inadmissible> {
    let mut report = read(onnx)?;
    for (index, shape) in shapes.iter().enumerate() {
        let bad = |reason| Err(Inadmissible::Shape { name: shorten(&shape.name), reason });
        if shapes[..index].iter().any(|earlier| earlier.name == shape.name) {
            return bad("it is given twice");
        }
        let Some(input) = report.inputs.iter_mut().find(|input| input.name == shape.name) else {
            return bad("the model has no such input");
        };
        // An input without any shape in the file takes the given one whole.
        if !input.dims.is_empty() && input.dims.len() != shape.dims.len() {
            return bad("the input has another number of dims");
        }
        let fits = |(declared, given): (&Option<u32>, &u32)| declared.is_none_or(|dim| dim == *given);
        if !input.dims.iter().zip(&shape.dims).all(fits) {
            return bad("the file fixes a dim to another value");
        }
        input.dims = shape.dims.iter().map(|&dim| Some(dim)).collect();
    }
    report.inputs.iter().try_for_each(check_closed)?;
    Ok(report)
}

/// That an input's dims are known, not zero and not too large.
fn check_closed(input: &PortReport) -> Result<(), Inadmissible> {
    let dims: Option<Vec<u32>> = input.dims.iter().copied().collect();
    let Some(dims) = dims else {
        let hint: Vec<_> =
            input.dims.iter().map(|dim| dim.map_or("?".to_owned(), |dim| dim.to_string())).collect();
        return Err(Inadmissible::OpenDimension { name: input.name.clone(), hint: hint.join(",") });
    };
    let sized = byte_len(input.dtype, &dims).is_some_and(|bytes| bytes > 0);
    if dims.len() > MAX_RANK || !sized {
        return Err(Inadmissible::Dims(format!("input `{}`", input.name)));
    }
    Ok(())
}

fn check_ports(kind: &str, ports: &[PortReport]) -> Result<(), Inadmissible> {
    if ports.is_empty() || ports.len() > MAX_PORTS {
        return Err(Inadmissible::Ports(format!(
            "a model has 1 to {MAX_PORTS} {kind}s, this one {}",
            ports.len()
        )));
    }
    for (index, port) in ports.iter().enumerate() {
        if port.name.is_empty() || port.name.len() > MAX_TENSOR_NAME_BYTES {
            return Err(Inadmissible::Ports(format!(
                "the name of an {kind} has 1 to {MAX_TENSOR_NAME_BYTES} bytes"
            )));
        }
        if ports[..index].iter().any(|earlier| earlier.name == port.name) {
            return Err(Inadmissible::DefinedTwice(port.name.clone()));
        }
    }
    Ok(())
}

/// A text from the file, bounded for a message.
fn shorten(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}
