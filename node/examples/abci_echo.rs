//! Measures what a call costs: `Echo` and `Flush`, there and back, over a unix socket and over TCP.

use assayd::abci::{Client, Fatal, Handler, Listen, Server};
use assayd::stop::Stopper;
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;
use tendermint_proto::v0_38::abci::{RequestEcho, request, response};

const ROUNDS: usize = 20_000;

struct Nothing;

impl Handler for Nothing {
    fn handle(&self, _: request::Value) -> Result<response::Value, Fatal> {
        Err(Fatal("only echoes are measured".into()))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    for listen in [Listen::Unix(folder.path().join("abci.sock")), "tcp://127.0.0.1:0".parse()?] {
        let (stopper, _stops) = Stopper::new();
        let server = Server::start(&listen, Arc::new(Nothing), stopper)?;
        let mut client = Client::connect(server.address())?;
        let mut nanos = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let start = Instant::now();
            client.call(request::Value::Echo(RequestEcho { message: "hello".into() }))?;
            nanos.push(start.elapsed().as_nanos());
        }
        nanos.sort_unstable();
        let millis = |share: usize| nanos[ROUNDS * share / 100] as f64 / 1e6;
        println!("{listen}: p50 {:.4} ms, p99 {:.4} ms", millis(50), millis(99));
    }
    Ok(())
}
