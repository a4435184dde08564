//! Claims about the state machine as a whole, driven as consensus drives it.

mod bad_input;
mod blocks;
mod chain;
mod checktx;
mod engines;
mod golden;
mod lifecycle;
mod proposals;
mod readers;
mod real;
mod toy;
