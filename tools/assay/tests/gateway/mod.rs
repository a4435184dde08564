//! A gateway that is no node: REST over a state in memory, every transaction in a block of its own at once.
//!
//! It checks what a node checks of form, signature, nonce and fee limit, so that a wallet that gets one of
//! them wrong fails here. It can be told to drop connections.

use assay_types::account::Account;
use assay_types::address::Address;
use assay_types::amount::Amount;
use assay_types::api::{
    AccountInfo, EngineInfo, Fees, Fullness, Heights, MessageInfo, ModelInfo, ModelPage, Problem, Simulate,
    Simulated, Status, SubmitTx, Submitted, TxInfo,
};
use assay_types::codec;
use assay_types::error::Rejected;
use assay_types::fees::Prices;
use assay_types::hash::{AppHash, ChunkHash, CompilerHash, ModelId, TxHash};
use assay_types::message::{Infer, Message};
use assay_types::model::{Compiled, ModelRecord, ModelState};
use assay_types::params::{self, Params};
use assay_types::receipt::{Outcome, Receipt};
use assay_types::tensor::{self, NamedTensor};
use assay_types::tx::{SignedTx, VerifiedTx};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

pub const CHAIN: &str = "assay-test-1";
/// What loading any model costs; none is ever hot.
pub const LOAD_UNITS: u64 = 5;

/// The chain in memory.
#[derive(Default)]
pub struct State {
    pub accounts: BTreeMap<Address, Account>,
    pub models: BTreeMap<ModelId, ModelRecord>,
    pub files: BTreeMap<ModelId, Vec<u8>>,
    pub txs: BTreeMap<TxHash, TxInfo>,
    pub height: u64,
    /// Drop the connection of every n-th submission.
    pub drop_every: Option<u64>,
    pub submissions: u64,
    /// What sealing gives, and the output of every inference.
    pub compiled: Option<Compiled>,
    pub output: Vec<NamedTensor>,
}

/// The server; it stops with the test's process.
pub struct Gateway {
    pub url: String,
    pub state: Arc<Mutex<State>>,
}

type Answer = Result<String, Box<Problem>>;

impl Gateway {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State { height: 7, ..State::default() }));
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                // A connection that breaks is the client's to notice.
                std::thread::spawn(move || drop(serve(stream, &state)));
            }
        });
        Self { url, state }
    }

    pub fn fund(&self, address: &str, amount: u128) {
        let account = Account { balance: Amount(amount), nonce: 0 };
        self.state.lock().unwrap().accounts.insert(address.parse().unwrap(), account);
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut words = line.split(' ');
        let (method, path) = (words.next().unwrap_or("").to_owned(), words.next().unwrap_or("").to_owned());
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            if header.trim().is_empty() {
                break;
            }
            if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let Some(answer) = answer(&mut state.lock().unwrap(), &method, &path, &body) else {
            return Ok(());
        };
        let (status, kind, body) = match answer {
            Ok(body) => (200, "application/json", body),
            Err(problem) => {
                (problem.status, "application/problem+json", serde_json::to_string(&problem).unwrap())
            }
        };
        let head =
            format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
    }
}

/// `None` drops the connection.
fn answer(state: &mut State, method: &str, path: &str, body: &[u8]) -> Option<Answer> {
    let parts: Vec<&str> = path.split('?').next()?.trim_start_matches('/').split('/').collect();
    Some(match (method, &parts[1..]) {
        ("GET", ["status"]) => json(&status(state)),
        ("GET", ["params"]) => json(&Params::default()),
        ("GET", ["fees"]) => json(&fees(state)),
        ("GET", ["accounts", address]) => {
            let address: Address = address.parse().ok()?;
            let account = state.accounts.get(&address).copied().unwrap_or_default();
            let Account { balance, nonce } = account;
            json(&AccountInfo { address, balance, nonce, next_nonce: nonce })
        }
        ("GET", ["models"]) => {
            let model = |(id, record): (&ModelId, &ModelRecord)| ModelInfo {
                model_id: *id,
                hot: false,
                record: record.clone(),
            };
            json(&ModelPage { models: state.models.iter().map(model).collect(), next: None })
        }
        ("GET", ["models", id]) => {
            let model_id = id.parse().ok()?;
            found(state.models.get(&model_id).map(|record| ModelInfo {
                model_id,
                hot: false,
                record: record.clone(),
            }))
        }
        ("GET", ["txs", hash]) => found(state.txs.get(&hash.parse().ok()?)),
        ("POST", ["txs"]) => {
            state.submissions += 1;
            if state.drop_every.is_some_and(|every| state.submissions.is_multiple_of(every)) {
                return None;
            }
            let submit: SubmitTx = serde_json::from_slice(body).ok()?;
            match submit_tx(state, &BASE64.decode(submit.tx).ok()?) {
                Ok(tx_hash) => json(&Submitted { tx_hash }),
                Err(rejected) => Err(Box::new(problem(&rejected))),
            }
        }
        ("POST", ["simulate"]) => {
            let simulate: Simulate = serde_json::from_slice(body).ok()?;
            tensor::decode_list(&BASE64.decode(simulate.inputs).ok()?, 1 << 20).ok()?;
            json(&Simulated {
                output_hash: Some(tensor::output_hash(&state.output)),
                output: Some(BASE64.encode(codec::encode(&state.output))),
                units: 11,
                load_units: LOAD_UNITS,
            })
        }
        _ => found(None::<()>),
    })
}

fn json(value: &impl Serialize) -> Answer {
    Ok(serde_json::to_string(value).unwrap())
}

fn found<T: Serialize>(value: Option<T>) -> Answer {
    value.as_ref().map(|value| serde_json::to_string(value).unwrap()).ok_or_else(|| {
        Box::new(Problem {
            kind: "about:blank".into(),
            title: "not found".into(),
            status: 404,
            detail: "nothing here".into(),
            code: 0,
            name: "not_found".into(),
            hint: String::new(),
        })
    })
}

fn problem(rejected: &Rejected) -> Problem {
    Problem {
        kind: format!("urn:assay:error:{}", rejected.name()),
        title: "rejected".into(),
        status: 400,
        detail: rejected.to_string(),
        code: rejected.code(),
        name: rejected.name().into(),
        hint: rejected.hint().into(),
    }
}

/// Prices a little above those of the block before.
fn fees(state: &State) -> Fees {
    let (now, full) = (Params::default().min_prices, Fullness { used: 3, target: 2, most: 4 });
    let next = Prices { unit_price: now.unit_price + 100, byte_price: now.byte_price + 100 };
    Fees { height: state.height, now, next, min: now, change_divisor: 8, units: full, bytes: full }
}

fn status(state: &State) -> Status {
    Status {
        chain_id: CHAIN.into(),
        moniker: "test".into(),
        node_id: "00".into(),
        version: "0.1.0".into(),
        comet_version: "0.38.26".into(),
        heights: Heights { chain: state.height, application: state.height, index: state.height },
        app_hash: AppHash([0; 32]),
        peers: 0,
        syncing: false,
        engines: vec![EngineInfo { number: 1, compiler: CompilerHash([0; 32]) }],
        kernels: "reference".into(),
        kept: None,
        disk: Default::default(),
        last_refused: None,
        state_sync: None,
        refused: Default::default(),
    }
}

fn submit_tx(state: &mut State, bytes: &[u8]) -> Result<TxHash, Rejected> {
    let verified: VerifiedTx = SignedTx::decode(bytes)?.verify(CHAIN)?;
    let (hash, tx) = (verified.hash(), verified.tx().clone());
    let units = params::tx_units(&tx.messages, |_| Ok(11 + LOAD_UNITS))?;
    let base = fees(state).next.fee(verified.byte_len(), units);
    if tx.max_fee < base {
        return Err(Rejected::FeeTooLow { needed: base, max_fee: tx.max_fee });
    }
    let tip = Amount(tx.tip.0.min(tx.max_fee.0 - base.0));
    let fee = Amount(base.0 + tip.0);
    let account = state.accounts.entry(tx.payer()).or_default();
    if account.nonce != tx.nonce {
        let (expected, got) = (account.nonce, tx.nonce);
        return Err(if got < expected {
            Rejected::NonceTooLow { expected, got }
        } else {
            Rejected::NonceTooHigh { expected, got }
        });
    }
    let balance = account.balance;
    account.balance =
        balance.checked_sub(fee).ok_or(Rejected::InsufficientBalance { needed: fee, balance })?;
    account.nonce += 1;
    state.height += 1;
    let mut messages = vec![];
    let mut outcome = Ok(());
    for message in &tx.messages {
        match apply(state, tx.payer(), message, (fee, tip)) {
            Ok(info) => messages.push(info),
            Err(rejected) => outcome = Err(rejected),
        }
    }
    let (code, name, message) = match &outcome {
        Ok(()) => (0, "ok".into(), String::new()),
        Err(rejected) => (rejected.code(), rejected.name().into(), rejected.to_string()),
    };
    let (height, payer) = (state.height, Some(tx.payer()));
    let (index, claim) = (0, None);
    let info =
        TxInfo { tx_hash: hash, height, index, payer, code, name, message, fee, tip, units, messages, claim };
    state.txs.insert(hash, info);
    Ok(hash)
}

fn apply(
    state: &mut State,
    payer: Address,
    message: &Message,
    paid: (Amount, Amount),
) -> Result<MessageInfo, Rejected> {
    let mut info = MessageInfo { kind: message.kind().into(), receipt: None, output: None };
    match message {
        Message::Transfer(transfer) => {
            let from = state.accounts.entry(payer).or_default();
            let (needed, balance) = (transfer.amount, from.balance);
            from.balance =
                balance.checked_sub(needed).ok_or(Rejected::InsufficientBalance { needed, balance })?;
            let to = state.accounts.entry(transfer.to).or_default();
            to.balance = Amount(to.balance.0 + needed.0);
        }
        Message::PublishModel(publish) => {
            let id = publish.manifest.id();
            if state.models.contains_key(&id) {
                return Err(Rejected::ModelExists);
            }
            let record = ModelRecord {
                owner: payer,
                name: publish.name.clone(),
                version: publish.version.clone(),
                description: publish.description.clone(),
                manifest: publish.manifest.clone(),
                published: state.height,
                deposit: Params::default().deposit(publish.manifest.size),
                state: ModelState::Uploading { next_chunk: 0 },
            };
            state.models.insert(id, record);
        }
        Message::UploadChunk(chunk) => {
            let record = state.models.get_mut(&chunk.model).ok_or(Rejected::ModelUnknown)?;
            let ModelState::Uploading { next_chunk } = &mut record.state else {
                return Err(Rejected::ModelSealed);
            };
            let (expected, got) = (*next_chunk, chunk.index);
            if expected != got {
                return Err(Rejected::ChunkOutOfOrder { expected, got });
            }
            if record.manifest.chunks[got as usize] != ChunkHash::of(&chunk.bytes) {
                return Err(Rejected::ChunkHashMismatch { got });
            }
            *next_chunk += 1;
            state.files.entry(chunk.model).or_default().extend_from_slice(&chunk.bytes);
        }
        Message::SealModel(seal) => {
            let record = state.models.get_mut(&seal.model).ok_or(Rejected::ModelUnknown)?;
            let ModelState::Uploading { next_chunk } = record.state else {
                return Err(Rejected::ModelSealed);
            };
            let need = record.manifest.chunks.len() as u32;
            if next_chunk < need {
                return Err(Rejected::UploadIncomplete { have: next_chunk, need });
            }
            record.state = ModelState::Sealed(state.compiled.clone().ok_or(Rejected::DoesNotCompile)?);
        }
        Message::RetireModel(retire) => {
            let record = state.models.get_mut(&retire.model).ok_or(Rejected::ModelUnknown)?;
            record.state = ModelState::Retired { compiled: None, height: state.height, stored: true };
        }
        Message::Infer(message) => {
            info.receipt = Some(infer(state, payer, message, paid)?);
            info.output = Some(BASE64.encode(codec::encode(&state.output)));
        }
    }
    Ok(info)
}

fn infer(state: &State, payer: Address, infer: &Infer, paid: (Amount, Amount)) -> Result<Receipt, Rejected> {
    let compiled = state.models.get(&infer.model).ok_or(Rejected::ModelUnknown)?.runnable()?;
    Ok(Receipt {
        model: infer.model,
        plan: compiled.plan,
        engine: compiled.engine,
        input: tensor::input_hash(&infer.inputs),
        outcome: Outcome::Output(tensor::output_hash(&state.output)),
        units: 11,
        load_units: LOAD_UNITS,
        fee: paid.0,
        tip: paid.1,
        payer,
        height: state.height,
    })
}
