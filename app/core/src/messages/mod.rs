//! What each message does to the state. A message that fails may leave half of its writes: the transaction's
//! overlay is dropped with them.

mod infer;
mod publish;
mod retire;
mod seal;
mod transfer;
mod upload;

pub(crate) use infer::compute;

use crate::execute::Call;
use crate::fatal::Failure;
use assay_store::Overlay;
use assay_types::message::Message;

/// Runs one message.
pub(crate) fn execute(
    message: &Message,
    state: &mut Overlay<'_>,
    call: &mut Call<'_>,
) -> Result<(), Failure> {
    match message {
        Message::Transfer(transfer) => transfer::execute(transfer, state, call),
        Message::PublishModel(publish) => publish::execute(publish, state, call),
        Message::UploadChunk(chunk) => upload::execute(chunk, state, call),
        Message::SealModel(seal) => seal::execute(seal, state, call),
        Message::RetireModel(retire) => retire::execute(retire, state, call),
        Message::Infer(infer) => infer::execute(infer, state, call),
    }
}
