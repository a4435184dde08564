//! Text labels and lists of maps: what is let in, and what the model's author is told.
//!
//! A classifier with text labels gives their positions, and the maps of a ZipMap become the tensor of
//! probabilities; the compiler rewrites the file accordingly. Here is decided which outputs may be declared so,
//! and said what they are in truth. Text in an input is refused.

use super::tensor::Kind;
use super::{Inadmissible, PortReport, shorten};
use assay_types::tensor::DType;
use std::collections::BTreeSet;

/// Labels that a note names.
const NAMED: usize = 16;

/// An input or output as the file declares it.
pub struct Declaration {
    /// Its name.
    pub name: String,
    /// Tensor, texts or maps.
    pub kind: Kind,
    /// Dims; `None` for an open one.
    pub dims: Vec<Option<u32>>,
}

/// An input, which must be a tensor of numbers.
///
/// # Errors
/// [`Inadmissible`] when it is text or maps.
pub fn input(input: Declaration) -> Result<PortReport, Inadmissible> {
    let what = format!("input `{}`", shorten(&input.name));
    match input.kind {
        Kind::Tensor(dtype) => Ok(PortReport { name: input.name, dtype, dims: input.dims }),
        Kind::Text => Err(Inadmissible::Text(what)),
        Kind::Maps => Err(Inadmissible::Ports(format!("{what} is not a tensor"))),
    }
}

/// What is known of texts in a file.
#[derive(Default)]
pub struct Texts {
    /// The first list of labels, as a note names it.
    labels: Option<String>,
    /// There are lists that differ.
    several: bool,
    /// Outputs of ZipMap.
    zipped: BTreeSet<String>,
}

impl Texts {
    /// Takes note of a list of labels.
    pub fn list<'a>(&mut self, texts: impl ExactSizeIterator<Item = &'a str>) {
        let count = texts.len();
        if count == 0 {
            return;
        }
        let named = texts.take(NAMED).enumerate().map(|(at, text)| format!("{at} {}", shorten(text)));
        let mut named: Vec<String> = named.collect();
        if count > NAMED {
            named.push(format!("and {} more", count - NAMED));
        }
        let named = named.join(", ");
        self.several |= self.labels.as_ref().is_some_and(|labels| *labels != named);
        self.labels.get_or_insert(named);
    }

    /// Takes note of an output of ZipMap.
    pub fn zipped(&mut self, name: &str) {
        self.zipped.insert(name.to_owned());
    }

    /// An output, with a note when it is other than the file declares.
    ///
    /// # Errors
    /// [`Inadmissible`] when it is a list that no ZipMap writes.
    pub fn output(&self, output: Declaration, notes: &mut Vec<String>) -> Result<PortReport, Inadmissible> {
        let shown = shorten(&output.name);
        let dtype = match output.kind {
            Kind::Tensor(dtype) => dtype,
            Kind::Text => {
                let labels = self.labels.as_ref().filter(|_| !self.several);
                let labels = labels.map_or_else(String::new, |labels| format!(": {labels}"));
                notes.push(format!("output `{shown}` holds positions in the list of text labels{labels}"));
                DType::I64
            }
            Kind::Maps if self.zipped.contains(&output.name) => {
                notes.push(format!(
                    "output `{shown}` is the tensor of probabilities, a column for each class: ZipMap's maps \
                     are dropped"
                ));
                DType::F32
            }
            Kind::Maps => return Err(Inadmissible::Ports(format!("output `{shown}` is not a tensor"))),
        };
        Ok(PortReport { name: output.name, dtype, dims: output.dims })
    }
}
