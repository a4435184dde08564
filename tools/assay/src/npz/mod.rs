//! Tensors in numpy's `.npz` files: a zip of `.npy` arrays, one per name.
//!
//! What is read is bounded by what an array's header declares, and that by a limit of the caller's, before
//! anything is allocated; a zip that would unpack to more is refused. Arrays that nobody asks for are not
//! unpacked.

mod header;

pub use header::Header;

use crate::error::{Error, Result};
use crate::files;
use assay_types::limits::MAX_TENSOR_BYTES;
use assay_types::tensor::{self, DType, NamedTensor, Tensor};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;
use zip::ZipArchive;

const MAX_ENTRIES: usize = 1024;

/// An open `.npz` file.
pub struct Npz {
    archive: ZipArchive<BufReader<File>>,
    path: String,
}

impl Npz {
    /// Opens a file and reads its list of arrays.
    ///
    /// # Errors
    /// When it is no `.npz` file, or has more than 1024 arrays.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::file("read", path, &error))?;
        let path = path.display().to_string();
        let archive = ZipArchive::new(BufReader::new(file)).map_err(|error| {
            Error::input(
                format!("{path} is no .npz file: {error}"),
                "make it in Python with numpy.savez(FILE, NAME=array)",
            )
        })?;
        if archive.len() > MAX_ENTRIES {
            return Err(Error::input(format!("{path} has more than {MAX_ENTRIES} arrays"), "save fewer"));
        }
        Ok(Self { archive, path })
    }

    /// The names of the arrays, as `numpy.load` shows them.
    pub fn names(&self) -> Vec<String> {
        let names = self.archive.file_names().flatten();
        names.map(|name| name.strip_suffix(".npy").unwrap_or(&name).to_owned()).collect()
    }

    /// What an array is, without its data.
    ///
    /// # Errors
    /// When there is no array of this name (or `in/NAME`), or it is of a kind that no tensor can be.
    pub fn header(&mut self, name: &str) -> Result<Header> {
        let path = self.path.clone();
        let mut entry = self.entry(name)?;
        Header::read(&mut entry).map_err(|why| why.in_array(name, &path))
    }

    /// An array as a tensor of at most `limit` bytes.
    ///
    /// # Errors
    /// As [`Npz::header`]; when it is larger, truncated or has bytes behind its end.
    pub fn tensor(&mut self, name: &str, limit: usize) -> Result<Tensor> {
        let path = self.path.clone();
        let mut entry = self.entry(name)?;
        let header = Header::read(&mut entry).map_err(|why| why.in_array(name, &path))?;
        let bad = |why: String| Error::input(format!("array {name:?} of {path}: {why}"), "save it again");
        let need =
            tensor::byte_len(header.dtype, &header.dims).filter(|need| *need <= limit.min(MAX_TENSOR_BYTES));
        let Some(need) = need else {
            return Err(bad(format!("more than {limit} bytes")));
        };
        // Grows with what really arrives, so a header that lies costs nothing.
        let mut data = vec![];
        entry.take(need as u64 + 1).read_to_end(&mut data).map_err(|error| bad(error.to_string()))?;
        if data.len() != need {
            return Err(bad("the data is not as long as the header says".into()));
        }
        let data = if header.fortran { row_major(&data, header.dtype.size(), &header.dims) } else { data };
        make(header.dtype, header.dims, data).map_err(|error| bad(error.to_string()))
    }

    fn entry(&mut self, name: &str) -> Result<impl Read> {
        let candidates = [format!("{name}.npy"), name.to_owned(), format!("in/{name}.npy")];
        let found = candidates.into_iter().find_map(|file| self.archive.index_for_name(&file));
        let Some(index) = found else {
            return Err(Error::input(
                format!("{} has no array {name:?}; it has: {}", self.path, self.names().join(", ")),
                "name the arrays as the model's inputs: numpy.savez(FILE, **{NAME: array})",
            ));
        };
        self.archive.by_index(index).map_err(|error| {
            Error::input(format!("array {name:?} of {}: {error}", self.path), "save it again")
        })
    }
}

/// Makes a tensor; every NaN of f32 becomes the canonical one.
fn make(dtype: DType, dims: Vec<u32>, data: Vec<u8>) -> Result<Tensor, tensor::TensorError> {
    if dtype != DType::F32 {
        return Tensor::new(dtype, dims, data);
    }
    let (words, _) = data.as_chunks::<4>();
    let values: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
    Tensor::from_f32(dims, &values)
}

/// Turns column-major data into row-major.
fn row_major(data: &[u8], size: usize, dims: &[u32]) -> Vec<u8> {
    let mut strides = Vec::with_capacity(dims.len());
    let mut stride = size;
    for dim in dims {
        strides.push(stride);
        stride *= *dim as usize;
    }
    let mut index = vec![0u32; dims.len()];
    let mut result = Vec::with_capacity(data.len());
    while result.len() < data.len() {
        let at: usize = index.iter().zip(&strides).map(|(index, stride)| *index as usize * stride).sum();
        result.extend_from_slice(&data[at..at + size]);
        for axis in (0..dims.len()).rev() {
            index[axis] += 1;
            if index[axis] < dims[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    result
}

/// Writes tensors as an `.npz` file that `numpy.load` reads.
///
/// # Errors
/// When the disk refuses.
pub fn write(path: &Path, tensors: &[NamedTensor]) -> Result<()> {
    files::write_atomic(path, |file| {
        let refuse = |error: std::io::Error| Error::file("write", path, &error);
        let mut zip = zip::ZipWriter::new(BufWriter::new(file));
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored)
            .last_modified_time(zip::DateTime::default())
            .large_file(true);
        for NamedTensor { name, tensor } in tensors {
            zip.start_file(format!("{name}.npy"), options).map_err(|error| refuse(error.into()))?;
            zip.write_all(&header::encode(tensor.dtype(), tensor.dims())).map_err(refuse)?;
            zip.write_all(tensor.data()).map_err(refuse)?;
        }
        let mut writer = zip.finish().map_err(|error| refuse(error.into()))?;
        writer.flush().map_err(refuse)
    })
}

#[cfg(test)]
mod tests;
