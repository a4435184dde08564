//! A small chain of one's own: validators with real keys, a real signed header, a real proof, a real plan.

use assay_compiler::PlanCache;
use assay_exec::{Executable, Isa};
use assay_plan::{Opcode, PlanBuilder, UnaryOp, ValidPlan};
use assay_types::address::Address;
use assay_types::amount::Amount;
use assay_types::bundle::{Bundle, FORMAT};
use assay_types::codec;
use assay_types::hash::TxHash;
use assay_types::model::Manifest;
use assay_types::path;
use assay_types::receipt::{Outcome, Receipt};
use assay_types::tensor::{self, DType, NamedTensor, Tensor};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ics23::{CommitmentProof, ExistenceProof, HashOp, HostFunctionsManager, InnerOp};
use prost013::Message;
use serde_json::{Value, json};
use std::path::Path;
use tendermint::block::header::Version;
use tendermint::block::parts::Header as PartsHeader;
use tendermint::block::signed_header::SignedHeader;
use tendermint::block::{Commit, CommitSig, Header, Height, Id, Round};
use tendermint::hash::Hash;
use tendermint::private_key::Ed25519;
use tendermint::validator::{Info, Set};
use tendermint::vote::{self, SignedVote, Vote};
use tendermint::{Time, account};

pub const CHAIN: &str = "assay-test-1";
const HEIGHT: u64 = 41;

/// What a test changes before anything is signed.
#[derive(Clone)]
pub struct Setup {
    /// Validators, by power; they sign if the flag is set.
    pub validators: Vec<(u64, bool)>,
    /// What the receipt says.
    pub edit: fn(&mut Receipt),
    /// How far the header is above the receipt.
    pub above: u64,
    /// Whether the run failed.
    pub failed: bool,
}

impl Default for Setup {
    fn default() -> Self {
        let validators = vec![(10, true), (10, true), (10, true), (10, false)];
        Self { validators, edit: |_| (), above: 1, failed: false }
    }
}

/// A plan that negates four numbers.
pub fn plan() -> ValidPlan {
    let mut builder = PlanBuilder::new();
    let x = builder.input("x", DType::F32, &[4]);
    let y = builder.push(Opcode::Unary(UnaryOp::Neg), &[x], DType::F32, &[4]);
    builder.output("y", y);
    builder.finish().unwrap().validate().unwrap()
}

pub fn cache_plan(home: &Path) {
    PlanCache::new(home.join("cache/plans")).put(&plan()).unwrap();
}

fn signing_key(index: usize) -> Ed25519 {
    Ed25519::try_from(&[index as u8 + 1; 32][..]).unwrap()
}

fn set(powers: &[(u64, bool)]) -> Set {
    let infos = powers.iter().enumerate().map(|(index, (power, _))| {
        let key = tendermint::PublicKey::from_raw_ed25519(signing_key(index).verification_key().as_bytes());
        Info::new(key.unwrap(), vote::Power::try_from(*power).unwrap())
    });
    Set::without_proposer(infos.collect())
}

pub fn genesis(setup: &Setup) -> Value {
    let set = set(&setup.validators);
    let rows = set.validators().iter().map(|info| {
        json!({
            "address": info.address,
            "pub_key": info.pub_key,
            "power": info.power().to_string(),
            "name": "",
        })
    });
    json!({ "chain_id": CHAIN, "validators": rows.collect::<Vec<_>>() })
}

fn commit(header: &Header, setup: &Setup, set: &Set) -> Commit {
    let block_id =
        Id { hash: header.hash(), part_set_header: PartsHeader::new(1, Hash::Sha256([9; 32])).unwrap() };
    let sign = |info: &Info| {
        let address = |index: &usize| {
            let key = signing_key(*index).verification_key();
            account::Id::from(key) == info.address
        };
        let index = (0..setup.validators.len()).find(address).unwrap();
        if !setup.validators[index].1 {
            return CommitSig::BlockIdFlagAbsent;
        }
        let mut vote = Vote {
            vote_type: vote::Type::Precommit,
            height: header.height,
            round: Round::from(0u16),
            block_id: Some(block_id),
            timestamp: Some(header.time),
            validator_address: info.address,
            validator_index: vote::ValidatorIndex::try_from(index).unwrap(),
            signature: Some(vec![0; 64].try_into().unwrap()),
            extension: vec![],
            extension_signature: None,
        };
        let bytes = SignedVote::from_vote(vote.clone(), header.chain_id.clone()).unwrap().sign_bytes();
        let key =
            ed25519_zebra::SigningKey::from(<[u8; 32]>::try_from(signing_key(index).as_bytes()).unwrap());
        let signature: [u8; 64] = key.sign(&bytes).into();
        vote.signature = Some(signature.to_vec().try_into().unwrap());
        CommitSig::BlockIdFlagCommit {
            validator_address: info.address,
            timestamp: header.time,
            signature: vote.signature,
        }
    };
    let signatures = set.validators().iter().map(sign).collect();
    Commit { height: header.height, round: Round::from(0u16), block_id, signatures }
}

/// A proof of existence three steps deep, and the root that it leads to.
fn prove(key: &[u8], value: &[u8]) -> (Vec<u8>, [u8; 32]) {
    use sha2::Digest;
    let hash = sha2::Sha256::digest(key);
    let depth = 3;
    let step = |index: usize| {
        let bit = depth - 1 - index;
        let is_right = hash[bit / 8] & (0x80 >> (bit % 8)) != 0;
        let sibling = [index as u8 + 1; 32];
        let mut prefix = b"JMT::IntrnalNode".to_vec();
        let suffix = if is_right { vec![] } else { sibling.to_vec() };
        if is_right {
            prefix.extend_from_slice(&sibling);
        }
        InnerOp { hash: HashOp::Sha256.into(), prefix, suffix }
    };
    let existence = ExistenceProof {
        key: key.to_vec(),
        value: value.to_vec(),
        leaf: assay_types::proof::spec().leaf_spec,
        path: (0..depth).map(step).collect(),
    };
    let root = ics23::calculate_existence_root::<HostFunctionsManager>(&existence).unwrap();
    let proof = CommitmentProof { proof: Some(ics23::commitment_proof::Proof::Exist(existence)) };
    (proof.encode_to_vec(), root.try_into().unwrap())
}

/// The header's hash, in hexadecimal digits.
pub fn header_hash(bundle: &Value) -> String {
    let signed: SignedHeader = serde_json::from_value(bundle["signed_header"].clone()).unwrap();
    hex::encode(signed.header.hash().as_bytes())
}

pub fn bundle(setup: &Setup) -> Value {
    let plan = plan();
    let input = vec![NamedTensor {
        name: "x".into(),
        tensor: Tensor::from_f32(vec![4], &[1.0, -2.0, 0.5, 0.0]).unwrap(),
    }];
    let output = Executable::new(plan.clone(), Isa::Reference).run(&input).unwrap();
    let manifest = Manifest::of(b"the file is not needed for a cached plan", vec![]);
    let outcome = if setup.failed { Outcome::Failed } else { Outcome::Output(tensor::output_hash(&output)) };
    let mut receipt = Receipt {
        model: manifest.id(),
        plan: plan.hash(),
        engine: 1,
        input: tensor::input_hash(&input),
        outcome,
        units: plan.units(),
        load_units: plan.load_units(),
        fee: Amount(1234),
        tip: Amount(34),
        payer: Address([3; 32]),
        height: HEIGHT,
    };
    (setup.edit)(&mut receipt);
    let receipt = codec::encode(&receipt);
    let tx_hash = TxHash([0xab; 32]);
    let (proof, root) = prove(&path::receipt(&tx_hash, 0), &receipt);
    let set = set(&setup.validators);
    let header = Header {
        version: Version { block: 11, app: 1 },
        chain_id: CHAIN.parse().unwrap(),
        height: Height::try_from(HEIGHT + setup.above).unwrap(),
        time: Time::from_unix_timestamp(1_790_000_000, 5).unwrap(),
        last_block_id: None,
        last_commit_hash: Some(Hash::Sha256([1; 32])),
        data_hash: Some(Hash::Sha256([2; 32])),
        validators_hash: set.hash(),
        next_validators_hash: set.hash(),
        consensus_hash: Hash::Sha256([3; 32]),
        app_hash: root.to_vec().try_into().unwrap(),
        last_results_hash: Some(Hash::Sha256([4; 32])),
        evidence_hash: Some(Hash::Sha256([5; 32])),
        proposer_address: set.validators()[0].address,
    };
    let commit = commit(&header, setup, &set);
    let signed = SignedHeader::new(header, commit).unwrap();
    let bundle = Bundle {
        format: FORMAT.into(),
        chain_id: CHAIN.into(),
        tx_hash,
        index: 0,
        model_id: manifest.id(),
        manifest,
        signed_header: serde_json::to_value(signed).unwrap(),
        validators: serde_json::to_value(set.validators()).unwrap(),
        proof: BASE64.encode(proof),
        receipt: BASE64.encode(receipt),
        input: BASE64.encode(codec::encode(&input)),
        output: (!setup.failed).then(|| BASE64.encode(codec::encode(&output))),
    };
    serde_json::to_value(bundle).unwrap()
}
