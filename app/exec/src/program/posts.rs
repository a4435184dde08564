//! What a step does to its results before it leaves them: the nodes that follow it, in the plan's order of
//! roundings and of operands.

use super::table::Ref;
use crate::view::Run;
use assay_kernels::{Binary, Other, Post, Unary};
use std::ops::Deref;

/// Nodes that one step may take along.
pub(crate) const MAX_POSTS: usize = 12;

/// The other operand of a node that is taken along.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Side {
    /// A constant of one element.
    All(f32),
    /// A value of one element.
    Scalar(Ref),
    /// One element for each column or channel.
    Columns(Ref),
    /// A value laid out as the results are.
    Same(Ref),
}

/// One node that is taken along.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PostSpec {
    Unary(Unary),
    /// The result is the node's first operand.
    Binary(Binary, Side),
    /// The result is the node's second operand.
    Reversed(Binary, Side),
}

impl PostSpec {
    pub(crate) fn read(&self) -> Option<Ref> {
        match self {
            PostSpec::Unary(_) => None,
            PostSpec::Binary(_, side) | PostSpec::Reversed(_, side) => match side {
                Side::All(_) => None,
                Side::Scalar(part) | Side::Columns(part) | Side::Same(part) => Some(*part),
            },
        }
    }
}

/// A list of steps for the kernels, without an allocation.
#[derive(Clone, Copy)]
pub(crate) struct Posts<'a> {
    list: [Post<'a>; MAX_POSTS],
    len: usize,
}

impl<'a> Posts<'a> {
    pub(crate) fn bind(specs: &[PostSpec], run: &'a Run<'a>) -> Self {
        let mut this = Self { list: [Post::Unary(Unary::Neg); MAX_POSTS], len: specs.len() };
        let other = |side: &Side| match side {
            Side::All(value) => Other::All(*value),
            Side::Scalar(part) => Other::All(run.read::<f32>(*part)[0]),
            Side::Columns(part) => Other::Columns(run.read(*part)),
            Side::Same(part) => Other::Same(run.read(*part)),
        };
        for (post, spec) in this.list.iter_mut().zip(specs) {
            *post = match spec {
                PostSpec::Unary(op) => Post::Unary(*op),
                PostSpec::Binary(op, side) => Post::Binary(*op, other(side)),
                PostSpec::Reversed(op, side) => Post::Reversed(*op, other(side)),
            };
        }
        this
    }

    /// The steps for results from element `at` on.
    pub(crate) fn cut(mut self, at: usize) -> Self {
        for post in &mut self.list[..self.len] {
            *post = post.cut(at);
        }
        self
    }
}

impl<'a> Deref for Posts<'a> {
    type Target = [Post<'a>];

    fn deref(&self) -> &[Post<'a>] {
        &self.list[..self.len]
    }
}
