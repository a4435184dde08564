//! Limits the call depth of a WebAssembly module by code inside it.
//!
//! Where a host's stack ends depends on the host, so a blob that recursed that far could end differently on
//! two machines. Here every call first adds the caller's weight to a counter of its own, traps if the sum is
//! over the limit, and subtracts it when the call returns. The weight is the caller's parameters and locals
//! and a constant for what a frame holds besides; the limit, in the same unit of one value, is far below what
//! any host's stack holds.

use wasmparser::{CompositeInnerType, FunctionBody, Operator, Parser, Payload};

/// Values that all frames together may hold.
pub const LIMIT: u32 = 1 << 18;
/// What a frame holds besides its parameters and locals: operands, saved registers, the return address.
const FRAME: u32 = 16;

/// What is known of a module when its code section starts.
#[derive(Default)]
struct Module {
    /// Parameters of each type.
    params: Vec<u32>,
    /// The type of each function that the module defines.
    functions: Vec<u32>,
    /// The counter's index.
    counter: u32,
}

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The module with the limit built in; custom sections are dropped.
pub fn limit(wasm: &[u8]) -> Result<Vec<u8>, Error> {
    let mut out = wasm.get(..8).ok_or("not a module")?.to_vec();
    let mut module = Module::default();
    let mut code = Vec::new();
    let (mut bodies, mut left) = (0, 0);
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        match &payload {
            Payload::CodeSectionStart { count, .. } => {
                left = *count;
                put_u32(&mut code, *count);
                continue;
            }
            Payload::CodeSectionEntry(body) => {
                let limited = function(wasm, &module, bodies, body)?;
                put_u32(&mut code, u32::try_from(limited.len())?);
                code.extend(limited);
                bodies += 1;
                left -= 1;
                if left == 0 {
                    section(&mut out, 10, &code)?;
                }
                continue;
            }
            Payload::CustomSection(_) => continue,
            Payload::ImportSection(imports) => {
                let imports = imports.clone().into_imports();
                let globals = imports.filter(|import| {
                    import.as_ref().is_ok_and(|import| matches!(import.ty, wasmparser::TypeRef::Global(_)))
                });
                module.counter += u32::try_from(globals.count())?;
            }
            Payload::TypeSection(types) => {
                for group in types.clone() {
                    for ty in group?.types() {
                        let CompositeInnerType::Func(ty) = &ty.composite_type.inner else {
                            return Err("a type that is not a function's".into());
                        };
                        module.params.push(u32::try_from(ty.params().len())?);
                    }
                }
            }
            Payload::FunctionSection(functions) => {
                module.functions = functions.clone().into_iter().collect::<Result<_, _>>()?;
            }
            Payload::GlobalSection(globals) => {
                module.counter += globals.count();
                section(&mut out, 6, &with_counter(wasm, globals)?)?;
                continue;
            }
            _ => {}
        }
        if let Some((id, range)) = payload.as_section() {
            section(&mut out, id, &wasm[range])?;
        }
    }
    Ok(out)
}

/// The section of globals with one more: the counter, an i32 that starts at 0.
fn with_counter(wasm: &[u8], globals: &wasmparser::GlobalSectionReader<'_>) -> Result<Vec<u8>, Error> {
    let mut section = Vec::new();
    put_u32(&mut section, globals.count() + 1);
    section.extend(&wasm[globals.original_position()..globals.range().end]);
    section.extend([0x7f, 0x01, 0x41, 0x00, 0x0b]);
    Ok(section)
}

/// A function's body with every call guarded.
fn function(wasm: &[u8], module: &Module, index: usize, body: &FunctionBody<'_>) -> Result<Vec<u8>, Error> {
    let ty = *module.functions.get(index).ok_or("a body without a function")?;
    let mut weight = FRAME + module.params.get(ty as usize).ok_or("a function without a type")?;
    for locals in body.get_locals_reader()? {
        weight += locals?.0;
    }
    let (enter, leave) = guards(module.counter, weight);
    let mut reader = body.get_operators_reader()?;
    let mut out = wasm[body.range().start..reader.original_position()].to_vec();
    while !reader.eof() {
        let start = reader.original_position();
        let operator = reader.read()?;
        let bytes = &wasm[start..reader.original_position()];
        match operator {
            Operator::Call { .. } | Operator::CallIndirect { .. } => {
                out.extend(&enter);
                out.extend(bytes);
                out.extend(&leave);
            }
            Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } | Operator::CallRef { .. } => {
                return Err("a kind of call that is not guarded".into());
            }
            _ => out.extend(bytes),
        }
    }
    Ok(out)
}

/// The code before and after a call.
fn guards(counter: u32, weight: u32) -> (Vec<u8>, Vec<u8>) {
    let get = |out: &mut Vec<u8>| {
        out.push(0x23);
        put_u32(out, counter);
    };
    let constant = |out: &mut Vec<u8>, value: u32| {
        out.push(0x41);
        put_i32(out, value as i32);
    };
    let step = |operator: u8| {
        let mut out = Vec::new();
        get(&mut out);
        constant(&mut out, weight);
        out.extend([operator, 0x24]);
        put_u32(&mut out, counter);
        out
    };
    let mut enter = step(0x6a);
    get(&mut enter);
    constant(&mut enter, LIMIT);
    // i32.gt_u, if, unreachable, end
    enter.extend([0x4b, 0x04, 0x40, 0x00, 0x0b]);
    (enter, step(0x6b))
}

fn section(out: &mut Vec<u8>, id: u8, bytes: &[u8]) -> Result<(), Error> {
    out.push(id);
    put_u32(out, u32::try_from(bytes.len())?);
    out.extend(bytes);
    Ok(())
}

fn put_u32(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_i32(out: &mut Vec<u8>, mut value: i32) {
    while !(-64..64).contains(&value) {
        out.push(value as u8 & 0x7f | 0x80);
        value >>= 7;
    }
    out.push(value as u8 & 0x7f);
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmtime::{Config, Engine, Instance, Module, Store, Trap};

    /// A function without parameters that calls itself for ever, exported as `f`, beside one global.
    const ENDLESS: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x06\x06\x01\x7f\x01\x41\0\x0b\
        \x07\x05\x01\x01f\0\0\x0a\x06\x01\x04\0\x10\0\x0b";

    /// The trap that ends it on a host stack of so many bytes.
    fn ending(wasm: &[u8], stack: usize) -> Trap {
        let mut config = Config::new();
        config.max_wasm_stack(stack).async_stack_size(stack);
        let engine = Engine::new(&config).unwrap();
        let module = Module::new(&engine, wasm).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let f = instance.get_typed_func::<(), ()>(&mut store, "f").unwrap();
        *f.call(&mut store, ()).unwrap_err().downcast_ref::<Trap>().unwrap()
    }

    #[test]
    fn endless_recursion_ends_in_the_module_and_not_at_the_host() {
        assert_eq!(ending(ENDLESS, 1 << 20), Trap::StackOverflow);
        assert_eq!(ending(&limit(ENDLESS).unwrap(), 1 << 20), Trap::UnreachableCodeReached);
    }

    #[test]
    fn numbers_are_encoded_as_webassembly_has_them() {
        let encoded = |value| {
            let mut out = Vec::new();
            put_i32(&mut out, value);
            out
        };
        assert_eq!(encoded(63), [0x3f]);
        assert_eq!(encoded(64), [0xc0, 0x00]);
        assert_eq!(encoded(-1), [0x7f]);
    }
}
