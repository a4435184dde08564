//! LabelEncoder and OneHotEncoder over numbers: a value is looked up among constants.
//!
//! The position of a value in a list is found by comparison with every entry, and is the list's length where no
//! entry is equal. The first of equal keys counts.

use super::scores::{Parsed, bits, floats};
use super::wiring::Wiring;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::{NodeProto, TensorProto};
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::Reducer;
use tract_onnx::tract_hir::internal::*;

/// Entries of a list that is searched.
const MAX_KEYS: usize = 1 << 16;

#[derive(Debug, Clone, PartialEq, Eq)]
enum List {
    Floats(Vec<u32>),
    Integers(Vec<i64>),
}

impl List {
    fn len(&self) -> usize {
        match self {
            List::Floats(list) => list.len(),
            List::Integers(list) => list.len(),
        }
    }

    fn datum_type(&self) -> DatumType {
        match self {
            List::Floats(_) => f32::datum_type(),
            List::Integers(_) => i64::datum_type(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Encoder {
    /// Keys, and values with the default as one more.
    Label { keys: List, values: List },
    /// Categories; whether an unknown one is all zeros, or fails the run.
    OneHot { categories: List, zeros: bool },
}

/// A list from `{name}_int64s`, `{name}_floats`, `{name}_tensor` or as texts, which stand for their positions.
fn list(context: &ParsingContext, node: &NodeProto, name: &str, text: bool) -> TractResult<List> {
    if let Some(list) = node.get_attr_opt_slice::<i64>(&format!("{name}_int64s"))? {
        return Ok(List::Integers(list.to_vec()));
    }
    if let Some(list) = node.get_attr_opt_slice::<f32>(&format!("{name}_floats"))? {
        return Ok(List::Floats(bits(list)));
    }
    if let Some(texts) = node.get_attr_opt_tvec::<&str>(&format!("{name}_strings"))? {
        ensure!(text, "text has no place in a tensor here: encode it as numbers before the model");
        let positions = texts.iter().map(|text| texts.iter().position(|other| other == text));
        return Ok(List::Integers(positions.map(|position| position.unwrap_or(0) as i64).collect()));
    }
    let tensor = node.get_attr_opt::<&TensorProto>(&format!("{name}_tensor"))?;
    let tensor = context.load_tensor(tensor.with_context(|| format!("an encoder without {name}"))?)?;
    numbers(&tensor)
}

fn numbers(tensor: &Tensor) -> TractResult<List> {
    if tensor.datum_type() == f32::datum_type() {
        return Ok(List::Floats(bits(tensor.try_as_plain_ram()?.as_slice::<f32>()?)));
    }
    ensure!(tensor.datum_type().is_integer(), "an encoder of {:?} is not supported", tensor.datum_type());
    let tensor = tensor.cast_to::<i64>()?;
    Ok(List::Integers(tensor.try_as_plain_ram()?.as_slice::<i64>()?.to_vec()))
}

pub fn label(context: &ParsingContext, node: &NodeProto) -> Parsed {
    let keys = list(context, node, "keys", false)?;
    let mut values = list(context, node, "values", true)?;
    ensure!(keys.len() == values.len(), "an encoder with {} keys for {} values", keys.len(), values.len());
    ensure!((1..=MAX_KEYS).contains(&keys.len()), "an encoder has 1 to {MAX_KEYS} keys");
    let default = match node.get_attr_opt::<&TensorProto>("default_tensor")? {
        Some(tensor) => Some(numbers(&*context.load_tensor(tensor)?.into_arc_tensor())?),
        None => None,
    };
    match (&mut values, default) {
        (List::Floats(list), Some(List::Floats(default))) => list.extend(default.first()),
        (List::Integers(list), Some(List::Integers(default))) => list.extend(default.first()),
        (_, Some(_)) => bail!("an encoder whose default is of another kind than its values"),
        (List::Floats(list), None) => {
            list.push(node.get_attr_opt::<f32>("default_float")?.unwrap_or(-0.0).to_bits());
        }
        (List::Integers(list), None) => list.push(node.get_attr_opt::<i64>("default_int64")?.unwrap_or(-1)),
    }
    ensure!(values.len() == keys.len() + 1, "an encoder's default is one value");
    Ok((expand(Encoder::Label { keys, values }), vec![]))
}

pub fn one_hot(_context: &ParsingContext, node: &NodeProto) -> Parsed {
    let categories = node.get_attr_opt_slice::<i64>("cats_int64s")?.unwrap_or_default().to_vec();
    ensure!(
        node.get_attr_opt_tvec::<&str>("cats_strings")?.is_none_or(|texts| texts.is_empty()),
        "text has no place in a tensor here: encode it as numbers before the model"
    );
    ensure!((1..=MAX_KEYS).contains(&categories.len()), "an encoder has 1 to {MAX_KEYS} categories");
    let zeros = node.get_attr_opt::<i64>("zeros")?.unwrap_or(1) != 0;
    Ok((expand(Encoder::OneHot { categories: List::Integers(categories), zeros }), vec![]))
}

impl Expansion for Encoder {
    fn name(&self) -> StaticName {
        match self {
            Encoder::Label { .. } => "LabelEncoder".into(),
            Encoder::OneHot { .. } => "OneHotEncoder".into(),
        }
    }

    fn runs_out_of_plan(&self) -> bool {
        false
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        match self {
            Encoder::Label { values, .. } => {
                solver.equals(&outputs[0].datum_type, values.datum_type())?;
                solver.equals(&outputs[0].shape, &inputs[0].shape)
            }
            Encoder::OneHot { categories, .. } => {
                solver.equals(&outputs[0].datum_type, f32::datum_type())?;
                solver.given(&inputs[0].shape, move |solver, mut shape| {
                    shape.push(categories.len().to_dim());
                    solver.equals(&outputs[0].shape, shape)
                })
            }
        }
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let mut wiring = Wiring { prefix, model };
        let keys = match self {
            Encoder::Label { keys, .. } => keys,
            Encoder::OneHot { categories, .. } => categories,
        };
        let found = matches(&mut wiring, inputs[0], keys)?;
        let position = position(&mut wiring, found, keys.len())?;
        let value = match self {
            Encoder::Label { values: List::Floats(values), .. } => {
                let table = wiring.constant("values", tensor1(&floats(values)))?;
                wiring.entries("value", table, position)?
            }
            Encoder::Label { values: List::Integers(values), .. } => {
                let table = wiring.constant("values", tensor1(values))?;
                wiring.entries("value", table, position)?
            }
            Encoder::OneHot { zeros: true, .. } => wiring.float(found)?,
            Encoder::OneHot { zeros: false, categories } => {
                // A table without an entry for unknown categories fails the run; its zeros change nothing.
                let table = wiring.constant("known", tensor1(&vec![0.0_f32; categories.len()]))?;
                let none = wiring.entries("known.zero", table, position)?;
                let rank = wiring.dims(none)?.len();
                let none = wiring.node("known.column", AxisOp::Add(rank), &[none])?;
                let found = wiring.float(found)?;
                wiring.node("encoded", math::add(), &[found, none])?
            }
        };
        Ok(tvec!(value))
    }
}

/// Which key a value equals: bool, one more axis.
fn matches(wiring: &mut Wiring<'_>, x: OutletId, keys: &List) -> TractResult<OutletId> {
    let rank = wiring.dims(x)?.len();
    let x = match keys {
        List::Floats(_) => wiring.float(x)?,
        List::Integers(_) => wiring.integer(x)?,
    };
    let x = wiring.node("column", AxisOp::Add(rank), &[x])?;
    let keys = match keys {
        List::Floats(keys) => {
            let keys = floats(keys);
            ensure!(!keys.iter().any(|key| key.is_nan()), "an encoder with the key NaN is not supported");
            wiring.last_axis("keys", x, &keys)?
        }
        List::Integers(keys) => wiring.last_axis("keys", x, keys)?,
    };
    wiring.equal("found", x, keys)
}

/// The position of the key that was found, or their count.
fn position(wiring: &mut Wiring<'_>, found: OutletId, count: usize) -> TractResult<OutletId> {
    let rank = wiring.dims(found)?.len();
    let found = wiring.integer(found)?;
    // The first key counts most.
    let ranks: Vec<i64> = (0..count as i64).map(|position| count as i64 - position).collect();
    let ranks = wiring.last_axis("ranks", found, &ranks)?;
    let ranked = wiring.node("ranked", math::mul(), &[found, ranks])?;
    let best = wiring.reduce("best", Reducer::Max, ranked)?;
    let best = wiring.node("best.flat", AxisOp::Rm(rank - 1), &[best])?;
    let total = wiring.table("count", &[count as i64], &vec![1; rank - 1])?;
    wiring.node("position", math::sub(), &[total, best])
}
