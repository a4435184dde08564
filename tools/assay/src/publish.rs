//! Publishing a model: announce, upload in chunks, seal; resumable at every point.
//!
//! What is done is read from the chain, never from a file here, so an interrupted upload goes on from any
//! machine that has the model and the key. Chunks are in flight a few at a time, in nonce order.

use crate::error::{Error, Result};
use crate::wallet::{Quote, Terms, WAIT, Wallet, accepted};
use assay_types::amount::Amount;
use assay_types::error::Rejected;
use assay_types::hash::{ModelId, TxHash};
use assay_types::limits::{CHUNK_BYTES, MAX_BLOCK_BYTES};
use assay_types::message::{Message, PublishModel, SealModel, UploadChunk};
use assay_types::model::{Compiled, Manifest, ModelState};
use std::collections::VecDeque;
use std::time::Duration;

/// Chunks in flight: as many as fit a block beside other people's transactions.
const WINDOW: usize = 4;
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_secs(2);

const _: () = assert!(WINDOW * CHUNK_BYTES < MAX_BLOCK_BYTES);

/// Where a model is on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// The chain does not know it.
    Absent,
    /// This many chunks are there.
    Uploading(u32),
    /// Nothing is left to do.
    Sealed(Box<Compiled>),
}

/// What the user is told on the way, and asked: whether to stop.
pub trait Watch {
    /// So many chunks are on the chain.
    fn chunks(&mut self, done: u32);
    /// A line for people.
    fn say(&mut self, line: &str);
    /// Whether the user wants to stop; asked between transactions.
    fn stopped(&self) -> bool;
}

/// A model to publish.
pub struct Job<'a> {
    /// Who publishes.
    pub wallet: &'a Wallet<'a>,
    /// The ONNX file.
    pub file: &'a [u8],
    /// What it is.
    pub manifest: Manifest,
    /// A name for people.
    pub name: String,
    /// A version for people.
    pub version: String,
    /// Free text.
    pub description: String,
    /// The exact fuel of compiling it.
    pub fuel: u64,
    /// The tip of each transaction.
    pub tip: Amount,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Done {
    /// The transactions of this run.
    pub tx_hashes: Vec<TxHash>,
    /// The fees of this run.
    pub fee: Amount,
}

impl Job<'_> {
    /// The model's id.
    pub fn id(&self) -> ModelId {
        self.manifest.id()
    }

    /// Asks the chain where the model is.
    ///
    /// # Errors
    /// When somebody else is publishing it, or it is retired.
    pub fn stage(&self) -> Result<Stage> {
        let Some(model) = self.wallet.client.model(&self.id())? else { return Ok(Stage::Absent) };
        match model.record.state {
            ModelState::Sealed(compiled) => Ok(Stage::Sealed(Box::new(compiled))),
            ModelState::Retired { .. } => Err(Rejected::ModelRetired.into()),
            ModelState::Uploading { .. } if model.record.owner != self.wallet.key.address() => {
                Err(Rejected::NotOwner.into())
            }
            ModelState::Uploading { next_chunk } => Ok(Stage::Uploading(next_chunk)),
        }
    }

    fn announcement(&self) -> Message {
        Message::PublishModel(PublishModel {
            manifest: self.manifest.clone(),
            name: self.name.clone(),
            version: self.version.clone(),
            description: self.description.clone(),
        })
    }

    fn chunk(&self, index: u32) -> Message {
        let start = index as usize * CHUNK_BYTES;
        let end = (start + CHUNK_BYTES).min(self.file.len());
        Message::UploadChunk(UploadChunk { model: self.id(), index, bytes: self.file[start..end].to_vec() })
    }

    fn seal(&self) -> Message {
        Message::SealModel(SealModel { model: self.id(), max_fuel: self.fuel })
    }

    fn quote(&self, message: &Message) -> Result<Quote> {
        let terms = Terms { max_fee: None, tip: self.tip };
        let messages = std::slice::from_ref(message);
        self.wallet.chain.quote(self.wallet.key, messages, terms, |_| Err(Rejected::ModelUnknown))
    }

    /// The exact fee of everything that is left.
    ///
    /// # Errors
    /// When a part of it cannot be a transaction of this chain.
    pub fn cost(&self, stage: &Stage) -> Result<Amount> {
        let chunks = self.manifest.chunks.len() as u32;
        let (announce, next) = match stage {
            Stage::Sealed(_) => return Ok(Amount::ZERO),
            Stage::Absent => (true, 0),
            Stage::Uploading(next) => (false, *next),
        };
        let mut fees = vec![self.quote(&self.seal())?.fee];
        if announce {
            fees.push(self.quote(&self.announcement())?.fee);
        }
        // Every chunk but the last costs the same.
        if next < chunks {
            let last = self.quote(&self.chunk(chunks - 1))?.fee;
            let full = if next + 1 < chunks { self.quote(&self.chunk(next))?.fee } else { Amount::ZERO };
            fees.push(Amount(full.0 * u128::from(chunks - 1 - next)));
            fees.push(last);
        }
        Ok(Amount(fees.iter().map(|fee| fee.0).sum()))
    }

    /// What is deposited with the announcement, if that is left to do; it comes back when the model is retired.
    pub fn deposit(&self, stage: &Stage) -> Amount {
        match stage {
            Stage::Absent => self.wallet.chain.params.deposit(self.manifest.size),
            Stage::Sealed(_) | Stage::Uploading(_) => Amount::ZERO,
        }
    }

    /// Does everything that is left, from the stage that the chain is at. A dropped connection or a
    /// transaction that got lost is tried again from where the chain is.
    ///
    /// # Errors
    /// When the chain refuses, the user stops it, or the node stays away. What was done is done: run it
    /// again.
    pub fn run(&self, watch: &mut dyn Watch) -> Result<Done> {
        let mut done = Done::default();
        let mut attempt = 1;
        loop {
            match self.attempt(&mut done, watch) {
                Ok(()) => return Ok(done),
                Err(error) if attempt < ATTEMPTS && transient(&error) && !watch.stopped() => {
                    attempt += 1;
                    watch.say(&format!("{error}; going on from what the chain has (attempt {attempt})"));
                    std::thread::sleep(PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn attempt(&self, done: &mut Done, watch: &mut dyn Watch) -> Result<()> {
        let next = match self.stage()? {
            Stage::Sealed(_) => return Ok(()),
            Stage::Uploading(next) => next,
            Stage::Absent => {
                self.single(self.announcement(), done)?;
                0
            }
        };
        watch.chunks(next);
        self.upload(next, done, watch)?;
        if watch.stopped() {
            return Err(interrupted());
        }
        watch.say("sealing: every validator compiles the model");
        self.single(self.seal(), done)
    }

    fn single(&self, message: Message, done: &mut Done) -> Result<()> {
        let quote = self.quote(&message)?;
        let info = self.wallet.execute(&quote, vec![message])?;
        done.tx_hashes.push(info.tx_hash);
        done.fee = Amount(done.fee.0 + info.fee.0);
        Ok(())
    }

    fn upload(&self, mut next: u32, done: &mut Done, watch: &mut dyn Watch) -> Result<()> {
        let chunks = self.manifest.chunks.len() as u32;
        let mut nonce = self.wallet.next_nonce()?;
        let mut flight: VecDeque<(u32, TxHash)> = VecDeque::new();
        loop {
            while next < chunks && flight.len() < WINDOW && !watch.stopped() {
                let message = self.chunk(next);
                let quote = self.quote(&message)?;
                let tx = self.wallet.sign(nonce, quote.offer(), vec![message])?;
                flight.push_back((next, self.wallet.client.submit(&tx)?));
                (next, nonce) = (next + 1, nonce + 1);
            }
            let Some((index, hash)) = flight.pop_front() else { break };
            let info = accepted(self.wallet.client.wait(&hash, WAIT)?)?;
            done.tx_hashes.push(hash);
            done.fee = Amount(done.fee.0 + info.fee.0);
            watch.chunks(index + 1);
        }
        if next < chunks { Err(interrupted()) } else { Ok(()) }
    }
}

fn interrupted() -> Error {
    Error::failed(
        "interrupted",
        "stopped; the chunks that are on the chain stay there",
        "run the same command again to go on from there",
    )
}

/// Whether trying again from what the chain has can help.
fn transient(error: &Error) -> bool {
    let names = [
        "network",
        "timeout",
        "nonce_too_low",
        "nonce_too_high",
        "replacement_too_cheap",
        "too_many_waiting",
        "mempool_full",
        "chunk_exists",
        "chunk_out_of_order",
    ];
    names.contains(&error.name())
}
