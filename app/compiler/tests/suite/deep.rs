//! Models as long and as deep as they may be, and one step more: an answer each time, and the same one again.

use crate::{compiler, root};
use assay_compiler::Compilation;
use assay_types::limits::{MAX_COMPILE_FUEL, MAX_ONNX_NODES};

/// A field of protobuf that holds bytes.
fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
    [varint(u64::from(number) << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

/// A field of protobuf that holds a number.
fn number(field: u8, value: u64) -> Vec<u8> {
    [varint(u64::from(field) << 3), varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// `ValueInfoProto` of f32 \[1, 4\].
fn port(name: &str) -> Vec<u8> {
    let shape: Vec<u8> = [1, 4].iter().flat_map(|dim| bytes(1, &number(1, *dim))).collect();
    let tensor = [number(1, 1), bytes(2, &shape)].concat();
    [bytes(1, name.as_bytes()), bytes(2, &bytes(1, &tensor))].concat()
}

fn node(inputs: &[&str], output: &str, operator: &str) -> Vec<u8> {
    let inputs: Vec<u8> = inputs.iter().flat_map(|input| bytes(1, input.as_bytes())).collect();
    [inputs, bytes(2, output.as_bytes()), bytes(4, operator.as_bytes())].concat()
}

fn graph(nodes: &[Vec<u8>], input: &str, output: &str) -> Vec<u8> {
    let nodes: Vec<u8> = nodes.iter().flat_map(|node| bytes(1, node)).collect();
    [nodes, bytes(2, b"g"), bytes(11, &port(input)), bytes(12, &port(output))].concat()
}

fn model(graph: &[u8]) -> Vec<u8> {
    [number(1, 8), bytes(7, graph), bytes(8, &number(2, 13))].concat()
}

/// A chain of nodes, each on the one before; every other one adds what came two before.
fn chain(count: usize) -> Vec<u8> {
    let name = |index: usize| format!("v{index}");
    let nodes: Vec<Vec<u8>> = (1..=count)
        .map(|index| match index % 2 {
            0 => node(&[&name(index - 1), &name(index - 2)], &name(index), "Add"),
            _ => node(&[&name(index - 1)], &name(index), "Tanh"),
        })
        .collect();
    model(&graph(&nodes, "v0", &name(count)))
}

/// An If within an If, and so on.
fn nested(depth: usize) -> Vec<u8> {
    let mut inner = graph(&[node(&["x"], "y", "Tanh")], "x", "y");
    for _ in 0..depth {
        let branch = |name: &str| {
            let attribute = [bytes(1, name.as_bytes()), bytes(6, &inner), number(20, 5)].concat();
            bytes(5, &attribute)
        };
        let branches = [branch("then_branch"), branch("else_branch")].concat();
        inner = graph(&[[node(&["x"], "y", "If"), branches].concat()], "x", "y");
    }
    model(&inner)
}

fn answer(onnx: &[u8]) -> (String, u64) {
    let compile = || compiler().compile(onnx, &[], MAX_COMPILE_FUEL).unwrap();
    let text = |compilation: &Compilation| match &compilation.outcome {
        Ok(plan) => format!("plan {}", plan.hash()),
        Err(refusal) => refusal.name().to_owned(),
    };
    let (first, second) = (compile(), compile());
    assert_eq!((text(&first), first.fuel), (text(&second), second.fuel));
    (text(&first), first.fuel)
}

#[test]
fn a_chain_as_long_as_it_may_be_gets_an_answer_and_a_longer_one_is_not_read() {
    assert!(answer(&chain(1000)).0.starts_with("plan "));
    let (longest, fuel) = answer(&chain(MAX_ONNX_NODES));
    assert!(longest.starts_with("plan ") || longest == "out_of_fuel", "{longest} for {fuel} fuel");
    assert_eq!(answer(&chain(MAX_ONNX_NODES + 1)), ("nodes".to_owned(), 0));
}

#[test]
fn ifs_within_ifs_get_an_answer_and_deep_ones_are_refused_before_the_sandbox() {
    // The condition is a number, so no depth of them is a model.
    for depth in [1, 2, 4] {
        assert!(!answer(&nested(depth)).0.starts_with("plan "), "{depth}");
    }
    for depth in [8, 12] {
        assert_eq!(answer(&nested(depth)), ("nesting".to_owned(), 0), "{depth}");
    }
}

#[test]
fn messages_nested_to_the_depth_that_breaks_a_stack_are_refused_before_the_sandbox() {
    let onnx = std::fs::read(root().join("tests/data/hostile/83_pbnest_200.onnx")).unwrap();
    assert_eq!(answer(&onnx).1, 0);
}
