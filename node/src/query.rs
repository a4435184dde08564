//! ABCI queries: any key of the state, at any height that is kept, with its proof.
//!
//! Path `/store`, the key as data, the height (0 for the last committed one), and whether to prove. The proof's
//! root stands in the header of the height after. Everything else is the gateway's.

use crate::abci::Fatal;
use assay_core::{ProvenAt, Reader, Unproven};
use tendermint_proto::v0_38::abci::{RequestQuery, ResponseQuery};
use tendermint_proto::v0_38::crypto::{ProofOp, ProofOps};

/// The codespace of the numbers below.
const CODESPACE: &str = "assay.query";
/// The one path.
const PATH: &str = "/store";
/// How a proof names itself: ICS23, over a Jellyfish Merkle tree.
const PROOF_KIND: &str = "ics23:jmt";

/// Why there is no answer; the numbers are stable.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("there is no query {0:?}; ask {PATH} with a key as data, or the REST gateway under /v1")]
    Path(String),
    #[error("the height {0} is none")]
    Height(i64),
    #[error(transparent)]
    Unproven(#[from] Unproven),
}

impl Refused {
    fn code(&self) -> u32 {
        match self {
            Refused::Path(_) => 1,
            Refused::Height(_) => 2,
            Refused::Unproven(Unproven::Pruned { .. }) => 3,
            Refused::Unproven(Unproven::Ahead { .. }) => 4,
            Refused::Unproven(Unproven::BadKey { .. }) => 5,
            Refused::Unproven(Unproven::NoState) => 6,
        }
    }
}

/// Answers a query; whatever it asks for, only a failing store is fatal.
pub(crate) fn answer(reader: &Reader, request: &RequestQuery) -> Result<ResponseQuery, Fatal> {
    match look(reader, request)? {
        Ok(response) => Ok(response),
        Err(refused) => Ok(ResponseQuery {
            code: refused.code(),
            log: refused.to_string(),
            codespace: CODESPACE.into(),
            height: request.height,
            ..Default::default()
        }),
    }
}

fn look(reader: &Reader, request: &RequestQuery) -> Result<Result<ResponseQuery, Refused>, Fatal> {
    if request.path != PATH {
        return Ok(Err(Refused::Path(request.path.chars().take(80).collect())));
    }
    let Ok(height) = u64::try_from(request.height) else { return Ok(Err(Refused::Height(request.height))) };
    let found = reader.prove(&request.data, (height > 0).then_some(height));
    let ProvenAt { height, proven, .. } = match found.map_err(|error| Fatal(error.to_string()))? {
        Ok(found) => found,
        Err(unproven) => return Ok(Err(unproven.into())),
    };
    let op = ProofOp { r#type: PROOF_KIND.into(), key: request.data.to_vec(), data: proven.proof };
    Ok(Ok(ResponseQuery {
        log: if proven.value.is_some() { String::new() } else { "the key is not there".into() },
        key: request.data.clone(),
        value: proven.value.unwrap_or_default().into(),
        proof_ops: request.prove.then(|| ProofOps { ops: vec![op] }),
        height: i64::try_from(height).map_err(|_| Fatal(format!("the height {height} is too large")))?,
        codespace: String::new(),
        ..Default::default()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use assay_types::hash::AppHash;
    use assay_types::proof::{verify_absence, verify_existence};
    use std::sync::Arc;

    fn ask(path: &str, key: &[u8], height: i64) -> RequestQuery {
        RequestQuery { path: path.into(), data: key.to_vec().into(), height, prove: true }
    }

    fn proof(response: &ResponseQuery) -> &[u8] {
        let op = &response.proof_ops.as_ref().unwrap().ops[0];
        assert_eq!((op.r#type.as_str(), op.key.as_slice()), (PROOF_KIND, &response.key[..]));
        &op.data
    }

    #[test]
    fn a_key_is_proven_there_or_not_at_every_height_against_the_next_header() {
        let folder = tempfile::tempdir().unwrap();
        let app = Arc::new(testing::app(folder.path()));
        let solo = testing::solo(folder.path(), &app);
        let reader = app.reader();
        for _ in 0..3 {
            solo.produce().unwrap();
        }
        let headers: Vec<_> = (0..2).map(|_| solo.produce().unwrap().header).collect();
        for header in headers {
            let height = header.height.value() as i64 - 1;
            let root = AppHash(header.app_hash.as_bytes().try_into().unwrap());
            let there = answer(&reader, &ask(PATH, b"supply", height)).unwrap();
            assert_eq!((there.code, there.height), (0, height));
            assert_eq!(verify_existence(&root, b"supply", &there.value, proof(&there)), Ok(()));
            let missing = answer(&reader, &ask(PATH, b"nothing", height)).unwrap();
            assert_eq!((missing.code, missing.value.len()), (0, 0));
            assert_eq!(verify_absence(&root, b"nothing", proof(&missing)), Ok(()));
        }
        let last = answer(&reader, &ask(PATH, b"supply", 0)).unwrap();
        assert_eq!(last.height, 5);
        let unproven = answer(&reader, &RequestQuery { prove: false, ..ask(PATH, b"supply", 0) }).unwrap();
        assert_eq!((unproven.proof_ops, unproven.value), (None, last.value));
    }

    #[test]
    fn what_has_no_answer_is_refused_by_number() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::app(folder.path());
        let code = |request: RequestQuery| {
            let response = answer(&app.reader(), &request).unwrap();
            assert_eq!(response.codespace, CODESPACE);
            (response.code, response.log)
        };
        assert_eq!(code(ask(PATH, b"supply", 0)).0, 6);
        testing::genesis(&app, vec![]);
        assert_eq!(code(ask("/p2p/filter/addr", b"", 0)).0, 1);
        assert_eq!(code(ask(&"/".repeat(100_000), b"", 0)).0, 1);
        assert_eq!(code(ask(PATH, b"supply", -1)).0, 2);
        let (number, log) = code(ask(PATH, b"supply", 9));
        assert_eq!((number, log.contains("heights 0 to 0")), (4, true), "{log}");
        assert_eq!(code(ask(PATH, b"", 0)).0, 5);
        assert_eq!(code(ask(PATH, &vec![b'k'; 1 << 20], 0)).0, 5);
    }
}
