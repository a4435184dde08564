//! Keys on disk: where they are kept, how they are protected, how they come from words.
//!
//! One JSON file per key under `HOME/keyring`, mode 0600, never overwritten. The name, the kind, the public
//! key and the address stand in the clear; the secret is sealed with a password ([`Backend::File`],
//! [`Backend::Os`]) or, for throw-away keys only, not at all ([`Backend::Test`], said in the file's name).
//! Secrets in memory are wiped when they are dropped. This module does not ask anybody anything: a
//! [`Passwords`] does.

mod derive;
mod os;
mod seal;
mod store;

pub use derive::{KeyType, from_hex, from_mnemonic, new_mnemonic, path_of};
pub use seal::Cost;
pub use store::{Backend, KeyInfo, Keyring};

use crate::error::Result;
use zeroize::Zeroizing;

/// Where passwords come from.
pub trait Passwords {
    /// A password for a key that is about to be sealed.
    ///
    /// # Errors
    /// When there is nobody to ask, or the two entries differ.
    fn choose(&mut self, key: &str) -> Result<Zeroizing<String>>;

    /// The password of a key that is sealed.
    ///
    /// # Errors
    /// When there is nobody to ask.
    fn ask(&mut self, key: &str) -> Result<Zeroizing<String>>;
}
