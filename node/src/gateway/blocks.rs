//! Blocks, as consensus has them.

use super::{Failure, Gateway, parse};
use assay_types::api::Block;
use assay_types::claim::Claim;
use assay_types::hash::{AppHash, TxHash};
use axum::Json;
use axum::extract::{Path, State};

/// `GET /v1/blocks/{height}`, or `latest`.
pub(super) async fn block(
    State(gateway): State<Gateway>,
    Path(height): Path<String>,
) -> Result<Json<Block>, Failure> {
    let height = match height.as_str() {
        "latest" => None,
        text => Some(parse("height", text)?),
    };
    let found = gateway.0.consensus.block(height).await?;
    let found = found.ok_or_else(|| {
        Failure::not_found("there is no block at this height", "see the latest one at /v1/blocks/latest")
    })?;
    let header = &found.block.header;
    let app_hash = <[u8; 32]>::try_from(header.app_hash.as_bytes());
    Ok(Json(Block {
        height: header.height.value(),
        hash: hex::encode(found.id.hash.as_bytes()),
        time: header.time.to_rfc3339(),
        proposer: header.proposer_address.to_string(),
        app_hash: AppHash(app_hash.map_err(|_| Failure::internal("a header without an app hash".into()))?),
        claim: found.block.data.first().and_then(|tx| Claim::decode(tx).ok()),
        txs: found.block.data.iter().map(|tx| TxHash::of(tx)).collect(),
    }))
}
