//! Withdrawing a model. Its record and its chunks stay, so that old receipts can be understood and run again.

use crate::execute::Call;
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
    let compiled = match record.state {
        ModelState::Retired { .. } => return Err(Rejected::ModelRetired.into()),
        ModelState::Sealed(compiled) => Some(compiled),
        ModelState::Uploading { .. } => None,
    };
    if record.owner != call.admitted.payer() {
        return Err(Rejected::NotOwner.into());
    }
    record.state = ModelState::Retired { compiled, height: call.context.height };
    model::put(state, &retire.model, &record);
    hot::forget(state, &retire.model)?;
    call.event("retire_model", &[("model", retire.model.to_string())]);
    Ok(())
}
