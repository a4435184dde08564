//! tract as a program would use it: optimised for this CPU, run natively on one thread.

use assay_bench_worker::{Engine, Input, Result};
use std::path::Path;
use std::sync::Arc;
use tract_onnx::prelude::*;

#[derive(Default)]
pub struct Tract {
    model: Option<Arc<TypedRunnableModel>>,
    inputs: TVec<TValue>,
    last: TVec<TValue>,
}

fn dtype(word: &str) -> Result<DatumType> {
    match word {
        "float32" => Ok(f32::datum_type()),
        "int64" => Ok(i64::datum_type()),
        other => Err(format!("no inputs of {other}").into()),
    }
}

impl Engine for Tract {
    fn load(&mut self, file: &Path) -> Result<()> {
        let model = tract_onnx::onnx().model_for_path(file).map_err(said)?;
        let model = model.into_optimized().and_then(|model| model.into_runnable()).map_err(said)?;
        self.model = Some(model);
        Ok(())
    }

    fn inputs(&mut self, inputs: &[Input]) -> Result<()> {
        let tensor = |input: &Input| -> Result<TValue> {
            // SAFETY: every bit pattern is an f32 and an i64.
            let tensor = unsafe { Tensor::from_raw_dt(dtype(&input.dtype)?, &input.dims, &input.data) };
            Ok(tensor.map_err(said)?.into_tvalue())
        };
        self.inputs = inputs.iter().map(tensor).collect::<Result<_>>()?;
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        let model = self.model.as_ref().ok_or("no model yet")?;
        self.last = model.run(self.inputs.clone()).map_err(said)?;
        Ok(())
    }

    fn outputs(&mut self) -> Result<Vec<Vec<u8>>> {
        Ok(self.last.iter().map(|value| value.as_bytes().to_vec()).collect())
    }
}

/// tract's errors are chains of causes.
fn said(error: TractError) -> String {
    format!("{error:#}")
}
