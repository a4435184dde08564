//! What the programs of this crate share with the fuzz targets: choices, mutants of plans, and what a plan must not do.
//!
//! Nothing here knows an opcode by name: attributes are changed in their encoding, and new nodes are made of the
//! opcodes of given plans, with the dims that the validator's own rules give. A new opcode is covered as soon as one
//! plan has it.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod choice;
pub mod judge;
pub mod mutation;
