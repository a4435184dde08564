//! What a developer needs when a node computes something else than the others: a bundle of one node, and the
//! comparison of two.
//!
//! A bundle holds no secret: it is made of named files, and what the home's keys are is looked for in every one of
//! them before it is written. Nothing in a bundle that was sent by somebody is believed: it is read within bounds.

mod archive;
mod compare;
mod digest;

pub use archive::{ArchiveError, Bundle, MACHINE, STATE, read, write};
pub use compare::{Compared, compare};
pub use digest::{HeightDigest, KindDigest, StateDigest};

/// What stands where a secret stood.
const SECRET: &[u8] = b"[secret]";

/// Replaces every secret in some bytes, and the names and passwords in addresses (`http://name:password@host`).
pub fn redact(bytes: Vec<u8>, secrets: &[Vec<u8>]) -> Vec<u8> {
    without_logins(secrets.iter().fold(bytes, |bytes, secret| replace(bytes, secret)))
}

fn without_logins(bytes: Vec<u8>) -> Vec<u8> {
    let mut left = bytes.as_slice();
    let mut clean = Vec::new();
    while let Some(at) = left.windows(3).position(|window| window == b"://") {
        let (before, after) = left.split_at(at + 3);
        clean.extend_from_slice(before);
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b"/\"',[]".contains(byte);
        let host = &after[..after.iter().position(ends).unwrap_or(after.len())];
        left = after;
        if let Some(login) = host.iter().rposition(|byte| *byte == b'@') {
            clean.extend_from_slice(SECRET);
            left = &after[login..];
        }
    }
    clean.extend_from_slice(left);
    clean
}

fn replace(bytes: Vec<u8>, secret: &[u8]) -> Vec<u8> {
    let mut left = bytes.as_slice();
    let mut clean = Vec::new();
    while let Some(at) = left.windows(secret.len().max(1)).position(|window| window == secret) {
        clean.extend_from_slice(&left[..at]);
        clean.extend_from_slice(SECRET);
        left = &left[at + secret.len()..];
    }
    if clean.is_empty() && left.len() == bytes.len() {
        return bytes;
    }
    clean.extend_from_slice(left);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_replaced_wherever_they_stand() {
        let secret = b"0123456789".to_vec();
        let clean = redact(b"a 0123456789 b0123456789".to_vec(), std::slice::from_ref(&secret));
        assert_eq!(clean, b"a [secret] b[secret]");
        let urls = b"[\"http://me:pass@a:1\", \"tcp://b:2\"] id@c:3 https://x/y@z ://";
        let clean = redact(urls.to_vec(), &[]);
        assert_eq!(clean, b"[\"http://[secret]@a:1\", \"tcp://b:2\"] id@c:3 https://x/y@z ://");
        assert_eq!(redact(b"012345678".to_vec(), &[secret]), b"012345678");
        assert_eq!(redact(Vec::new(), &[b"x".to_vec()]), b"");
    }
}
