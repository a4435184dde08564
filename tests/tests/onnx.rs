//! A model as large as a test needs, written by hand: `y = x * w`, where `w` is all ones.

/// A field of protobuf that holds bytes.
fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
    [varint(u64::from(number) << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

/// A field of protobuf that holds a number.
fn number(field: u8, value: u64) -> Vec<u8> {
    [varint(u64::from(field) << 3), varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// `ValueInfoProto` of an f32 matrix.
fn port(name: &str, dims: [u64; 2]) -> Vec<u8> {
    let shape: Vec<u8> = dims.iter().flat_map(|dim| bytes(1, &number(1, *dim))).collect();
    let tensor = [number(1, 1), bytes(2, &shape)].concat();
    [bytes(1, name.as_bytes()), bytes(2, &bytes(1, &tensor))].concat()
}

/// A `MatMul` of `x` f32 [1, rows] with ones [rows, columns] into `y` f32 [1, columns].
pub fn matmul_of_ones(rows: u32, columns: u32) -> Vec<u8> {
    let dims = [u64::from(rows), u64::from(columns)];
    let data = 1f32.to_le_bytes().repeat(rows as usize * columns as usize);
    let weight =
        [number(1, dims[0]), number(1, dims[1]), number(2, 1), bytes(8, b"w"), bytes(9, &data)].concat();
    let node = [bytes(1, b"x"), bytes(1, b"w"), bytes(2, b"y"), bytes(4, b"MatMul")].concat();
    let graph = [
        bytes(1, &node),
        bytes(2, b"ones"),
        bytes(5, &weight),
        bytes(11, &port("x", [1, dims[0]])),
        bytes(12, &port("y", [1, dims[1]])),
    ];
    let opset = number(2, 17);
    [number(1, 8), bytes(7, &graph.concat()), bytes(8, &opset)].concat()
}
