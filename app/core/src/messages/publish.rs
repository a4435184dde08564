//! Announcing a model, for whose bytes the publisher leaves a deposit.

use crate::deposit;
use crate::execute::Call;
use crate::fatal::Failure;
use crate::model;
use assay_store::Overlay;
use assay_types::error::Rejected;
use assay_types::message::PublishModel;
use assay_types::model::{ModelRecord, ModelState};

pub(super) fn execute(
    publish: &PublishModel,
    state: &mut Overlay<'_>,
    call: &mut Call<'_>,
) -> Result<(), Failure> {
    let id = publish.manifest.id();
    // A retired model stays: its id is in receipts, and must not come to mean a plan of another engine.
    if model::find(state, &id)?.is_some() {
        return Err(Rejected::ModelExists.into());
    }
    let owner = call.admitted.payer();
    let deposit = call.context.params.deposit(publish.manifest.size);
    deposit::take(state, &owner, deposit)?;
    let record = ModelRecord {
        owner,
        name: publish.name.clone(),
        version: publish.version.clone(),
        description: publish.description.clone(),
        manifest: publish.manifest.clone(),
        published: call.context.height,
        deposit,
        state: ModelState::Uploading { next_chunk: 0 },
    };
    model::put(state, &id, &record);
    call.event(
        "publish_model",
        [("model", id.to_string()), ("owner", owner.to_string()), ("deposit", deposit.to_string())],
    );
    Ok(())
}
