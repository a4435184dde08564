//! The operating system as the keeper of a key's password: the Linux kernel's user keyring.
//!
//! The kernel forgets it at the next start, or when the user's last process ends; then the password is asked
//! for again. So nothing that would be missed is ever kept here. Where there is no such keeper (another
//! system, a container that forbids it), every answer is "not there".

use std::path::Path;
use zeroize::Zeroizing;

fn description(file: &Path) -> String {
    format!("assay:{}", std::fs::canonicalize(file).unwrap_or_else(|_| file.into()).display())
}

/// The password remembered for a key file.
#[cfg(target_os = "linux")]
pub fn recall(file: &Path) -> Option<Zeroizing<String>> {
    use linux_keyutils::{KeyRing, KeyRingIdentifier};
    let ring = KeyRing::from_special_id(KeyRingIdentifier::User, false).ok()?;
    let bytes = Zeroizing::new(ring.search(&description(file)).ok()?.read_to_vec().ok()?);
    std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}

/// Remembers the password of a key file; false when nobody would.
#[cfg(target_os = "linux")]
pub fn remember(file: &Path, password: &str) -> bool {
    use linux_keyutils::{KeyPermissionsBuilder, KeyRing, KeyRingIdentifier, Permission};
    let Ok(ring) = KeyRing::from_special_id(KeyRingIdentifier::User, true) else { return false };
    let Ok(key) = ring.add_key(&description(file), password) else { return false };
    // Reading by the same user from a session that does not link the user keyring needs the user's own bit.
    let permissions =
        KeyPermissionsBuilder::builder().posessor(Permission::ALL).user(Permission::ALL).build();
    key.set_perms(permissions).is_ok()
}

/// Forgets the password of a key file.
#[cfg(target_os = "linux")]
pub fn forget(file: &Path) {
    use linux_keyutils::{KeyRing, KeyRingIdentifier};
    let ring = KeyRing::from_special_id(KeyRingIdentifier::User, false);
    if let Ok(key) = ring.and_then(|ring| ring.search(&description(file))) {
        // A key that cannot be invalidated is gone already, or is no longer ours.
        let _ = key.invalidate();
    }
}

/// Nobody remembers here.
#[cfg(not(target_os = "linux"))]
pub fn recall(_file: &Path) -> Option<Zeroizing<String>> {
    None
}

/// Nobody remembers here.
#[cfg(not(target_os = "linux"))]
pub fn remember(_file: &Path, _password: &str) -> bool {
    false
}

/// Nobody remembers here.
#[cfg(not(target_os = "linux"))]
pub fn forget(_file: &Path) {}
