//! What we ask CometBFT over its RPC.
//!
//! The dialect is set by hand: detection refuses CometBFT 0.39 and 0.40, which speak the one of 0.38. Every
//! call is bounded in time. A height that CometBFT does not have is an answer (`None`), a CometBFT that does
//! not answer an error.

use cometbft_rpc::client::CompatMode;
use cometbft_rpc::endpoint::{block, broadcast::tx_sync, commit, status, validators};
use cometbft_rpc::{Client, HttpClient, HttpClientUrl, Paging};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tendermint::block::Height;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Why CometBFT gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RpcError {
    /// It cannot be reached, or speaks otherwise.
    #[error("CometBFT does not answer: {0}")]
    Unavailable(String),
    /// It refuses the request.
    #[error("{0}")]
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
            detail => RpcError::Unavailable(detail.to_string().lines().next().unwrap_or_default().into()),
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
    pub fn new(listens: SocketAddr) -> Result<Self, RpcError> {
        let url = format!("http://{}", reachable(listens));
        let url: HttpClientUrl = url.parse().map_err(RpcError::from)?;
        Ok(Self(HttpClient::builder(url).compat_mode(CompatMode::V0_38).timeout(TIMEOUT).build()?))
    }

    /// How the node is doing, and who it is.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn status(&self) -> Result<status::Response, RpcError> {
        Ok(self.0.status().await?)
    }

    /// Peers connected.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn peers(&self) -> Result<u32, RpcError> {
        let peers = self.0.net_info().await?.n_peers;
        Ok(u32::try_from(peers).unwrap_or(u32::MAX))
    }

    /// Hands a transaction to the mempool, and waits for what CheckTx says.
    ///
    /// # Errors
    /// [`RpcError::Refused`] when the mempool is full or has seen the transaction.
    pub async fn broadcast(&self, tx: Vec<u8>) -> Result<tx_sync::Response, RpcError> {
        Ok(self.0.broadcast_tx_sync(tx).await?)
    }

    /// A block; `None` is the latest.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn block(&self, height: Option<u64>) -> Result<Option<block::Response>, RpcError> {
        let answer = match height {
            Some(height) => self.0.block(as_height(height)?).await,
            None => self.0.latest_block().await,
        };
        existing(answer)
    }

    /// A header with its commit.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn commit(&self, height: u64) -> Result<Option<commit::Response>, RpcError> {
        existing(self.0.commit(as_height(height)?).await)
    }

    /// All validators at a height.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn validators(&self, height: u64) -> Result<Option<validators::Response>, RpcError> {
        existing(self.0.validators(as_height(height)?, Paging::All).await)
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
