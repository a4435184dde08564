//! Small graphs, put together by hand: a typed graph under construction with names made of a prefix.
//!
//! Values are matrices of rows and columns unless a name says otherwise; operands of one rank repeat dims of 1.

use tract_onnx::tract_core::ops::array::{Gather, MultiBroadcastTo, TypedConcat};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::logic::{Iff, comp_eq, comp_gt, comp_ne};
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::{Reduce, Reducer};
use tract_onnx::tract_hir::internal::*;

/// A typed graph under construction.
pub struct Wiring<'a> {
    pub prefix: &'a str,
    pub model: &'a mut TypedModel,
}

impl Wiring<'_> {
    /// A node of one output.
    pub fn node(
        &mut self,
        name: &str,
        op: impl Into<Box<dyn TypedOp>>,
        inputs: &[OutletId],
    ) -> TractResult<OutletId> {
        // A part may stand in a graph twice; names may not.
        let full = format!("{}.{name}.{}", self.prefix, self.model.nodes.len());
        let outlets = self.model.wire_node(full, op, inputs)?;
        outlets.first().copied().context("a node without outputs")
    }

    /// Dims of a value.
    pub fn dims(&self, value: OutletId) -> TractResult<Vec<usize>> {
        let fact = self.model.outlet_fact(value)?;
        Ok(fact.shape.as_concrete().context("a shape depends on data")?.to_vec())
    }

    /// A constant.
    pub fn constant(&mut self, name: &str, tensor: impl IntoArcTensor) -> TractResult<OutletId> {
        let name = format!("{}.{name}.{}", self.prefix, self.model.nodes.len());
        self.model.add_const(name, tensor.into_arc_tensor())
    }

    /// A constant of the given dims.
    pub fn table<T: Datum>(&mut self, name: &str, values: &[T], dims: &[usize]) -> TractResult<OutletId> {
        self.constant(name, tensor1(values).into_shape(dims)?)
    }

    /// A constant matrix of one row.
    pub fn row(&mut self, name: &str, values: &[f32]) -> TractResult<OutletId> {
        self.table(name, values, &[1, values.len()])
    }

    /// A value as f32.
    pub fn float(&mut self, input: OutletId) -> TractResult<OutletId> {
        self.node("to_f32", cast(f32::datum_type()), &[input])
    }

    /// A value as i64.
    pub fn integer(&mut self, input: OutletId) -> TractResult<OutletId> {
        self.node("to_i64", cast(i64::datum_type()), &[input])
    }

    /// A row added to every row.
    pub fn add_row(&mut self, name: &str, x: OutletId, values: &[f32]) -> TractResult<OutletId> {
        let row = self.row(name, values)?;
        self.node(name, math::add(), &[x, row])
    }

    /// Every row multiplied by a row.
    pub fn scale(&mut self, name: &str, x: OutletId, values: &[f32]) -> TractResult<OutletId> {
        let row = self.row(name, values)?;
        self.node(name, math::mul(), &[x, row])
    }

    /// Where a value is above a threshold.
    pub fn above(&mut self, name: &str, x: OutletId, threshold: f32) -> TractResult<OutletId> {
        let threshold = self.row(name, &[threshold])?;
        self.node(name, TypedBinOp(comp_gt(), None), &[x, threshold])
    }

    /// Where two values are equal.
    pub fn equal(&mut self, name: &str, a: OutletId, b: OutletId) -> TractResult<OutletId> {
        self.node(name, TypedBinOp(comp_eq(), None), &[a, b])
    }

    /// Where two values differ.
    pub fn different(&mut self, name: &str, a: OutletId, b: OutletId) -> TractResult<OutletId> {
        self.node(name, TypedBinOp(comp_ne(), None), &[a, b])
    }

    /// Where the first value is greater.
    pub fn greater(&mut self, name: &str, a: OutletId, b: OutletId) -> TractResult<OutletId> {
        self.node(name, TypedBinOp(comp_gt(), None), &[a, b])
    }

    /// Constants along the last axis of a value: one for each entry, or one for all.
    pub fn last_axis<T: Datum>(&mut self, name: &str, like: OutletId, values: &[T]) -> TractResult<OutletId> {
        let dims = self.dims(like)?;
        let last = *dims.last().context("a scalar has no columns")?;
        ensure!(
            values.len() == 1 || values.len() == last || last == 1,
            "{name} has {} values for {last} columns",
            values.len()
        );
        let mut shape = vec![1; dims.len() - 1];
        shape.push(values.len());
        self.table(name, values, &shape)
    }

    /// `condition ? a : b`, all of the condition's dims once repeated.
    pub fn choose(&mut self, name: &str, c: OutletId, a: OutletId, b: OutletId) -> TractResult<OutletId> {
        let dims = self.dims(c)?;
        let (a, b) = (self.broadcast("choose.a", a, &dims)?, self.broadcast("choose.b", b, &dims)?);
        self.node(name, Iff, &[c, a, b])
    }

    /// Dims of 1 repeated.
    pub fn broadcast(&mut self, name: &str, x: OutletId, dims: &[usize]) -> TractResult<OutletId> {
        if self.dims(x)? == dims {
            return Ok(x);
        }
        let shape = ShapeFact::from_dims(dims.iter().map(|dim| dim.to_dim()));
        self.node(name, MultiBroadcastTo { shape }, &[x])
    }

    /// Columns side by side.
    pub fn columns(&mut self, name: &str, parts: &[OutletId]) -> TractResult<OutletId> {
        self.node(name, TypedConcat::new(1), parts)
    }

    /// A reduction of each row to one column.
    pub fn reduce(&mut self, name: &str, reducer: Reducer, x: OutletId) -> TractResult<OutletId> {
        let last = self.dims(x)?.len().checked_sub(1).context("a scalar has no columns")?;
        self.node(name, Reduce { axes: tvec!(last), reducer }, &[x])
    }

    /// `x w^T`, for w \[columns, features\].
    pub fn product(&mut self, name: &str, x: OutletId, w: OutletId) -> TractResult<OutletId> {
        self.node(name, EinSum::new("nk,ck->nc".parse()?, f32::datum_type()), &[x, w])
    }

    /// Entries of a constant list, by indices.
    pub fn entries(&mut self, name: &str, table: OutletId, index: OutletId) -> TractResult<OutletId> {
        self.node(name, Gather::new(0), &[table, index])
    }
}
