//! Why a transaction is rejected: deterministic, with a stable number.
//!
//! The number goes into the transaction's result, which every node agrees on; the words are for people and may
//! change. A number is never used again for something else.

use crate::amount::Amount;

macro_rules! rejections {
    ($(
        $(#[$doc:meta])*
        $code:literal $name:literal $variant:ident $( ( $($tuple:ty),* ) )? $( { $($(#[$fdoc:meta])* $field:ident: $type:ty),* $(,)? } )?
            => $message:literal, hint $hint:literal;
    )*) => {
        /// A deterministic refusal.
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        pub enum Rejected {
            $(
                $(#[$doc])*
                #[error($message)]
                $variant $( ( $($tuple),* ) )? $( { $($(#[$fdoc])* $field: $type),* } )?,
            )*
        }

        impl Rejected {
            /// Every number with its name and its hint, in ascending order.
            pub const TABLE: &'static [(u32, &'static str, &'static str)] = &[$(($code, $name, $hint)),*];

            /// The stable number; 0 is success and no rejection's.
            pub fn code(&self) -> u32 {
                match self {
                    $(Rejected::$variant { .. } => $code,)*
                }
            }
        }
    };
}

rejections! {
    /// More bytes than a transaction may have.
    1 "tx_too_long" TxTooLong { #[doc = "Bytes received."] len: u64, #[doc = "Bytes allowed."] limit: u64 }
        => "the transaction has {len} bytes, more than {limit}", hint "split it into several transactions";
    /// Truncated, garbage, trailing bytes, an unknown variant.
    2 "tx_malformed" TxMalformed(String)
        => "the transaction does not decode: {0}", hint "encode it with a client of this chain's version";
    /// Decodes, but encodes differently.
    3 "tx_not_canonical" TxNotCanonical
        => "the transaction is not canonically encoded", hint "encode it with a client of this chain's version";
    /// Meant for another chain.
    4 "wrong_chain_id" WrongChainId { #[doc = "This chain."] expected: String }
        => "the transaction is for another chain; this one is {expected}", hint "sign it for this chain";
    /// The signature is not the key's.
    5 "bad_signature" BadSignature
        => "the signature does not verify", hint "sign the transaction again";
    /// The key's bytes are no key.
    6 "bad_public_key" BadPublicKey
        => "the public key is malformed", hint "use an ed25519 or a compressed secp256k1 key";
    /// None, or more messages than a transaction may have.
    7 "message_count" MessageCount(u64)
        => "{0} messages where 1 to 16 are allowed", hint "split it into several transactions";
    /// The height until which it was valid is past.
    8 "expired" Expired { #[doc = "The last height it was valid at."] valid_until: u64, #[doc = "The block's height."] height: u64 }
        => "valid until height {valid_until}, and this is {height}", hint "sign it again with a later height";
    /// The nonce was used already.
    9 "nonce_too_low" NonceTooLow { #[doc = "The account's next nonce."] expected: u64, #[doc = "The transaction's."] got: u64 }
        => "nonce {got} was used already; the account's next is {expected}", hint "sign it again with the next nonce";
    /// A nonce before it is missing.
    10 "nonce_too_high" NonceTooHigh { #[doc = "The account's next nonce."] expected: u64, #[doc = "The transaction's."] got: u64 }
        => "nonce {got} leaves a gap; the account's next is {expected}", hint "send the missing transactions first";
    /// The account cannot pay.
    11 "insufficient_balance" InsufficientBalance { #[doc = "Needed."] needed: Amount, #[doc = "There."] balance: Amount }
        => "needs {needed} uasy, and the account has {balance}", hint "fund the account";
    /// The signer allowed less than the price of the transaction's units and bytes.
    12 "fee_too_low" FeeTooLow { #[doc = "The price, without a tip."] needed: Amount, #[doc = "The limit."] max_fee: Amount }
        => "fee below price: the price is {needed} uasy, and the limit {max_fee}", hint "raise --max-fee; see the prices with `assay query fees`";
    /// More units than a block has.
    13 "too_many_units" TooManyUnits
        => "the transaction needs more units than a block has", hint "split it, or use a smaller model";
    /// A claim that did not come with a proposal.
    14 "claim_from_outside" ClaimFromOutside
        => "a claim is made by the proposer of a block, and taken from nobody else", hint "send transactions; the next proposer makes the claim";
    /// A copy of a transaction that waits.
    15 "waits_already" WaitsAlready
        => "the transaction waits in the mempool already", hint "wait for the next block";
    /// Another transaction of the same nonce waits, and this one does not pay enough more.
    16 "replacement_too_cheap" ReplacementTooCheap { #[doc = "The fee that would do."] needed: Amount, #[doc = "The transaction's, at the prices of now."] fee: Amount }
        => "another transaction with this nonce waits; replacing it takes a fee of {needed} uasy, and this one's is {fee}", hint "raise --tip, or wait for the other one";
    /// A transaction of the same nonce that pays more took its place.
    17 "replaced" Replaced
        => "another transaction with this nonce took its place", hint "look for the other one, or sign it again with the next nonce";
    /// The account has as much waiting as one account may.
    18 "too_many_waiting" TooManyWaiting { #[doc = "Transactions that wait."] waiting: u64, #[doc = "Their bytes."] bytes: u64 }
        => "{waiting} transactions of the account wait, {bytes} bytes of them: as much as one account may", hint "wait until some are in a block";
    /// As much waits as a node keeps.
    19 "mempool_full" MempoolFull { #[doc = "Transactions that wait."] waiting: u64 }
        => "{waiting} transactions wait, and no more are taken", hint "try again in a few blocks, or ask another node";
    /// A transfer of nothing.
    20 "amount_is_zero" AmountIsZero
        => "a transfer of nothing", hint "give an amount above zero";
    /// A text that is too long, empty where it must not be, or has control characters.
    21 "bad_text" BadText { #[doc = "Which text."] what: &'static str, #[doc = "Bytes allowed."] most: usize }
        => "the {what} is empty, longer than {most} bytes, or has control characters", hint "shorten it";
    /// The parts of a manifest disagree.
    30 "bad_manifest" BadManifest(&'static str)
        => "bad manifest: {0}", hint "let the wallet build the manifest from the file";
    /// Somebody published this model already.
    31 "model_exists" ModelExists
        => "the model was published already", hint "use it: its id is the same";
    /// No such model.
    32 "model_unknown" ModelUnknown
        => "there is no such model", hint "list the models with `assay model list`";
    /// Only the owner may do this.
    33 "not_owner" NotOwner
        => "the model belongs to another account", hint "sign with the key that published it";
    /// Not compiled yet.
    34 "model_not_sealed" ModelNotSealed
        => "the model is not sealed yet", hint "wait until its publisher has sealed it";
    /// Compiled already.
    35 "model_sealed" ModelSealed
        => "the model is sealed already", hint "use it";
    /// Withdrawn.
    36 "model_retired" ModelRetired
        => "the model is retired", hint "publish it again under other shapes, or use another";
    /// A chunk that is not the next one.
    37 "chunk_out_of_order" ChunkOutOfOrder { #[doc = "The next chunk's index."] expected: u32, #[doc = "The message's."] got: u32 }
        => "chunk {got} came where chunk {expected} is next", hint "upload the chunks in order";
    /// A chunk that is there already.
    38 "chunk_exists" ChunkExists { #[doc = "The message's index."] got: u32 }
        => "chunk {got} was uploaded already", hint "go on with the next one";
    /// The bytes are not the manifest's.
    39 "chunk_hash" ChunkHashMismatch { #[doc = "The message's index."] got: u32 }
        => "chunk {got} has other bytes than the manifest says", hint "upload the file that was published";
    /// Not as long as the manifest says.
    40 "chunk_length" ChunkLength { #[doc = "Bytes received."] got: u64, #[doc = "Bytes expected."] expected: u64 }
        => "a chunk of {got} bytes where {expected} are expected", hint "cut the file into chunks of 512 KiB";
    /// Chunks are missing.
    41 "upload_incomplete" UploadIncomplete { #[doc = "Chunks there."] have: u32, #[doc = "Chunks needed."] need: u32 }
        => "{have} of {need} chunks are uploaded", hint "upload the rest, then seal";
    /// The model does not compile with the fuel that was paid for.
    42 "does_not_compile" DoesNotCompile
        => "the model does not compile", hint "see why with `assay model inspect`";
    /// A fuel limit of zero or above the protocol's.
    43 "bad_fuel" BadFuel { #[doc = "The message's."] got: u64, #[doc = "The most allowed."] most: u64 }
        => "a fuel limit of {got} where 1 to {most} is allowed", hint "let the wallet find the exact fuel";
    /// The list of inputs breaks a rule of its own.
    50 "bad_tensors" BadTensors(String)
        => "bad inputs: {0}", hint "see the model's inputs with `assay model show`";
    /// Another number of inputs than the model has.
    51 "input_count" InputCount { #[doc = "The model's."] expected: u32, #[doc = "The message's."] got: u32 }
        => "{got} inputs where the model has {expected}", hint "see the model's inputs with `assay model show`";
    /// An input of another name.
    52 "input_name" InputName { #[doc = "The model's."] expected: String, #[doc = "The message's."] got: String }
        => "input {got:?} where the model has {expected:?}", hint "see the model's inputs with `assay model show`";
    /// An input of another element type.
    53 "input_dtype" InputDtype { #[doc = "The input."] name: String, #[doc = "The model's."] expected: &'static str, #[doc = "The message's."] got: &'static str }
        => "input {name:?} is {got} where the model takes {expected}", hint "convert the array";
    /// An input of other dims.
    54 "input_shape" InputShape { #[doc = "The input."] name: String, #[doc = "The model's."] expected: Vec<u32>, #[doc = "The message's."] got: Vec<u32> }
        => "input {name:?} has shape {got:?} where the model takes {expected:?}", hint "reshape the array";
    /// The outputs are more bytes than a result may carry.
    55 "output_too_large" OutputTooLarge { #[doc = "Bytes of the outputs."] got: u64, #[doc = "Bytes allowed."] most: u64 }
        => "the outputs have {got} bytes, more than {most}", hint "use a model with a smaller output";
    /// The output is not the one that the sender expected.
    56 "unexpected_output" UnexpectedOutput
        => "the output is not the expected one", hint "run it again without --expect-output-hash to see the output";
}

impl Rejected {
    /// The stable name, as in JSON.
    pub fn name(&self) -> &'static str {
        Self::describe(self.code()).map_or("unknown", |(name, _)| name)
    }

    /// What to do next.
    pub fn hint(&self) -> &'static str {
        Self::describe(self.code()).map_or("", |(_, hint)| hint)
    }

    /// The name and the hint of a number, or `None` when no rejection has it.
    pub fn describe(code: u32) -> Option<(&'static str, &'static str)> {
        Self::TABLE.iter().find(|row| row.0 == code).map(|row| (row.1, row.2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ascend_and_names_are_unique() {
        assert!(Rejected::TABLE.is_sorted_by(|a, b| a.0 < b.0));
        for (index, row) in Rejected::TABLE.iter().enumerate() {
            assert!(Rejected::TABLE[..index].iter().all(|earlier| earlier.1 != row.1), "{}", row.1);
            assert!(row.0 != 0 && !row.2.is_empty());
        }
    }

    #[test]
    fn numbers_are_the_pinned_ones() {
        let rows = [
            (Rejected::TxNotCanonical, 3, "tx_not_canonical"),
            (Rejected::BadSignature, 5, "bad_signature"),
            (Rejected::NonceTooLow { expected: 1, got: 0 }, 9, "nonce_too_low"),
            (Rejected::ClaimFromOutside, 14, "claim_from_outside"),
            (Rejected::ModelRetired, 36, "model_retired"),
            (Rejected::UnexpectedOutput, 56, "unexpected_output"),
        ];
        for (rejected, code, name) in rows {
            assert_eq!((rejected.code(), rejected.name()), (code, name));
        }
    }
}
