//! The file as tract's protobuf types, with the data of its constants last in memory.
//!
//! The sandbox's memory never shrinks, so what counts is whether a plan's constants fit where the file's were. Decoded
//! as they come, these are strewn with small things that live on. Here everything else is decoded first, then the data,
//! piece by piece, behind it, and some room; once dropped, they leave one hole. What is decoded is what prost would
//! decode.

use prost::{DecodeError, Message};
use tract_onnx::pb::{GraphProto, ModelProto, TensorProto};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

/// Numbers of the fields that are looked into: `ModelProto.graph`, `GraphProto.initializer`, `TensorProto.raw_data`.
const GRAPH: u64 = 7;
const INITIALIZER: u64 = 5;
const RAW_DATA: u64 = 9;

/// A model, and room behind its constants.
pub struct Decoded {
    pub model: ModelProto,
    pub room: Vec<u8>,
}

/// Decodes a model, with so many bytes of room.
///
/// # Errors
/// When the bytes are not those of a model.
pub fn model(file: &[u8], room: usize) -> TractResult<Decoded> {
    let mut model = ModelProto::default();
    let mut data = Vec::new();
    each(file, |number, whole, payload| match payload {
        Some(payload) if number == GRAPH => graph(model.graph.get_or_insert_default(), payload, &mut data),
        _ => merged(model.merge(whole)),
    })?;
    let constants = model.graph.iter_mut().flat_map(|graph| &mut graph.initializer);
    for (tensor, raw) in constants.zip(data) {
        tensor.raw_data = raw.to_vec();
    }
    // Not left out by the compiler, although nothing is ever written there.
    let room = std::hint::black_box(Vec::with_capacity(room));
    Ok(Decoded { model, room })
}

/// The data of each constant, in the file.
fn graph<'a>(graph: &mut GraphProto, bytes: &'a [u8], data: &mut Vec<&'a [u8]>) -> TractResult<()> {
    each(bytes, |number, whole, payload| {
        let Some(payload) = payload.filter(|_| number == INITIALIZER) else { return merged(graph.merge(whole)) };
        let (mut tensor, mut raw) = (TensorProto::default(), &[][..]);
        each(payload, |number, whole, payload| match payload {
            Some(payload) if number == RAW_DATA => Ok(raw = payload),
            _ => merged(tensor.merge(whole)),
        })?;
        graph.initializer.push(tensor);
        data.push(raw);
        Ok(())
    })
}

fn merged(result: Result<(), DecodeError>) -> TractResult<()> {
    Ok(result?)
}

/// Calls `field` with the number of each field, its bytes, and its payload if it has a length.
fn each<'a>(
    mut bytes: &'a [u8],
    mut field: impl FnMut(u64, &'a [u8], Option<&'a [u8]>) -> TractResult<()>,
) -> TractResult<()> {
    while !bytes.is_empty() {
        let start = bytes;
        let key = varint(&mut bytes)?;
        let payload = match key & 7 {
            0 => varint(&mut bytes).map(|_| None)?,
            1 => take(&mut bytes, 8).map(|_| None)?,
            2 => {
                let len = varint(&mut bytes)?;
                Some(take(&mut bytes, usize::try_from(len)?)?)
            }
            5 => take(&mut bytes, 4).map(|_| None)?,
            kind => bail!("a field of the unknown kind {kind}"),
        };
        field(key >> 3, &start[..start.len() - bytes.len()], payload)?;
    }
    Ok(())
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> TractResult<&'a [u8]> {
    bytes.split_off(..len).context("a field is cut short")
}

fn varint(bytes: &mut &[u8]) -> TractResult<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first().context("a number is cut short")?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    bail!("a number of more than 64 bits")
}
