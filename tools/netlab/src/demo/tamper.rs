//! Bundles with one bit flipped.

use crate::error::Error;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// How a part's bytes are written.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// Standard base64, as our own parts.
    Base64,
    /// Hex in upper case, as CometBFT's.
    Hex,
}

/// A part of a bundle in which a bit is flipped.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// Its name for people.
    pub name: &'static str,
    /// Where it is: a JSON pointer.
    pub pointer: &'static str,
    /// How it is written.
    pub form: Form,
}

const fn part(name: &'static str, pointer: &'static str, form: Form) -> Part {
    Part { name, pointer, form }
}

/// One part of each kind that a bundle has.
pub const PARTS: [Part; 5] = [
    part("the receipt", "/receipt", Form::Base64),
    part("the output", "/output", Form::Base64),
    part("the input", "/input", Form::Base64),
    part("the Merkle proof", "/proof", Form::Base64),
    part("the header's app hash", "/signed_header/header/app_hash", Form::Hex),
];

/// A copy of a bundle in which the lowest bit of the middle byte of one part is the other one.
///
/// # Errors
/// [`Error::Answer`] when the bundle has no such part.
pub fn flip(bundle: &Value, part: Part) -> Result<Value, Error> {
    let mut flipped = bundle.clone();
    let value = flipped.pointer_mut(part.pointer);
    let changed = value.as_ref().and_then(|value| flip_text(value.as_str()?, part.form));
    let (Some(value), Some(changed)) = (value, changed) else {
        let what = format!("the receipt file has no bytes at {}", part.pointer);
        return Err(Error::Answer { what, answer: bundle.to_string().chars().take(300).collect() });
    };
    *value = changed.into();
    Ok(flipped)
}

fn flip_text(text: &str, form: Form) -> Option<String> {
    let flip = |mut bytes: Vec<u8>| {
        let middle = bytes.len() / 2;
        *bytes.get_mut(middle)? ^= 1;
        Some(bytes)
    };
    match form {
        Form::Base64 => Some(STANDARD.encode(flip(STANDARD.decode(text).ok()?)?)),
        Form::Hex => {
            let digits = text.as_bytes().chunks(2).map(|pair| {
                let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
                u8::from_str_radix(pair, 16).ok()
            });
            let bytes = flip(digits.collect::<Option<Vec<u8>>>()?)?;
            Some(bytes.iter().map(|byte| format!("{byte:02X}")).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const RECEIPT: Part = part("the receipt", "/receipt", Form::Base64);
    const HASH: Part = part("the hash", "/header/app_hash", Form::Hex);

    #[test]
    fn exactly_one_bit_differs_and_the_form_is_kept() {
        let bundle = json!({"receipt": STANDARD.encode([0, 0, 0]), "header": {"app_hash": "00FF0A"}});
        let flipped = flip(&bundle, RECEIPT).unwrap();
        assert_eq!(STANDARD.decode(flipped["receipt"].as_str().unwrap()).unwrap(), [0, 1, 0]);
        assert_eq!(flip(&bundle, HASH).unwrap()["header"]["app_hash"], "00FE0A");
        assert_eq!(flip(&flipped, RECEIPT).unwrap(), bundle);
    }

    #[test]
    fn a_missing_part_is_an_error() {
        for bundle in [json!({"receipt": 1}), json!({"receipt": ""}), json!({"receipt": "?"}), json!({})] {
            assert!(flip(&bundle, RECEIPT).is_err());
        }
        assert!(flip(&json!({"header": {"app_hash": "ABC"}}), HASH).is_err());
    }
}
