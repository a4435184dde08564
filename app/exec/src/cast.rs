//! Conversions between dtypes: floats to integers truncate and saturate, a NaN gives 0; integers to narrower
//! ones keep their low bits; integers to f32 round to nearest even; anything but 0 (NaN included) is true.

use crate::view::View;
use assay_types::tensor::DType;

macro_rules! convert {
    ($view:ident, $from:ty) => {{
        let x: &[$from] = $view.operand(0);
        match $view.node().dtype {
            DType::F32 => convert!($view, x, f32, |x| x as f32),
            DType::I64 => convert!($view, x, i64, |x| x as i64),
            DType::I32 => convert!($view, x, i32, |x| x as i32),
            DType::I8 => convert!($view, x, i8, |x| x as i8),
            DType::U8 => convert!($view, x, u8, |x| x as u8),
            DType::Bool => convert!($view, x, u8, |x| u8::from(x != 0 as $from)),
        }
    }};
    ($view:ident, $xs:ident, $to:ty, |$x:ident| $body:expr) => {{
        let y: &mut [$to] = $view.result();
        for (y, &$x) in y.iter_mut().zip($xs) {
            *y = $body;
        }
    }};
}

pub(crate) fn cast(view: &mut View<'_>) {
    match view.operand_node(0).dtype {
        DType::F32 => convert!(view, f32),
        DType::I64 => convert!(view, i64),
        DType::I32 => convert!(view, i32),
        DType::I8 => convert!(view, i8),
        DType::U8 | DType::Bool => convert!(view, u8),
    }
}
