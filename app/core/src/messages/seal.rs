//! Compiling a model whose chunks are all there.

use super::upload::next_chunk;
use crate::execute::Call;
use crate::fatal::Failure;
use crate::model;
use assay_store::Overlay;
use assay_types::claim::JobOutcome;
use assay_types::error::Rejected;
use assay_types::message::SealModel;
use assay_types::model::{Compiled, ModelState};

pub(super) fn execute(seal: &SealModel, state: &mut Overlay<'_>, call: &mut Call<'_>) -> Result<(), Failure> {
    let mut record = model::get(state, &seal.model)?;
    let have = next_chunk(&record)?;
    if record.owner != call.admitted.payer() {
        return Err(Rejected::NotOwner.into());
    }
    let need = u32::try_from(record.manifest.chunks.len()).unwrap_or(u32::MAX);
    if have != need {
        return Err(Rejected::UploadIncomplete { have, need }.into());
    }
    let context = call.context;
    let number = context.chain.engine;
    let sealing = context.engine.seal(state, number, &seal.model, &record.manifest, seal.max_fuel)?;
    let plan = sealing.as_ref().ok().map(|compiled| compiled.plan);
    call.ran(seal.model, number, plan, JobOutcome::Compilation(plan));
    let compiled = match sealing {
        Ok(compiled) => Compiled { sealed: context.height, ..compiled },
        Err(reason) => {
            call.note = reason;
            return Err(Rejected::DoesNotCompile.into());
        }
    };
    call.event(
        "seal_model",
        [
            ("model", seal.model.to_string()),
            ("plan", compiled.plan.to_string()),
            ("units", compiled.units.to_string()),
        ],
    );
    record.state = ModelState::Sealed(compiled);
    model::put(state, &seal.model, &record);
    Ok(())
}
