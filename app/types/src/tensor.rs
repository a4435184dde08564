//! Tensors as they cross a wire: dtype, dims, raw little-endian data.
//!
//! A [`Tensor`] in hand is well formed: the element count matches the dims, a bool is 0 or 1, and a NaN is the
//! canonical one (0x7fc00000). Names are checked for length only; whether they are a model's is the model's matter.

use crate::codec::{self, CodecError};
use crate::hash::{InputHash, OutputHash};
use crate::limits::{MAX_PORTS, MAX_RANK, MAX_TENSOR_BYTES, MAX_TENSOR_NAME_BYTES};
use borsh::{BorshDeserialize, BorshSerialize};
use std::fmt;

/// The bits of the one NaN that a tensor may hold.
pub const CANONICAL_NAN: u32 = 0x7fc0_0000;

/// The type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum DType {
    /// IEEE-754 binary32.
    F32 = 0,
    /// 64-bit two's complement.
    I64 = 1,
    /// 32-bit two's complement.
    I32 = 2,
    /// 8-bit two's complement.
    I8 = 3,
    /// 8-bit unsigned.
    U8 = 4,
    /// One byte, 0 or 1.
    Bool = 5,
}

impl DType {
    /// Every dtype, in the order of their tags.
    pub const ALL: [DType; 6] = [DType::F32, DType::I64, DType::I32, DType::I8, DType::U8, DType::Bool];

    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            DType::F32 | DType::I32 => 4,
            DType::I64 => 8,
            DType::I8 | DType::U8 | DType::Bool => 1,
        }
    }

    /// The name used in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::I64 => "i64",
            DType::I32 => "i32",
            DType::I8 => "i8",
            DType::U8 => "u8",
            DType::Bool => "bool",
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why parts do not make a tensor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// More dims than [`MAX_RANK`].
    #[error("rank {0}, more than {MAX_RANK}")]
    Rank(usize),
    /// More bytes than [`MAX_TENSOR_BYTES`], or dims whose product overflows.
    #[error("dims {0:?} are more than {MAX_TENSOR_BYTES} bytes")]
    TooLarge(Vec<u32>),
    /// The data is not as long as the dims say.
    #[error("{len} bytes of data where dims {dims:?} of {dtype} need {need}")]
    Length {
        /// Element type.
        dtype: DType,
        /// Dims.
        dims: Vec<u32>,
        /// Bytes given.
        len: usize,
        /// Bytes needed.
        need: usize,
    },
    /// A NaN with other bits than [`CANONICAL_NAN`], or a bool that is neither 0 nor 1.
    #[error("element {0} is not canonical")]
    NotCanonical(usize),
    /// A name that is empty or longer than [`MAX_TENSOR_NAME_BYTES`].
    #[error("a tensor's name has 1 to {MAX_TENSOR_NAME_BYTES} bytes")]
    Name,
    /// More tensors than [`MAX_PORTS`], or none.
    #[error("{0} tensors where 1 to {MAX_PORTS} are allowed")]
    Count(usize),
    /// Two tensors of one list have the same name.
    #[error("the name {0:?} is used twice")]
    DuplicateName(String),
}

/// Bytes of a tensor's data, or `None` when it is more than [`MAX_TENSOR_BYTES`].
pub fn byte_len(dtype: DType, dims: &[u32]) -> Option<usize> {
    let mut bytes = dtype.size() as u64;
    for &dim in dims {
        bytes = bytes.checked_mul(u64::from(dim))?;
    }
    usize::try_from(bytes).ok().filter(|&bytes| bytes <= MAX_TENSOR_BYTES)
}

/// A well-formed tensor: see the module's invariants.
#[derive(Clone, PartialEq, Eq, BorshSerialize)]
pub struct Tensor {
    dtype: DType,
    dims: Vec<u32>,
    data: Vec<u8>,
}

impl Tensor {
    /// Checks the parts and makes a tensor of them.
    ///
    /// # Errors
    /// [`TensorError`] when rank, size, length or an element's bits are not allowed.
    pub fn new(dtype: DType, dims: Vec<u32>, data: Vec<u8>) -> Result<Self, TensorError> {
        if dims.len() > MAX_RANK {
            return Err(TensorError::Rank(dims.len()));
        }
        let Some(need) = byte_len(dtype, &dims) else {
            return Err(TensorError::TooLarge(dims));
        };
        if data.len() != need {
            return Err(TensorError::Length { dtype, dims, len: data.len(), need });
        }
        if let Some(index) = first_not_canonical(dtype, &data) {
            return Err(TensorError::NotCanonical(index));
        }
        Ok(Self { dtype, dims, data })
    }

    /// A tensor of f32, every NaN made canonical.
    ///
    /// # Errors
    /// As [`Tensor::new`].
    pub fn from_f32(dims: Vec<u32>, values: &[f32]) -> Result<Self, TensorError> {
        let mut data = Vec::with_capacity(values.len() * 4);
        for value in values {
            let bits = if value.is_nan() { CANONICAL_NAN } else { value.to_bits() };
            data.extend_from_slice(&bits.to_le_bytes());
        }
        Self::new(DType::F32, dims, data)
    }

    /// A tensor of i64.
    ///
    /// # Errors
    /// As [`Tensor::new`].
    pub fn from_i64(dims: Vec<u32>, values: &[i64]) -> Result<Self, TensorError> {
        let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self::new(DType::I64, dims, data)
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The dims; empty for a scalar.
    pub fn dims(&self) -> &[u32] {
        &self.dims
    }

    /// The elements, little-endian, row-major.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The elements as f32, or `None` when they are not.
    pub fn to_f32(&self) -> Option<Vec<f32>> {
        if self.dtype != DType::F32 {
            return None;
        }
        let (words, _) = self.data.as_chunks::<4>();
        Some(words.iter().map(|word| f32::from_le_bytes(*word)).collect())
    }

    /// The elements as i64, or `None` when they are not.
    pub fn to_i64(&self) -> Option<Vec<i64>> {
        if self.dtype != DType::I64 {
            return None;
        }
        let (words, _) = self.data.as_chunks::<8>();
        Some(words.iter().map(|word| i64::from_le_bytes(*word)).collect())
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor({} {:?}, {} bytes)", self.dtype, self.dims, self.data.len())
    }
}

fn first_not_canonical(dtype: DType, data: &[u8]) -> Option<usize> {
    match dtype {
        DType::F32 => {
            let (words, _) = data.as_chunks::<4>();
            words.iter().position(|word| {
                let bits = u32::from_le_bytes(*word);
                bits & 0x7fff_ffff > 0x7f80_0000 && bits != CANONICAL_NAN
            })
        }
        DType::Bool => data.iter().position(|&byte| byte > 1),
        DType::I64 | DType::I32 | DType::I8 | DType::U8 => None,
    }
}

impl BorshDeserialize for Tensor {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let invalid =
            |error: TensorError| borsh::io::Error::new(borsh::io::ErrorKind::InvalidData, error.to_string());
        let dtype = DType::deserialize_reader(reader)?;
        let dims = Vec::<u32>::deserialize_reader(reader)?;
        let data = Vec::<u8>::deserialize_reader(reader)?;
        Tensor::new(dtype, dims, data).map_err(invalid)
    }
}

/// A tensor under the name of a model's input or output.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct NamedTensor {
    /// The port's name in the model.
    pub name: String,
    /// The tensor.
    pub tensor: Tensor,
}

/// Checks a list of named tensors: how many, how long the names, no name twice.
///
/// # Errors
/// [`TensorError`] naming what is wrong.
pub fn check_list(tensors: &[NamedTensor]) -> Result<(), TensorError> {
    if tensors.is_empty() || tensors.len() > MAX_PORTS {
        return Err(TensorError::Count(tensors.len()));
    }
    for (index, tensor) in tensors.iter().enumerate() {
        if tensor.name.is_empty() || tensor.name.len() > MAX_TENSOR_NAME_BYTES {
            return Err(TensorError::Name);
        }
        if tensors[..index].iter().any(|earlier| earlier.name == tensor.name) {
            return Err(TensorError::DuplicateName(tensor.name.clone()));
        }
    }
    Ok(())
}

/// Decodes a canonical list of named tensors of at most `limit` bytes.
///
/// # Errors
/// [`CodecError`] when the bytes are not the canonical encoding of such a list.
pub fn decode_list(bytes: &[u8], limit: usize) -> Result<Vec<NamedTensor>, CodecError> {
    codec::decode(bytes, limit)
}

/// The digest of an inference's input, in the model's declared order.
pub fn input_hash(inputs: &[NamedTensor]) -> InputHash {
    InputHash::of(&codec::encode(&inputs))
}

/// The digest of an inference's output, in the model's declared order.
pub fn output_hash(outputs: &[NamedTensor]) -> OutputHash {
    OutputHash::of(&codec::encode(&outputs))
}

/// What a model says of one input or output: its name, element type and fixed dims.
#[derive(
    Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, serde::Serialize, serde::Deserialize,
)]
pub struct Port {
    /// The name in the model.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Dims, all known.
    #[serde(rename = "shape")]
    pub dims: Vec<u32>,
}

/// The dims that a publisher fixes for one of a model's inputs; open dims must be fixed before a model compiles.
#[derive(
    Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, serde::Serialize, serde::Deserialize,
)]
pub struct InputShape {
    /// The input's name in the model.
    pub name: String,
    /// All of its dims.
    pub dims: Vec<u32>,
}

impl serde::Serialize for DType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> serde::Deserialize<'de> for DType {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = <String as serde::Deserialize>::deserialize(deserializer)?;
        let found = DType::ALL.into_iter().find(|dtype| dtype.name() == name);
        found.ok_or_else(|| serde::de::Error::custom(format!("unknown dtype {name:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_f32_tensor() -> impl Strategy<Value = Tensor> {
        proptest::collection::vec(any::<f32>(), 0..40)
            .prop_map(|values| Tensor::from_f32(vec![values.len() as u32], &values).unwrap())
    }

    proptest! {
        #[test]
        fn a_tensor_survives_its_encoding(tensor in any_f32_tensor()) {
            let bytes = codec::encode(&tensor);
            prop_assert_eq!(codec::decode::<Tensor>(&bytes, bytes.len()).unwrap(), tensor);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(tensors) = decode_list(&bytes, 200) {
                prop_assert_eq!(codec::encode(&tensors), bytes);
            }
        }
    }

    #[test]
    fn a_nan_with_other_bits_is_refused() {
        let data = 0xffc0_0000u32.to_le_bytes().to_vec();
        assert_eq!(Tensor::new(DType::F32, vec![1], data), Err(TensorError::NotCanonical(0)));
        assert!(Tensor::new(DType::F32, vec![1], CANONICAL_NAN.to_le_bytes().to_vec()).is_ok());
    }

    #[test]
    fn a_bool_of_two_is_refused() {
        assert_eq!(Tensor::new(DType::Bool, vec![2], vec![1, 2]), Err(TensorError::NotCanonical(1)));
    }

    #[test]
    fn dims_that_overflow_are_refused_before_allocation() {
        let dims = vec![u32::MAX; 8];
        assert!(matches!(Tensor::new(DType::F32, dims, vec![]), Err(TensorError::TooLarge(_))));
        assert!(matches!(Tensor::new(DType::F32, vec![1; 9], vec![0; 4]), Err(TensorError::Rank(9))));
    }

    #[test]
    fn a_wrong_element_count_is_refused() {
        assert!(matches!(Tensor::new(DType::I64, vec![3], vec![0; 16]), Err(TensorError::Length { .. })));
    }

    #[test]
    fn a_name_used_twice_is_refused() {
        let tensor = Tensor::from_f32(vec![1], &[0.0]).unwrap();
        let named = |name: &str| NamedTensor { name: name.into(), tensor: tensor.clone() };
        assert_eq!(check_list(&[named("x"), named("x")]), Err(TensorError::DuplicateName("x".into())));
        assert!(check_list(&[named("x"), named("y")]).is_ok());
        assert_eq!(check_list(&[]), Err(TensorError::Count(0)));
    }
}
