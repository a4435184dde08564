//! What we ask CometBFT over its RPC.
//!
//! The dialect is set by hand: detection refuses CometBFT 0.39 and 0.40, which speak the one of 0.38. Every
//! call is bounded in time. A height that CometBFT does not have is an answer (`None`), a CometBFT that does
//! not answer an error.

use crate::consensus::{Answer, Decided, Driver, Progress, Submission, Unavailable};
use cometbft_rpc::client::CompatMode;
use cometbft_rpc::{Client, HttpClient, HttpClientUrl, Paging};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tendermint::block::Height;
use tendermint::block::signed_header::SignedHeader;
use tendermint::validator;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Why a call gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
enum RpcError {
    /// CometBFT cannot be reached, or speaks otherwise.
    Silent(String),
    /// It refuses the request.
    Refused(String),
}

impl From<cometbft_rpc::Error> for RpcError {
    fn from(error: cometbft_rpc::Error) -> Self {
        use cometbft_rpc::error::ErrorDetail;
        match error.detail() {
            ErrorDetail::Response(detail) => {
                let source = &detail.source;
                RpcError::Refused(source.data().unwrap_or(source.message()).to_string())
            }
            detail => RpcError::Silent(detail.to_string().lines().next().unwrap_or_default().into()),
        }
    }
}

impl From<RpcError> for Unavailable {
    fn from(error: RpcError) -> Self {
        match error {
            RpcError::Silent(why) => Unavailable(format!("CometBFT does not answer: {why}")),
            RpcError::Refused(why) => Unavailable(why),
        }
    }
}

/// A client of one CometBFT.
#[derive(Debug, Clone)]
pub struct Rpc(HttpClient);

impl Rpc {
    /// A client of the CometBFT whose RPC listens there.
    ///
    /// # Errors
    /// When the client cannot be built.
    pub fn new(listens: SocketAddr) -> Result<Self, Unavailable> {
        let url = format!("http://{}", reachable(listens));
        let url: HttpClientUrl = url.parse().map_err(RpcError::from)?;
        let client = HttpClient::builder(url).compat_mode(CompatMode::V0_38).timeout(TIMEOUT).build();
        Ok(Self(client.map_err(RpcError::from)?))
    }
}

impl Driver for Rpc {
    fn progress(&self) -> Answer<'_, Progress> {
        Box::pin(async move {
            let (status, network) = tokio::join!(self.0.status(), self.0.net_info());
            let status = status.map_err(RpcError::from)?;
            let peers = network.map_or(0, |network| u32::try_from(network.n_peers).unwrap_or(u32::MAX));
            Ok(Progress {
                height: status.sync_info.latest_block_height.value(),
                syncing: status.sync_info.catching_up,
                peers,
                version: status.node_info.version.to_string(),
            })
        })
    }

    fn submit(&self, tx: Vec<u8>) -> Answer<'_, Submission> {
        Box::pin(async move {
            match self.0.broadcast_tx_sync(tx).await.map_err(RpcError::from) {
                Ok(answer) if answer.code.is_ok() => Ok(Submission::Waits),
                Ok(answer) => Ok(Submission::Rejected { code: answer.code.value(), log: answer.log }),
                Err(RpcError::Refused(why)) if why.contains("already exists in cache") => {
                    Ok(Submission::Known)
                }
                Err(RpcError::Refused(why)) => Ok(Submission::Full(why)),
                Err(silent) => Err(silent.into()),
            }
        })
    }

    fn block(&self, height: Option<u64>) -> Answer<'_, Option<Decided>> {
        Box::pin(async move {
            let answer = match height {
                Some(height) => self.0.block(as_height(height)?).await,
                None => self.0.latest_block().await,
            };
            Ok(existing(answer)?.map(|found| Decided { id: found.block_id, block: found.block }))
        })
    }

    fn signed_header(&self, height: u64) -> Answer<'_, Option<SignedHeader>> {
        Box::pin(async move {
            let found = existing(self.0.commit(as_height(height)?).await)?;
            Ok(found.map(|found| found.signed_header))
        })
    }

    fn validators(&self, height: u64) -> Answer<'_, Option<Vec<validator::Info>>> {
        Box::pin(async move {
            let found = existing(self.0.validators(as_height(height)?, Paging::All).await)?;
            Ok(found.map(|found| found.validators))
        })
    }
}

/// CometBFT says by an error that it does not have a height (yet, or any more).
fn existing<T>(answer: Result<T, cometbft_rpc::Error>) -> Result<Option<T>, RpcError> {
    match answer.map_err(RpcError::from) {
        Ok(answer) => Ok(Some(answer)),
        Err(RpcError::Refused(why)) if why.contains("height") => Ok(None),
        Err(error) => Err(error),
    }
}

fn as_height(height: u64) -> Result<Height, RpcError> {
    Height::try_from(height).map_err(|_| RpcError::Refused(format!("{height} is no height")))
}

/// The address by which this machine reaches a listener.
pub fn reachable(listens: SocketAddr) -> SocketAddr {
    let ip = match listens.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listens.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_reached_over_loopback() {
        let reach = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(reach("0.0.0.0:26657"), "127.0.0.1:26657");
        assert_eq!(reach("[::]:1"), "[::1]:1");
        assert_eq!(reach("10.0.0.1:5"), "10.0.0.1:5");
    }
}
