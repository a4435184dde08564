//! Withdrawing a model. Its record stays, so that old receipts can be understood, and its chunks for some time, so
//! that they can be run again. The owner gets the deposit back.

use crate::deposit;
use crate::execute::Call;
use crate::expiry::Retirement;
use crate::fatal::Failure;
use crate::hot;
use crate::model;
use assay_store::Overlay;
use assay_types::error::Rejected;
use assay_types::message::RetireModel;
use assay_types::model::ModelState;

pub(super) fn execute(
    retire: &RetireModel,
    state: &mut Overlay<'_>,
    call: &mut Call<'_>,
) -> Result<(), Failure> {
    let mut record = model::get(state, &retire.model)?;
    let (compiled, chunks) = match record.state {
        ModelState::Retired { .. } => return Err(Rejected::ModelRetired.into()),
        ModelState::Sealed(compiled) => {
            (Some(compiled), u32::try_from(record.manifest.chunks.len()).unwrap_or(u32::MAX))
        }
        ModelState::Uploading { next_chunk } => (None, next_chunk),
    };
    if record.owner != call.admitted.payer() {
        return Err(Rejected::NotOwner.into());
    }
    let (height, stored) = (call.context.height, chunks > 0);
    if stored {
        let retirement = Retirement { height, model: retire.model, chunks };
        state.write(retirement.key(), &retirement);
    }
    let deposit = std::mem::take(&mut record.deposit);
    deposit::give_back(state, &record.owner, deposit)?;
    record.state = ModelState::Retired { compiled, height, stored };
    model::put(state, &retire.model, &record);
    hot::forget(state, &retire.model)?;
    call.event("retire_model", [("model", retire.model.to_string()), ("deposit", deposit.to_string())]);
    Ok(())
}
