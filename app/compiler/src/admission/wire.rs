//! The wire format of protobuf: one field at a time, no allocation, no recursion.
//!
//! Groups are refused: ONNX has none, and they are the only construct whose end cannot be known without
//! descending.

use super::Inadmissible;

/// The value of one field, as the wire has it.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// A variable-length integer.
    Varint(u64),
    /// Eight bytes.
    Fixed64,
    /// A length and so many bytes: a string, a message or packed numbers.
    Bytes(&'a [u8]),
    /// Four bytes.
    Fixed32,
}

impl<'a> Value<'a> {
    /// The bytes of a length-delimited field.
    pub fn bytes(self) -> Result<&'a [u8], Inadmissible> {
        match self {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(Inadmissible::NotOnnx("a field has the wrong wire type")),
        }
    }

    /// The number of a varint field.
    pub fn varint(self) -> Result<u64, Inadmissible> {
        match self {
            Value::Varint(number) => Ok(number),
            _ => Err(Inadmissible::NotOnnx("a field has the wrong wire type")),
        }
    }
}

/// The fields of one message.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Over the bytes of a message.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next field's number and value, or `None` at the end.
    ///
    /// # Errors
    /// [`Inadmissible::NotOnnx`] when the bytes are no protobuf.
    pub fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, Inadmissible> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = varint(&mut self.rest)?;
        let number =
            u32::try_from(key >> 3).map_err(|_| Inadmissible::NotOnnx("a field number is out of range"))?;
        if number == 0 {
            return Err(Inadmissible::NotOnnx("a field has the number zero"));
        }
        let value = match key & 7 {
            0 => Value::Varint(varint(&mut self.rest)?),
            1 => {
                self.take(8)?;
                Value::Fixed64
            }
            2 => {
                let len = varint(&mut self.rest)?;
                Value::Bytes(self.take(len)?)
            }
            5 => {
                self.take(4)?;
                Value::Fixed32
            }
            _ => return Err(Inadmissible::NotOnnx("a field has an unknown wire type")),
        };
        Ok(Some((number, value)))
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], Inadmissible> {
        let len = usize::try_from(len).ok().filter(|&len| len <= self.rest.len());
        let (head, rest) = self.rest.split_at(len.ok_or(Inadmissible::NotOnnx("it is cut short"))?);
        self.rest = rest;
        Ok(head)
    }
}

/// Reads one varint of at most ten bytes.
pub fn varint(rest: &mut &[u8]) -> Result<u64, Inadmissible> {
    let mut number = 0u64;
    for index in 0..10 {
        let (&byte, tail) = rest.split_first().ok_or(Inadmissible::NotOnnx("it is cut short"))?;
        *rest = tail;
        // The tenth byte has room for one bit.
        if index == 9 && byte > 1 {
            return Err(Inadmissible::NotOnnx("a number has more than 64 bits"));
        }
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Inadmissible::NotOnnx("a number has more than 64 bits"))
}

/// How many varints a packed field holds.
pub fn count_varints(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte & 0x80 == 0).count() as u64
}

/// The numbers of a repeated integer field, packed or not, appended to `out`; at most `limit` in all.
pub fn integers(value: Value<'_>, out: &mut Vec<i64>, limit: usize) -> Result<(), Inadmissible> {
    let mut push = |number: u64| {
        out.push(number as i64);
        if out.len() > limit { Err(Inadmissible::NotOnnx("a tensor has too many dims")) } else { Ok(()) }
    };
    match value {
        Value::Varint(number) => push(number),
        Value::Bytes(mut packed) => {
            while !packed.is_empty() {
                push(varint(&mut packed)?)?;
            }
            Ok(())
        }
        _ => Err(Inadmissible::NotOnnx("a field has the wrong wire type")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_group_is_refused() {
        assert!(Fields::new(&[0x0b]).next().is_err());
    }

    #[test]
    fn a_length_past_the_end_is_refused() {
        assert!(Fields::new(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 1]).next().is_err());
    }

    #[test]
    fn a_varint_of_eleven_bytes_is_refused() {
        assert!(varint(&mut &[0xff; 11][..]).is_err());
        assert_eq!(varint(&mut &[0x96, 1][..]).unwrap(), 150);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut fields = Fields::new(&bytes);
            let mut steps = 0;
            while let Ok(Some(_)) = fields.next() {
                steps += 1;
                prop_assert!(steps <= bytes.len());
            }
        }
    }
}
