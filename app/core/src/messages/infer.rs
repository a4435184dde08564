//! Running a model, and the receipt of it.

use crate::engine::Engine;
use crate::execute::Call;
use crate::fatal::Failure;
use crate::model;
use crate::run::{Run, match_inputs};
use assay_store::{Overlay, Read};
use assay_types::claim::JobOutcome;
use assay_types::codec;
use assay_types::error::Rejected;
use assay_types::limits::MAX_OUTPUT_BYTES;
use assay_types::message::Infer;
use assay_types::model::ModelRecord;
use assay_types::path;
use assay_types::receipt::{MessageOutput, Outcome, Receipt, TxData};
use assay_types::tensor::{self, NamedTensor};

/// Bytes that an output adds to a transaction's data besides its tensors: the message's index.
const INDEX_BYTES: u64 = 4;

pub(super) fn execute(infer: &Infer, state: &mut Overlay<'_>, call: &mut Call<'_>) -> Result<(), Failure> {
    let record = model::get(state, &infer.model)?;
    let compiled = record.runnable()?;
    match_inputs(&compiled.inputs, &infer.inputs)?;
    let run = compute(call.context.engine, state, &record, &infer.inputs, &call.data)?;
    let outcome = run.outcome();
    call.ran(infer.model, compiled.engine, Some(compiled.plan), JobOutcome::Inference(outcome));
    if infer.expect_output_hash.is_some_and(|expected| outcome != Outcome::Output(expected)) {
        return Err(Rejected::UnexpectedOutput.into());
    }
    if let Run::Output(tensors) = &run {
        call.data.outputs.push(MessageOutput { index: call.index, tensors: tensors.to_vec() });
    }
    let receipt = Receipt {
        model: infer.model,
        plan: compiled.plan,
        engine: compiled.engine,
        input: tensor::input_hash(&infer.inputs),
        outcome,
        units: compiled.units,
        load_units: call.admitted.load_units(call.index),
        fee: call.admitted.fee(),
        tip: call.admitted.tip(),
        payer: call.admitted.payer(),
        height: call.context.height,
    };
    put(state, call, &receipt);
    Ok(())
}

/// Runs a sealed model on inputs that fit it, unless its output cannot be carried beside the `data` of the
/// transaction so far. The size follows from the plan alone, so that nothing runs for nothing.
pub(crate) fn compute(
    engine: &Engine,
    state: &dyn Read,
    record: &ModelRecord,
    inputs: &[NamedTensor],
    data: &TxData,
) -> Result<Run, Failure> {
    let loaded = engine.loaded(state, record, record.runnable()?)?;
    check_size(data, loaded.output_bytes())?;
    Ok(engine.run(&loaded, inputs)?)
}

/// Checks that a transaction's data stays within its limit with another output.
fn check_size(data: &TxData, output_bytes: u64) -> Result<(), Rejected> {
    let (most, have) = (MAX_OUTPUT_BYTES as u64, codec::encode(data).len() as u64);
    let got = have.saturating_add(INDEX_BYTES).saturating_add(output_bytes);
    if got > most {
        return Err(Rejected::OutputTooLarge { got, most });
    }
    Ok(())
}

/// Writes a receipt. The block lists it when it ends.
fn put(state: &mut Overlay<'_>, call: &mut Call<'_>, receipt: &Receipt) {
    state.write(path::receipt(&call.admitted.hash(), call.index), receipt);
    let outcome = match receipt.outcome {
        Outcome::Output(hash) => hash.to_string(),
        Outcome::Failed => "failed".into(),
    };
    call.event(
        "infer",
        [("model", receipt.model.to_string()), ("index", call.index.to_string()), ("outcome", outcome)],
    );
}
