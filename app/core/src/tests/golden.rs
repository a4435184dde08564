//! The root after each block of a short chain with one message of every kind.
//!
//! A change here is a fork of every running chain: it needs a line in `docs/compatibility.md`. To regenerate,
//! on purpose only: `INSTA_UPDATE=always cargo test --release -p assay-core golden`.

use super::chain::*;
use assay_types::amount::Amount;
use assay_types::fees::Prices;
use assay_types::message::{Message, RetireModel};
use assay_types::path;
use assay_types::tx::Tx;
use serde_json::json;

#[test]
fn golden_roots_of_a_scripted_chain() {
    let chain = Chain::new();
    let (alice, bob, carol) = (Who::alice(), Who::bob(), Who::carol());
    let mut rows = vec![json!({"height": 0, "app_hash": chain.app.info().unwrap().app_hash})];
    let script: Vec<(&Who, Vec<Message>)> = vec![
        (&alice, vec![pay(&carol, 12_345)]),
        (&alice, vec![publish(NEG)]),
        (&alice, vec![upload(NEG, 0)]),
        (&alice, vec![seal(NEG)]),
        (&bob, vec![infer_neg()]),
        (&bob, vec![infer_neg()]),
        (&bob, vec![infer(NEG, vec![floats("z", &[1.0])])]),
        (&alice, vec![publish(b"gather"), upload(b"gather", 0), seal(b"gather")]),
        (&bob, vec![infer(b"gather", vec![ints("i", &[2])]), infer(b"gather", vec![ints("i", &[-9])])]),
        (&alice, vec![Message::RetireModel(RetireModel { model: id(NEG) })]),
    ];
    for (who, messages) in script {
        let kinds: Vec<_> = messages.iter().map(Message::kind).collect();
        // The second of the inferences is of a model that is hot; Bob tips.
        let tip = Amount(if who.address() == bob.address() { 7 } else { 0 });
        let bytes = who.sealed(Tx { tip, ..who.tx(chain.nonce(who), messages) });
        let result = chain.block(&[bytes]).remove(0);
        rows.push(json!({
            "height": chain.app.info().unwrap().height,
            "messages": kinds,
            "code": result.code,
            "units": result.units,
            "fee": result.fee,
            "tip": result.tip,
            "data": hex::encode(result.data),
            "app_hash": chain.app.info().unwrap().app_hash,
        }));
    }
    insta::assert_json_snapshot!(rows);
}

/// Prices that move, and a hot set whose models come and go.
#[test]
fn golden_roots_of_a_busy_chain() {
    let mut state = genesis();
    state.params.max_block_units = assay_genesis::state::MIN_BLOCK_UNITS;
    state.params.min_prices = Prices { unit_price: 900, byte_price: 1 };
    // One of the two models fits at a time.
    state.params.hot_set_bytes = 150;
    let chain = Chain::start(&state, None);
    let (alice, bob) = (Who::alice(), Who::bob());
    for file in [NEG, b"gather".as_slice()] {
        for message in [publish(file), upload(file, 0), seal(file)] {
            chain.good(&[chain.sign(&alice, vec![message])]);
        }
    }
    let mut rows = Vec::new();
    let gather = infer(b"gather", vec![ints("i", &[1])]);
    let script = [
        (infer_neg(), 5),
        (gather.clone(), 5),
        (gather.clone(), 0),
        (infer_neg(), 0),
        (gather, 1),
        (infer_neg(), 1),
        (pay(&alice, 1), 3),
    ];
    for (message, count) in script {
        let nonce = chain.nonce(&bob);
        let txs: Vec<_> =
            (nonce..nonce + count).map(|nonce| bob.sign(nonce, vec![message.clone()])).collect();
        let results = chain.good(&txs);
        let dump = chain.dump();
        rows.push(json!({
            "fees": results.iter().map(|result| result.fee).collect::<Vec<_>>(),
            "fee-market": hex::encode(&dump[path::FEE_MARKET]),
            "hot-set": hex::encode(&dump[path::HOT_SET]),
            "app_hash": chain.app.info().unwrap().app_hash,
        }));
    }
    insta::assert_json_snapshot!(rows);
}

/// Deposits that come and go, receipts that expire, chunks that two models share and that go with the second.
#[test]
fn golden_roots_of_a_forgetful_chain() {
    let mut state = genesis();
    state.params.receipt_blocks = 2;
    state.params.chunk_delay_blocks = 3;
    state.params.deposit_per_byte = 7;
    let chain = Chain::start(&state, None);
    let (alice, bob) = (Who::alice(), Who::bob());
    let retire = |file: &[u8]| Message::RetireModel(RetireModel { model: id(file) });
    let script = [
        vec![publish(NEG), upload(NEG, 0), seal(NEG)],
        vec![publish(b"gather"), upload(b"gather", 0), seal(b"gather")],
        vec![infer_neg(), infer_neg()],
        vec![retire(NEG)],
        vec![retire(b"gather")],
        vec![],
        vec![],
        vec![],
        vec![],
    ];
    let mut rows = Vec::new();
    let mut before = chain.dump();
    for messages in script {
        let who = if messages.contains(&infer_neg()) { &bob } else { &alice };
        let txs = if messages.is_empty() { vec![] } else { vec![chain.sign(who, messages)] };
        chain.good(&txs);
        let after = chain.dump();
        rows.push(json!({
            "changed": changed(&before, &after),
            "deposits": hex::encode(&after[path::DEPOSITS]),
            "app_hash": chain.app.info().unwrap().app_hash,
        }));
        before = after;
    }
    insta::assert_json_snapshot!(rows);
}

#[test]
fn golden_records_of_a_scripted_chain() {
    let chain = Chain::new();
    let bob = Who::bob();
    chain.seal(NEG);
    chain.good(&[chain.sign(&bob, vec![infer_neg()])]);
    let rows: Vec<_> = chain
        .dump()
        .into_iter()
        .map(|(key, value)| json!({"key": String::from_utf8(key).unwrap(), "value": hex::encode(value)}))
        .collect();
    insta::assert_json_snapshot!(rows);
}
