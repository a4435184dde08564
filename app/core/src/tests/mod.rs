//! Claims about the state machine as a whole, driven as consensus drives it.

mod ahead;
mod bad_input;
mod blocks;
mod chain;
mod checktx;
mod claims;
mod engines;
mod export;
mod fees;
mod golden;
mod hot;
mod lifecycle;
mod mempool;
mod mutants;
mod order;
mod packing;
mod proposals;
mod readers;
mod real;
mod rollback;
mod storage;
mod toy;
