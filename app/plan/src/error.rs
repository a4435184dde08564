//! Why a plan is refused, and how a run can end without an output.

use assay_types::codec::CodecError;

/// Why bytes are no plan, or a plan may not run. Deterministic: the same plan gets the same error everywhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The bytes are not the canonical encoding of a plan.
    #[error("not a plan: {0}")]
    Encoding(#[from] CodecError),
    /// A rule about the plan as a whole is broken.
    #[error("plan refused: {0}")]
    Plan(&'static str),
    /// A rule about one node is broken.
    #[error("plan refused: node {node} ({op}): {rule}")]
    Node {
        /// The node's index.
        node: u32,
        /// The node's opcode.
        op: &'static str,
        /// The rule that it breaks.
        rule: &'static str,
    },
}
