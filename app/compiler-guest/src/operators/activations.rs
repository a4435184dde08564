//! Activations that tract computes otherwise than ONNX says, or by a formula that overflows.

use super::wiring::Wiring;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_hir::internal::*;

/// `ln(1 + e^x)` as `max(x, 0) + ln(1 + e^-|x|)`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Softplus;

pub fn softplus(
    _context: &ParsingContext,
    _node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    Ok((expand(Softplus), vec![]))
}

impl Expansion for Softplus {
    fn name(&self) -> StaticName {
        "Softplus".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        solver.equals(&inputs[0].datum_type, &outputs[0].datum_type)?;
        solver.equals(&inputs[0].shape, &outputs[0].shape)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let x = inputs[0];
        let mut wiring = Wiring { prefix, model };
        let ones = vec![1; wiring.dims(x)?.len()];
        let (zero, one) = (wiring.table("zero", &[0f32], &ones)?, wiring.table("one", &[1f32], &ones)?);
        let size = wiring.node("size", math::abs(), &[x])?;
        let negative = wiring.node("negative", math::neg(), &[size])?;
        let power = wiring.node("power", math::exp(), &[negative])?;
        let sum = wiring.node("sum", math::add(), &[power, one])?;
        let rest = wiring.node("rest", math::ln(), &[sum])?;
        let above = wiring.node("above", math::max(), &[x, zero])?;
        Ok(tvec!(wiring.node("softplus", math::add(), &[above, rest])?))
    }
}

/// `max(x, 0) + min(alpha (e^(x / alpha) - 1), 0)`.
#[derive(Debug, Clone, PartialEq)]
struct Celu {
    alpha: f32,
}

pub fn celu(_context: &ParsingContext, node: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let alpha = node.get_attr_opt("alpha")?.unwrap_or(1.0);
    Ok((expand(Celu { alpha }), vec![]))
}

impl Expansion for Celu {
    fn name(&self) -> StaticName {
        "Celu".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        solver.equals(&inputs[0].datum_type, &outputs[0].datum_type)?;
        solver.equals(&inputs[0].shape, &outputs[0].shape)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let x = inputs[0];
        let mut wiring = Wiring { prefix, model };
        let ones = vec![1; wiring.dims(x)?.len()];
        let (zero, one) = (wiring.table("zero", &[0f32], &ones)?, wiring.table("one", &[1f32], &ones)?);
        let alpha = wiring.table("alpha", &[self.alpha], &ones)?;
        let scaled = wiring.node("scaled", math::div(), &[x, alpha])?;
        let power = wiring.node("power", math::exp(), &[scaled])?;
        let less = wiring.node("less", math::sub(), &[power, one])?;
        let curve = wiring.node("curve", math::mul(), &[less, alpha])?;
        let below = wiring.node("below", math::min(), &[curve, zero])?;
        let above = wiring.node("above", math::max(), &[x, zero])?;
        Ok(tvec!(wiring.node("celu", math::add(), &[above, below])?))
    }
}
