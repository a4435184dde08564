//! Claims about whole documents and app states.

use crate::GenesisModel;
use crate::doc::{DocError, GenesisDoc, MAX_TOTAL_POWER, Validator};
use crate::state::{
    GenesisAccount, GenesisEngine, GenesisError, GenesisState, MIN_BLOCK_BYTES, MIN_BLOCK_UNITS,
};
use assay_types::address::Address;
use assay_types::amount::Amount;
use assay_types::hash::{CompilerHash, PlanHash};
use assay_types::model::Manifest;
use assay_types::params::Params;
use proptest::prelude::*;

fn account(tag: u8, balance: u128) -> GenesisAccount {
    GenesisAccount::new(Address([tag; 32]), Amount(balance))
}

fn state() -> GenesisState {
    let accounts = vec![account(1, 1_000_000), account(2, 5)];
    GenesisState::new(accounts, GenesisEngine::of(1).unwrap(), Params::default())
}

fn doc() -> GenesisDoc {
    let validators = vec![Validator::new("one", &[1; 32], 10), Validator::new("two", &[2; 32], 10)];
    GenesisDoc::new("assay-test", "2026-01-31T12:00:00Z", validators, state()).unwrap()
}

#[test]
fn a_document_survives_its_text() {
    let text = doc().to_json().unwrap();
    assert_eq!(GenesisDoc::from_json(text.as_bytes()).unwrap(), doc());
}

#[test]
fn a_document_has_the_form_that_cometbft_reads() {
    let json: serde_json::Value = serde_json::from_str(&doc().to_json().unwrap()).unwrap();
    assert_eq!(json["initial_height"], "1");
    assert_eq!(json["app_hash"], "");
    assert_eq!(
        json["consensus_params"],
        serde_json::json!({
            "block": {"max_bytes": "4194304", "max_gas": "-1"},
            "evidence": {
                "max_age_num_blocks": "100000",
                "max_age_duration": "172800000000000",
                "max_bytes": "1048576"
            },
            "validator": {"pub_key_types": ["ed25519"]},
            "version": {"app": "1"},
            "abci": {"vote_extensions_enable_height": "0"}
        })
    );
    assert_eq!(
        json["validators"][0],
        serde_json::json!({
            "address": "72CD6E8422C407FB6D098690F1130B7DED7EC2F7",
            "pub_key": {
                "type": "tendermint/PubKeyEd25519",
                "value": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
            },
            "power": "10",
            "name": "one"
        })
    );
    assert_eq!(json["app_state"]["accounts"][1]["balance"], "5");
}

#[test]
fn documents_that_break_a_rule_are_refused() {
    let refused = |change: fn(&mut GenesisDoc)| {
        let mut changed = doc();
        change(&mut changed);
        changed.validate().unwrap_err()
    };
    assert!(matches!(refused(|doc| doc.chain_id = "a b".into()), DocError::ChainId(_)));
    assert!(matches!(refused(|doc| doc.chain_id = "x".repeat(51)), DocError::ChainId(_)));
    for time in
        ["", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31T12:00:00.Z", "2026-01-31T12:00:00+01:00"]
    {
        let mut changed = doc();
        changed.genesis_time = time.into();
        assert_eq!(changed.validate(), Err(DocError::Time(time.into())));
    }
    let unsupported: [fn(&mut GenesisDoc); 8] = [
        |doc| doc.initial_height = 5,
        |doc| doc.app_hash = "00".into(),
        |doc| doc.consensus_params.block.max_bytes = 4 * 1024 * 1024 + 1,
        |doc| doc.consensus_params.block.max_bytes = 4 * 1024 * 1024 - 1,
        |doc| doc.consensus_params.block.max_gas = 7,
        |doc| doc.consensus_params.validator.pub_key_types.push("secp256k1".into()),
        |doc| doc.consensus_params.version.app = 2,
        |doc| doc.consensus_params.abci.vote_extensions_enable_height = 1,
    ];
    for change in unsupported {
        assert!(matches!(refused(change), DocError::Unsupported { .. }));
    }
    assert_eq!(refused(|doc| doc.validators.clear()), DocError::NoValidators);
    let bad: [fn(&mut GenesisDoc); 5] = [
        |doc| doc.validators[0].power = 0,
        |doc| doc.validators[0].address = "00".repeat(20),
        |doc| doc.validators[0].pub_key.value = "AQ==".into(),
        |doc| doc.validators[0].pub_key.kind = "tendermint/PubKeySecp256k1".into(),
        |doc| doc.validators[1] = doc.validators[0].clone(),
    ];
    for change in bad {
        assert!(matches!(refused(change), DocError::BadValidator { .. }));
    }
    assert_eq!(refused(|doc| doc.validators[0].power = MAX_TOTAL_POWER), DocError::TotalPower);
    assert!(matches!(refused(|doc| doc.app_state.params.min_prices.unit_price = 0), DocError::State(_)));
}

#[test]
fn a_fraction_of_a_second_is_a_time() {
    let mut changed = doc();
    changed.genesis_time = "2026-01-31T12:00:00.123456789Z".into();
    assert_eq!(changed.validate(), Ok(()));
}

#[test]
fn states_that_break_a_rule_are_refused() {
    let refused = |change: fn(&mut GenesisState)| {
        let mut changed = state();
        change(&mut changed);
        changed.validate().unwrap_err()
    };
    assert_eq!(
        refused(|state| state.accounts.push(account(1, 1))),
        GenesisError::DuplicateAccount(Address([1; 32]))
    );
    assert_eq!(refused(|state| state.accounts.push(account(3, u128::MAX))), GenesisError::SupplyOverflow);
    assert_eq!(refused(|state| state.engine.number = 9), GenesisError::UnknownEngine(9));
    let other: [fn(&mut GenesisState); 3] = [
        |state| state.engine.compiler = CompilerHash([0; 32]),
        |state| state.engine.opcode_set += 1,
        |state| state.engine.price_table += 1,
    ];
    for change in other {
        assert!(matches!(refused(change), GenesisError::OtherEngine { number: 1, .. }));
    }
    let params: [fn(&mut GenesisState); 18] = [
        |state| state.params.min_prices.unit_price = 0,
        |state| state.params.min_prices.byte_price = 0,
        |state| state.params.initial_prices.unit_price = 0,
        |state| state.params.initial_prices.byte_price = 99_999,
        |state| state.params.price_change_divisor = 0,
        |state| state.params.price_change_divisor = 1,
        |state| state.params.price_change_divisor = u32::MAX,
        |state| state.params.max_block_bytes = MIN_BLOCK_BYTES - 1,
        |state| state.params.max_block_bytes = 4 * 1024 * 1024 + 1,
        |state| state.params.hot_set_bytes = u64::MAX,
        |state| state.params.max_block_units = MIN_BLOCK_UNITS - 1,
        |state| state.params.max_block_units = u64::MAX,
        |state| state.params.max_block_inferences = 0,
        |state| state.params.max_block_inferences = 7_001,
        |state| state.params.receipt_blocks = 0,
        |state| state.params.receipt_blocks = u64::MAX,
        |state| state.params.chunk_delay_blocks = u64::MAX,
        |state| state.params.deposit_per_byte = u64::MAX,
    ];
    for change in params {
        assert!(matches!(refused(change), GenesisError::BadParam { .. }));
    }
}

#[test]
fn an_unknown_field_anywhere_is_refused() {
    let state = GenesisState { models: vec![model(1, 1)], ..state() };
    let json = serde_json::to_value(state).unwrap();
    for path in ["", "/engine", "/params", "/params/min_prices", "/accounts/0", "/models/0"] {
        let mut changed = json.clone();
        let object = changed.pointer_mut(path).unwrap().as_object_mut().unwrap();
        object.insert("noise".into(), 1.into());
        let text = serde_json::to_vec(&changed).unwrap();
        assert!(matches!(GenesisState::from_json(&text), Err(GenesisError::Malformed(_))), "{path:?}");
    }
}

fn model(tag: u8, deposit: u128) -> GenesisModel {
    GenesisModel {
        owner: Address([tag; 32]),
        name: "m".into(),
        version: String::new(),
        description: String::new(),
        manifest: Manifest::of(&[tag; 10], vec![]),
        deposit: Amount(deposit),
        plan: PlanHash([tag; 32]),
    }
}

#[test]
fn what_an_exported_chain_has_survives_its_text_and_counts_for_the_supply() {
    let mut exported = doc();
    exported.app_state.accounts[0].nonce = 7;
    exported.app_state.fee_pool = Amount(5);
    exported.app_state.models = vec![model(1, 10), model(2, 20)];
    let text = exported.to_json().unwrap();
    assert_eq!(GenesisDoc::from_json(text.as_bytes()).unwrap(), exported);
    assert_eq!(exported.app_state.deposits(), Ok(Amount(30)));
    assert_eq!(exported.app_state.supply(), Ok(Amount(1_000_005 + 35)));
    // A document of before has none of it, and says nothing of it.
    let text = doc().to_json().unwrap();
    assert!(["nonce", "fee_pool", "models"].iter().all(|name| !text.contains(name)));
}

#[test]
fn models_that_nobody_could_have_published_are_refused() {
    let refused = |change: fn(&mut GenesisState)| {
        let mut changed = state();
        changed.models = vec![model(1, 10)];
        change(&mut changed);
        changed.check().unwrap_err()
    };
    let bad: [fn(&mut GenesisState); 4] = [
        |state| state.models[0].name.clear(),
        |state| state.models[0].description = "x".repeat(100_000),
        |state| state.models[0].manifest.size = u64::MAX,
        |state| state.models[0].manifest.chunks.clear(),
    ];
    for change in bad {
        assert!(matches!(refused(change), GenesisError::BadModel { .. }));
    }
    let id = model(1, 0).id();
    assert_eq!(refused(|state| state.models.push(model(1, 0))), GenesisError::DuplicateModel(id));
    assert_eq!(refused(|state| state.models[0].deposit = Amount(u128::MAX)), GenesisError::SupplyOverflow);
    assert_eq!(refused(|state| state.fee_pool = Amount(u128::MAX)), GenesisError::SupplyOverflow);
    assert_eq!(
        refused(|state| state.accounts[0].nonce = (1 << 63) + 1),
        GenesisError::BadNonce(Address([1; 32]))
    );
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(GenesisDoc::from_json(&bytes).is_err());
        prop_assert!(GenesisState::from_json(&bytes).is_err());
    }

    #[test]
    fn the_supply_is_the_sum_of_the_balances(balances in proptest::collection::vec(0..1u128 << 100, 0..20)) {
        let mut state = state();
        state.accounts = (0..).zip(&balances).map(|(tag, balance)| account(tag, *balance)).collect();
        prop_assert_eq!(state.check(), Ok(()));
        prop_assert_eq!(state.supply(), Ok(Amount(balances.iter().sum())));
    }
}
