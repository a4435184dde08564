//! Whether tensors are what a plan takes.

use assay_types::tensor::{DType, NamedTensor, Port};

/// Why tensors are not a plan's inputs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// Too few or too many.
    #[error("{given} input tensors, the model takes {wanted}")]
    Count {
        /// Tensors given.
        given: usize,
        /// Tensors that the plan takes.
        wanted: usize,
    },
    /// Another name, or another order.
    #[error("input {position} is named {given:?}, the model calls it {wanted:?}")]
    Name {
        /// Which tensor, from 0.
        position: usize,
        /// Its name.
        given: String,
        /// The name that the plan has there.
        wanted: String,
    },
    /// Another element type.
    #[error("input {name:?} is {given}, the model takes {wanted}")]
    DType {
        /// The tensor's name.
        name: String,
        /// Its element type.
        given: DType,
        /// The plan's.
        wanted: DType,
    },
    /// Other dims.
    #[error("input {name:?} has dims {given:?}, the model takes {wanted:?}")]
    Dims {
        /// The tensor's name.
        name: String,
        /// Its dims.
        given: Vec<u32>,
        /// The plan's.
        wanted: Vec<u32>,
    },
}

/// Checks a run's inputs against the plan's, in the plan's order.
pub(super) fn check<'a>(
    ports: impl ExactSizeIterator<Item = &'a Port>,
    inputs: &[NamedTensor],
) -> Result<(), InputError> {
    if inputs.len() != ports.len() {
        return Err(InputError::Count { given: inputs.len(), wanted: ports.len() });
    }
    for (position, (port, input)) in ports.zip(inputs).enumerate() {
        let (name, tensor) = (&input.name, &input.tensor);
        if *name != port.name {
            return Err(InputError::Name { position, given: name.clone(), wanted: port.name.clone() });
        }
        if tensor.dtype() != port.dtype {
            return Err(InputError::DType { name: name.clone(), given: tensor.dtype(), wanted: port.dtype });
        }
        if tensor.dims() != port.dims {
            let (given, wanted) = (tensor.dims().to_vec(), port.dims.clone());
            return Err(InputError::Dims { name: name.clone(), given, wanted });
        }
    }
    Ok(())
}
