//! The server over real sockets.

use super::*;
use crate::stop::{Stop, Stopper};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use tendermint_proto::v0_38::abci::*;

/// Answers everything, and breaks at height 13.
struct Parrot;

impl Handler for Parrot {
    fn handle(&self, request: request::Value) -> Result<response::Value, Fatal> {
        Ok(match request {
            request::Value::Commit(_) => response::Value::Commit(ResponseCommit::default()),
            request::Value::CheckTx(check) => {
                response::Value::CheckTx(ResponseCheckTx { data: check.tx, ..Default::default() })
            }
            request::Value::FinalizeBlock(block) if block.height == 13 => {
                return Err(Fatal("the disk is gone".into()));
            }
            request::Value::FinalizeBlock(block) => response::Value::FinalizeBlock(ResponseFinalizeBlock {
                app_hash: block.hash,
                ..Default::default()
            }),
            _ => response::Value::Info(ResponseInfo::default()),
        })
    }
}

struct Net {
    server: Server,
    stops: Receiver<Stop>,
    _folder: tempfile::TempDir,
}

impl Net {
    fn unix() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::on(Listen::Unix(folder.path().join("abci.sock")), folder)
    }

    fn tcp() -> Self {
        Self::on("tcp://127.0.0.1:0".parse().unwrap(), tempfile::tempdir().unwrap())
    }

    fn on(listen: Listen, folder: tempfile::TempDir) -> Self {
        let (stopper, stops) = Stopper::new();
        let server = Server::start(&listen, Arc::new(Parrot), stopper).unwrap();
        Self { server, stops, _folder: folder }
    }

    fn client(&self) -> Client {
        Client::connect(self.server.address()).unwrap()
    }

    fn stop(&self) -> Stop {
        self.stops.recv_timeout(Duration::from_secs(10)).unwrap()
    }
}

fn echo(text: &str) -> request::Value {
    request::Value::Echo(RequestEcho { message: text.into() })
}

fn finalize(height: i64) -> request::Value {
    request::Value::FinalizeBlock(RequestFinalizeBlock { height, ..Default::default() })
}

#[test]
fn an_echo_and_its_flush_are_answered_over_unix_and_tcp() {
    for net in [Net::unix(), Net::tcp()] {
        let mut client = net.client();
        for round in 0..1000 {
            let text = format!("round {round}");
            let expected = response::Value::Echo(ResponseEcho { message: text.clone() });
            assert_eq!(client.call(echo(&text)).unwrap(), expected);
        }
    }
}

#[test]
fn answers_wait_for_the_flush() {
    use prost::Message;
    let net = Net::unix();
    let mut client = net.client();
    let mut early = Vec::new();
    Request { value: Some(echo("early")) }.encode_length_delimited(&mut early).unwrap();
    client.send_bytes(&early).unwrap();
    assert!(client.is_silent_for(Duration::from_millis(200)));
    client.send_bytes(&[2, 0x12, 0]).unwrap();
    assert!(matches!(client.answer().unwrap(), response::Value::Echo(echo) if echo.message == "early"));
}

#[test]
fn an_unknown_request_gets_an_exception_and_the_connection_lives() {
    let net = Net::unix();
    let mut client = net.client();
    // InsertTx of CometBFT's application mempool: field 21, which ABCI 2.0.0 does not have.
    let insert_tx = [5u8, 0xaa, 0x01, 0x02, 0x0a, 0x00];
    let flush = [2u8, 0x12, 0x00];
    client.send_bytes(&[&insert_tx[..], &flush[..]].concat()).unwrap();
    assert!(matches!(client.answer().unwrap(), response::Value::Exception(_)));
    assert!(client.call(echo("still there")).is_ok());
}

#[test]
fn a_malformed_frame_closes_its_connection_and_no_other() {
    let net = Net::unix();
    let mut good = net.client();
    let too_long = {
        let mut bytes = Vec::new();
        prost::encoding::encode_varint(MAX_FRAME_BYTES as u64 + 1, &mut bytes);
        bytes
    };
    for bytes in [too_long, vec![0xff; 11], vec![3, 0xff, 0xff, 0xff]] {
        let mut bad = net.client();
        bad.send_bytes(&bytes).unwrap();
        assert!(bad.is_closed());
    }
    assert!(good.call(echo("unharmed")).is_ok());
    assert!(net.stops.try_recv().is_err());
}

#[test]
fn a_call_out_of_order_stops_the_process_with_the_reason() {
    let net = Net::unix();
    let mut client = net.client();
    client.call(finalize(1)).unwrap();
    assert!(client.call(finalize(1)).is_err());
    assert!(matches!(net.stop(), Stop::Fatal(why) if why.contains("Commit of height 1 had to come")));
}

#[test]
fn a_fatal_answer_stops_the_process_with_the_reason() {
    let net = Net::unix();
    let mut client = net.client();
    assert!(client.call(finalize(13)).is_err());
    assert_eq!(net.stop(), Stop::Fatal("the disk is gone".into()));
}

#[test]
fn a_second_connection_replays_after_the_first_has_ended() {
    let net = Net::unix();
    let mut first = net.client();
    first.call(finalize(5)).unwrap();
    drop(first);
    let mut second = net.client();
    second.call(finalize(5)).unwrap();
    second.call(request::Value::Commit(RequestCommit {})).unwrap();
    assert!(net.stops.try_recv().is_err());
}

#[test]
fn two_connections_with_consensus_calls_at_once_stop_the_process() {
    let net = Net::unix();
    let (mut first, mut second) = (net.client(), net.client());
    first.call(finalize(5)).unwrap();
    assert!(second.call(finalize(5)).is_err());
    assert!(matches!(net.stop(), Stop::Fatal(why) if why.contains("two connections")));
}

#[test]
fn large_requests_and_many_pipelined_ones_are_answered_in_order() {
    let net = Net::tcp();
    let mut client = net.client();
    for len in [0usize, 1, 70_000, 4_000_000] {
        let tx: prost::bytes::Bytes = vec![7u8; len].into();
        let check = RequestCheckTx { tx: tx.clone(), r#type: 0 };
        let answer = client.call(request::Value::CheckTx(check)).unwrap();
        assert!(matches!(answer, response::Value::CheckTx(check) if check.data == tx));
    }
    for round in 0..200 {
        client.send(&Request { value: Some(echo(&round.to_string())) }).unwrap();
    }
    for round in 0..200 {
        let expected = response::Value::Echo(ResponseEcho { message: round.to_string() });
        assert_eq!(client.answer().unwrap(), expected);
    }
}

#[test]
fn a_shutdown_closes_connections_and_removes_the_socket() {
    let mut net = Net::unix();
    let mut client = net.client();
    client.call(echo("hello")).unwrap();
    net.server.shutdown();
    assert!(client.is_closed());
    assert!(Client::connect(net.server.address()).is_err());
    assert!(net.stops.try_recv().is_err());
}

#[test]
fn a_server_whose_socket_file_is_gone_stops_all_the_same() {
    let mut net = Net::unix();
    let Listen::Unix(path) = net.server.address().clone() else { unreachable!("a unix socket") };
    let mut client = net.client();
    assert!(client.call(echo("before")).is_ok());
    std::fs::remove_file(path).unwrap();
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        net.server.shutdown();
        let _ = done.send(());
    });
    is_done.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(client.call(echo("after")).is_err());
}
