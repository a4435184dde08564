//! Every bound of the protocol, with its unit, in one place.
//!
//! A bound that is a consensus parameter of a running chain lives in state (`Params`); the constants here are the
//! outer walls that no parameter can move.

/// Bytes of one transaction; also CometBFT's `mempool.max_tx_bytes`.
pub const MAX_TX_BYTES: usize = 1024 * 1024;
/// Bytes of one block; CometBFT's `block.max_bytes`.
pub const MAX_BLOCK_BYTES: usize = 4 * 1024 * 1024;
/// Messages in one transaction.
pub const MAX_MESSAGES: usize = 16;
/// Bytes of a chain id; CometBFT's own limit.
pub const MAX_CHAIN_ID_BYTES: usize = 50;

/// Bytes of a key of the state tree.
pub const MAX_KEY_BYTES: usize = 1024;
/// Bytes of a value of the state tree.
pub const MAX_VALUE_BYTES: usize = 256 * 1024;
/// Bytes of an ICS23 proof. One of absence carries two neighbours with their values.
pub const MAX_PROOF_BYTES: usize = 1024 * 1024;

/// Bytes of every chunk of a model file but the last, which may be shorter.
pub const CHUNK_BYTES: usize = 512 * 1024;
/// Bytes of one model file.
pub const MAX_MODEL_BYTES: u64 = 256 * 1024 * 1024;
/// Chunks of one model file.
pub const MAX_CHUNKS: usize = (MAX_MODEL_BYTES / CHUNK_BYTES as u64) as usize;
/// Bytes of a model's name.
pub const MAX_NAME_BYTES: usize = 64;
/// Bytes of a model's version.
pub const MAX_VERSION_BYTES: usize = 32;
/// Bytes of a model's free-form description.
pub const MAX_DESCRIPTION_BYTES: usize = 1024;

/// Bytes of a tensor's name.
pub const MAX_TENSOR_NAME_BYTES: usize = 256;
/// Dimensions of a tensor.
pub const MAX_RANK: usize = 8;
/// Bytes of one tensor's data, anywhere.
pub const MAX_TENSOR_BYTES: usize = 1 << 30;
/// Tensors in one inference's input or output.
pub const MAX_PORTS: usize = 64;
/// Bytes of one inference's encoded output, which goes out in the transaction's result.
pub const MAX_OUTPUT_BYTES: usize = 256 * 1024;

/// Bytes of a plan's canonical encoding.
pub const MAX_PLAN_BYTES: usize = 512 * 1024 * 1024;
/// Bytes that a run may keep alive at once, arena and constants together.
pub const MAX_RUN_BYTES: u64 = 2 << 30;
/// Nodes of an ONNX graph, subgraphs included.
pub const MAX_ONNX_NODES: usize = 20_000;
/// Nesting of messages in an ONNX protobuf, counted from the model.
pub const MAX_ONNX_NESTING: usize = 12;
/// Bytes of a string in an ONNX file.
pub const MAX_ONNX_STRING_BYTES: usize = 1024;

/// Fuel that one compilation may burn, whatever its transaction can pay.
pub const MAX_COMPILE_FUEL: u64 = 8_000_000_000;
/// Bytes of WebAssembly memory that one compilation may use.
pub const MAX_COMPILE_MEMORY: usize = 1 << 30;

// A chunk and its envelope fit a transaction; a transaction fits a block.
const _: () = assert!(CHUNK_BYTES + 4096 < MAX_TX_BYTES);
const _: () = assert!(MAX_TX_BYTES < MAX_BLOCK_BYTES);
const _: () = assert!(MAX_CHUNKS * 32 + 8192 < MAX_TX_BYTES);
// Two neighbours and their paths of at most 256 steps fit a proof.
const _: () = assert!(2 * (MAX_VALUE_BYTES + MAX_KEY_BYTES + 256 * 128) < MAX_PROOF_BYTES);
