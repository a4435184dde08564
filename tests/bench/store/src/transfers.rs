//! What transfers take on disk: real blocks of the state machine, before and after pruning.

use crate::Result;
use assay_bench_report::Report;
use assay_compiler::{Compilation, HostError, PlanCache};
use assay_core::{App, BlockInput, Compile, Engine, Step};
use assay_exec::Isa;
use assay_genesis::{GenesisAccount, GenesisEngine, GenesisState, engines, networks};
use assay_store::Store;
use assay_types::amount::Amount;
use assay_types::hash::CompilerHash;
use assay_types::key::SecretKey;
use assay_types::message::{Message, Transfer};
use assay_types::tensor::InputShape;
use assay_types::tx::Tx;

const CHAIN: &str = "assay-bench";
const TRANSFERS: usize = 1_000;
/// Accounts that send and receive.
const ACCOUNTS: usize = 5_000;
/// Versions that are left.
const KEPT: u64 = 2;

/// Nobody compiles here.
struct Idle(CompilerHash);

impl Compile for Idle {
    fn hash(&self) -> CompilerHash {
        self.0
    }

    fn compile(&self, _: &[u8], _: &[InputShape], _: u64) -> std::result::Result<Compilation, HostError> {
        Err(HostError::Resources("a compiler"))
    }
}

/// Measures.
pub fn measure(blocks: u64, report: &mut Report) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let store = Store::open(&folder.path().join("state"))?;
    let engine = GenesisEngine::of(engines::LATEST)?;
    let idle: Box<dyn Compile> = Box::new(Idle(engine.compiler));
    let plans = PlanCache::new(folder.path().join("plans"));
    let app = App::open(store.clone(), Engine::with(vec![(engine.number, idle)], plans, Isa::Reference))?;
    let secrets: Vec<SecretKey> = (0..ACCOUNTS).map(secret).collect();
    let account = |secret: &SecretKey| -> Result<GenesisAccount> {
        Ok(GenesisAccount::new(secret.public_key()?.address(), Amount(1 << 60)))
    };
    let accounts = secrets.iter().map(account).collect::<Result<Vec<_>>>()?;
    let state = GenesisState::new(accounts, engine, networks::params("local")?);
    app.init_chain(CHAIN, &serde_json::to_vec(&state)?)?;
    store.compact()?;
    let before = taken(&store)?;
    let mut nonces = vec![0; ACCOUNTS];
    for block in 0..blocks {
        let mut txs = Vec::with_capacity(TRANSFERS);
        for index in 0..TRANSFERS {
            let from = (block as usize * TRANSFERS + index) % ACCOUNTS;
            txs.push(transfer(&secrets[from], &secrets[(from * 7 + 1) % ACCOUNTS], nonces[from])?);
            nonces[from] += 1;
        }
        let packed = app.prepare_proposal(block + 1, txs, 1 << 22)?;
        if packed.len() != TRANSFERS + 1 {
            return Err(format!("a block of {} transactions", packed.len()).into());
        }
        app.finalize_block(&BlockInput { height: block + 1, txs: packed })?;
        app.commit()?;
    }
    store.compact()?;
    let after = taken(&store)?;
    let mut pruner = app.pruner();
    // What it still looks at is not given back; in a node, the next commit lets go of it.
    drop(app);
    pruner.keep_from(blocks.saturating_sub(KEPT))?;
    while pruner.step()? != Step::Done {}
    store.compact()?;
    let pruned = taken(&store)?;
    for (index, (name, bytes)) in after.iter().enumerate() {
        let each = |bytes: u64| bytes.saturating_sub(before[index].1) as f64 / blocks as f64 / 1024.0;
        if each(*bytes) >= 1.0 {
            report.number("1,000 transfers", &format!("disk of {name}, KiB"), each(*bytes));
            report.number(
                "1,000 transfers",
                &format!("disk of {name} after pruning, KiB"),
                each(pruned[index].1),
            );
        }
    }
    let sum = |sizes: &[(&'static str, u64)]| sizes.iter().map(|(_, bytes)| bytes).sum::<u64>();
    let each = |bytes: u64| bytes.saturating_sub(sum(&before)) as f64 / blocks as f64 / 1024.0;
    report.number("1,000 transfers", "disk, KiB", each(sum(&after)));
    report.number("1,000 transfers", "disk after pruning, KiB", each(sum(&pruned)));
    Ok(())
}

fn taken(store: &Store) -> Result<Vec<(&'static str, u64)>> {
    Ok(store.disk()?.into_iter().map(|family| (family.name, family.bytes)).collect())
}

fn secret(number: usize) -> SecretKey {
    let mut seed = [9; 32];
    seed[..8].copy_from_slice(&(number as u64).to_be_bytes());
    SecretKey::Ed25519(seed)
}

fn transfer(from: &SecretKey, to: &SecretKey, nonce: u64) -> Result<Vec<u8>> {
    let tx = Tx {
        chain_id: CHAIN.into(),
        key: from.public_key()?,
        nonce,
        valid_until_height: 1 << 20,
        max_fee: Amount(1 << 40),
        tip: Amount::ZERO,
        messages: vec![Message::Transfer(Transfer { to: to.public_key()?.address(), amount: Amount(1) })],
    };
    Ok(tx.sign(from)?.encode())
}
