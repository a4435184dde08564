//! The walk over a model's messages: model, graph, node, attribute, and graphs within attributes.

use super::attributes::{self, Attribute};
use super::labels::{self, Declaration, Texts};
use super::wire::Fields;
use super::{Inadmissible, PortReport, Report, ops, shorten, tensor};
use assay_types::limits::{MAX_ONNX_NESTING, MAX_ONNX_NODES, MAX_ONNX_STRING_BYTES};
use std::collections::{BTreeMap, BTreeSet};

/// One message further down.
pub fn deeper(depth: usize) -> Result<usize, Inadmissible> {
    if depth >= MAX_ONNX_NESTING { Err(Inadmissible::Nesting) } else { Ok(depth + 1) }
}

/// A string that is short enough and UTF-8.
pub fn text<'a>(what: &'static str, bytes: &'a [u8]) -> Result<&'a str, Inadmissible> {
    if bytes.len() > MAX_ONNX_STRING_BYTES {
        return Err(Inadmissible::StringLength(what, MAX_ONNX_STRING_BYTES));
    }
    std::str::from_utf8(bytes).map_err(|_| Inadmissible::NotOnnx("a string is not UTF-8"))
}

/// The versions of ONNX's operator set that the compiler's operators were checked against.
pub const OPERATOR_SETS: std::ops::RangeInclusive<u64> = 7..=26;

/// What is counted over the whole file.
#[derive(Default)]
struct Census {
    nodes: usize,
    operators: BTreeMap<String, u32>,
    texts: Texts,
}

/// Walks a `ModelProto`.
pub fn model(bytes: &[u8]) -> Result<Report, Inadmissible> {
    let mut census = Census::default();
    let mut ports = None;
    let mut fields = Fields::new(bytes);
    while let Some((number, value)) = fields.next()? {
        match number {
            8 => {
                deeper(1)?;
                operator_set(value.bytes()?)?;
            }
            7 if ports.is_some() => return Err(Inadmissible::NotOnnx("it has two graphs")),
            7 => ports = Some(graph(value.bytes()?, deeper(1)?, &mut census)?),
            20 => {
                return Err(Inadmissible::Unsupported("a model with training information is not supported"));
            }
            25 => {
                return Err(Inadmissible::Unsupported("a model with functions of its own is not supported"));
            }
            _ => {}
        }
    }
    let (inputs, outputs) = ports.ok_or(Inadmissible::NotOnnx("it has no graph"))?;
    let inputs: Vec<PortReport> = inputs.into_iter().map(labels::input).collect::<Result<_, _>>()?;
    let mut notes = Vec::new();
    let outputs = outputs.into_iter().map(|output| census.texts.output(output, &mut notes));
    let outputs: Vec<PortReport> = outputs.collect::<Result<_, _>>()?;
    Ok(Report { inputs, outputs, operators: census.operators, notes, model_bytes: 0 })
}

type Ports = (Vec<Declaration>, Vec<Declaration>);

/// Walks a `GraphProto`: its inputs (without initialized ones) and outputs.
fn graph(bytes: &[u8], depth: usize, census: &mut Census) -> Result<Ports, Inadmissible> {
    let mut initialized = BTreeSet::new();
    let mut inputs = Vec::new();
    let mut outputs = Vec::new();
    let mut defined = BTreeSet::new();
    let mut fields = Fields::new(bytes);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => node(value.bytes()?, deeper(depth)?, census, &mut defined)?,
            2 => drop(text("graph name", value.bytes()?)?),
            5 => {
                deeper(depth)?;
                let tensor::Checked { name, texts } = tensor::check(value.bytes()?)?;
                census.texts.list(texts.into_iter());
                if !initialized.insert(name) {
                    return Err(Inadmissible::DefinedTwice(shorten(name)));
                }
            }
            11 => inputs.push(port("input", value.bytes()?, deeper(depth)?)?),
            12 => outputs.push(port("output", value.bytes()?, deeper(depth)?)?),
            15 => return Err(Inadmissible::Unsupported("sparse tensors are not supported")),
            _ => {}
        }
    }
    inputs.retain(|input| !initialized.contains(input.name.as_str()));
    let outer = inputs.iter().map(|input| input.name.as_str()).chain(initialized);
    for name in outer {
        if defined.contains(name) {
            return Err(Inadmissible::DefinedTwice(shorten(name)));
        }
    }
    Ok((inputs, outputs))
}

/// Reads a `ValueInfoProto`.
fn port(kind: &str, bytes: &[u8], depth: usize) -> Result<Declaration, Inadmissible> {
    let (mut name, mut proto) = ("", None);
    let mut fields = Fields::new(bytes);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => name = text("value name", value.bytes()?)?,
            2 => proto = Some(value.bytes()?),
            _ => {}
        }
    }
    let what = format!("{kind} `{}`", shorten(name));
    let Some(proto) = proto else {
        return Err(Inadmissible::Ports(format!("{what} has no type")));
    };
    let (kind, dims) = tensor::of_type(&what, proto, deeper(depth)?)?;
    Ok(Declaration { name: name.to_owned(), kind, dims: dims.unwrap_or_default() })
}

/// Walks a `NodeProto`.
fn node<'a>(
    bytes: &'a [u8],
    depth: usize,
    census: &mut Census,
    defined: &mut BTreeSet<&'a str>,
) -> Result<(), Inadmissible> {
    census.nodes += 1;
    if census.nodes > MAX_ONNX_NODES {
        return Err(Inadmissible::Nodes);
    }
    let (mut operator, mut domain) = ("", "");
    let mut inputs = 0;
    let mut first = "";
    let mut attributes = Vec::new();
    let mut fields = Fields::new(bytes);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => inputs += usize::from(!text("value name", value.bytes()?)?.is_empty()),
            2 => {
                let name = text("value name", value.bytes()?)?;
                if first.is_empty() {
                    first = name;
                }
                if !name.is_empty() && !defined.insert(name) {
                    return Err(Inadmissible::DefinedTwice(shorten(name)));
                }
            }
            3 => drop(text("node name", value.bytes()?)?),
            4 => operator = text("operator name", value.bytes()?)?,
            5 => attributes.push(value.bytes()?),
            7 => domain = text("domain", value.bytes()?)?,
            _ => {}
        }
    }
    let name = match domain {
        "" | "ai.onnx" | "ai.onnx.ml" => shorten(operator),
        _ => format!("{}.{}", shorten(domain), shorten(operator)),
    };
    if operator.is_empty() {
        return Err(Inadmissible::NotOnnx("a node has no operator"));
    }
    // The operator is judged before its attributes, so that the answer names it.
    ops::check(domain, operator).map_err(|reason| Inadmissible::Operator { name: name.clone(), reason })?;
    if operator == "Dropout" && inputs > 2 {
        let reason = "with a training mode it is random, and every validator must get the same result";
        return Err(Inadmissible::Operator { name, reason });
    }
    for bytes in attributes {
        let attribute = attribute(bytes, deeper(depth)?, census, operator == "Constant")?;
        attributes::check(operator, &attribute)
            .map_err(|reason| Inadmissible::Attribute { operator: name.clone(), reason })?;
        if matches!(attribute.name, "classlabels_strings" | "values_strings") {
            census.texts.list(attribute.texts.iter().copied());
        }
    }
    if operator == "ZipMap" {
        census.texts.zipped(first);
    }
    *census.operators.entry(name).or_default() += 1;
    Ok(())
}

/// Walks an `AttributeProto`; `constant` when its numbers are a tensor's elements.
fn attribute<'a>(
    bytes: &'a [u8],
    depth: usize,
    census: &mut Census,
    constant: bool,
) -> Result<Attribute<'a>, Inadmissible> {
    let mut attribute = Attribute::default();
    let mut fields = Fields::new(bytes);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => attribute.name = text("attribute name", value.bytes()?)?,
            4 | 9 => attribute.texts.push(text("string attribute", value.bytes()?)?),
            5 | 10 => {
                deeper(depth)?;
                if !tensor::check(value.bytes()?)?.texts.is_empty() {
                    return Err(Inadmissible::Text(format!("attribute `{}`", shorten(attribute.name))));
                }
            }
            6 | 11 => drop(graph(value.bytes()?, deeper(depth)?, census)?),
            14 | 15 | 22 | 23 => {
                return Err(Inadmissible::Unsupported(
                    "sparse tensors and types as attributes are not supported",
                ));
            }
            3 | 8 if constant => tensor::check_integers("a constant", value)?,
            3 => attribute.number = value.varint()? as i64,
            _ => {}
        }
    }
    Ok(attribute)
}

/// Checks an `OperatorSetIdProto` of the model.
fn operator_set(bytes: &[u8]) -> Result<(), Inadmissible> {
    let (mut domain, mut version) = ("", 0);
    let mut fields = Fields::new(bytes);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => domain = text("domain", value.bytes()?)?,
            2 => version = value.varint()?,
            _ => {}
        }
    }
    if matches!(domain, "" | "ai.onnx") && !OPERATOR_SETS.contains(&version) {
        return Err(Inadmissible::OperatorSet(version));
    }
    Ok(())
}
