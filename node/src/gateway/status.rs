//! The node, the chain's parameters, its validators, its accounts.

use super::{Failure, Gateway, parse};
use assay_types::address::Address;
use assay_types::api::{
    AccountInfo, Fees, Heights, KeptHeights, StateSyncInfo, Status, ValidatorInfo, Validators,
};
use assay_types::hash::AppHash;
use assay_types::params::Params;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tendermint::validator::Info;

/// `GET /v1/status`. It answers also while there is no chain yet and consensus is silent.
pub(super) async fn status(State(gateway): State<Gateway>) -> Result<Json<Status>, Failure> {
    let progress = gateway.0.consensus.progress().await.ok();
    let (kept, app_hash, engines, chain_id, disk) = gateway
        .read(|reader| {
            let (view, disk) = (reader.view(), reader.disk()?);
            let (Some((_, root)), Some(kept)) = (view.tip()?, view.kept()?) else {
                return Ok((None, AppHash([0; 32]), Vec::new(), String::new(), disk));
            };
            let kept = KeptHeights { oldest: *kept.start(), newest: *kept.end() };
            Ok((Some(kept), root, reader.engines()?, reader.chain_id()?, disk))
        })
        .await?;
    let application = kept.map_or(0, |kept| kept.newest);
    Ok(Json(Status {
        chain_id,
        moniker: gateway.0.about.moniker.clone(),
        node_id: gateway.0.about.node_id.clone(),
        version: env!("CARGO_PKG_VERSION").into(),
        comet_version: progress.as_ref().map(|progress| progress.version.clone()).unwrap_or_default(),
        heights: Heights {
            chain: progress.as_ref().map_or(0, |progress| progress.height),
            application,
            // The index is written in the commit's own batch.
            index: application,
        },
        app_hash,
        peers: progress.as_ref().map_or(0, |progress| progress.peers),
        syncing: progress.is_none_or(|progress| progress.syncing),
        engines,
        kernels: gateway.0.reader.kernels().into(),
        kept,
        disk: disk.into_iter().map(|family| (family.name.to_owned(), family.all())).collect(),
        last_refused: gateway.0.about.refusals.last(),
        refused: gateway.0.about.refusals.counts(),
        state_sync: state_sync(&gateway).await,
    }))
}

/// What a new node needs to start from the latest snapshot of this one; nothing when there is none, or consensus is
/// silent.
async fn state_sync(gateway: &Gateway) -> Option<StateSyncInfo> {
    let folder = gateway.0.about.snapshots.clone();
    let latest = move || folder.get(*folder.heights().ok()?.first()?).ok();
    let manifest = tokio::task::spawn_blocking(latest).await.ok()??.manifest;
    let block = gateway.0.consensus.block(Some(manifest.height)).await.ok()??;
    Some(StateSyncInfo {
        snapshot_height: manifest.height,
        chunks: manifest.count(),
        bytes: manifest.bytes(),
        trust_height: manifest.height,
        trust_hash: block.id.hash.to_string().to_lowercase(),
    })
}

/// `GET /v1/params`.
pub(super) async fn params(State(gateway): State<Gateway>) -> Result<Json<Params>, Failure> {
    gateway.read(|reader| reader.params()).await.map(Json)
}

/// `GET /v1/fees`.
pub(super) async fn fees(State(gateway): State<Gateway>) -> Result<Json<Fees>, Failure> {
    gateway.read(|reader| reader.fees()).await.map(Json)
}

/// `GET /v1/genesis`.
pub(super) async fn genesis(State(gateway): State<Gateway>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], gateway.0.about.genesis.clone())
}

/// `GET /v1/validators`: those of the latest block.
pub(super) async fn validators(State(gateway): State<Gateway>) -> Result<Json<Validators>, Failure> {
    let height = gateway.0.consensus.progress().await?.height;
    let found = gateway.0.consensus.validators(height).await?;
    let found =
        found.ok_or_else(|| Failure::not_found("there is no block yet", "wait for the first block"))?;
    Ok(Json(describe(height, &found)))
}

fn describe(height: u64, found: &[Info]) -> Validators {
    let validators = found.iter().map(|validator| ValidatorInfo {
        address: validator.address.to_string(),
        public_key: STANDARD.encode(validator.pub_key.to_bytes()),
        power: validator.power(),
    });
    Validators { height, validators: validators.collect() }
}

/// `GET /v1/accounts/{address}`.
pub(super) async fn account(
    State(gateway): State<Gateway>,
    Path(address): Path<String>,
) -> Result<Json<AccountInfo>, Failure> {
    let address: Address = parse("address", &address)?;
    let (account, next_nonce) = gateway.read(move |reader| reader.account(&address)).await?;
    Ok(Json(AccountInfo { address, balance: account.balance, nonce: account.nonce, next_nonce }))
}
