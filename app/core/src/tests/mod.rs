//! Claims about the state machine as a whole, driven as consensus drives it.

mod ahead;
mod bad_input;
mod blocks;
mod chain;
mod checktx;
mod claims;
mod engines;
mod golden;
mod lifecycle;
mod mutants;
mod order;
mod proposals;
mod readers;
mod real;
mod toy;
