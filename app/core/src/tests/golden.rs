//! The root after each block of a short chain with one message of every kind.
//!
//! A change here is a fork of every running chain: it needs a line in `docs/compatibility.md`. To regenerate,
//! on purpose only: `INSTA_UPDATE=always cargo test --release -p assay-core golden`.

use super::chain::*;
use assay_types::message::{Message, RetireModel};
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
        (&bob, vec![infer(NEG, vec![floats("z", &[1.0])])]),
        (&alice, vec![publish(b"gather"), upload(b"gather", 0), seal(b"gather")]),
        (&bob, vec![infer(b"gather", vec![ints("i", &[2])]), infer(b"gather", vec![ints("i", &[-9])])]),
        (&alice, vec![Message::RetireModel(RetireModel { model: id(NEG) })]),
    ];
    for (who, messages) in script {
        let kinds: Vec<_> = messages.iter().map(Message::kind).collect();
        let bytes = chain.sign(who, messages);
        let result = chain.block(&[bytes]).remove(0);
        rows.push(json!({
            "height": chain.app.info().unwrap().height,
            "messages": kinds,
            "code": result.code,
            "units": result.units,
            "fee": result.fee,
            "data": hex::encode(result.data),
            "app_hash": chain.app.info().unwrap().app_hash,
        }));
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
