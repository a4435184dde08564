use super::*;
use proptest::prelude::*;

fn save(entries: &[(&str, Vec<u8>)], method: zip::CompressionMethod) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut zip = zip::ZipWriter::new(file.reopen().unwrap());
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in entries {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
    file
}

fn array(descr: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&(text.len() as u16).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.extend_from_slice(data);
    bytes
}

fn read_one(bytes: Vec<u8>) -> Result<Tensor> {
    let file = save(&[("x.npy", bytes)], zip::CompressionMethod::Deflated);
    Npz::open(file.path())?.tensor("x", 1 << 20)
}

fn any_tensor() -> impl Strategy<Value = Tensor> {
    let dims = proptest::collection::vec(0u32..4, 0..4);
    (0..DType::ALL.len(), dims).prop_flat_map(|(dtype, dims)| {
        let dtype = DType::ALL[dtype];
        let len = tensor::byte_len(dtype, &dims).unwrap();
        let top = if dtype == DType::Bool { 2 } else { 128 };
        proptest::collection::vec(0u8..top, len)
            .prop_map(move |data| make(dtype, dims.clone(), data).unwrap())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn tensors_survive_the_file(tensors in proptest::collection::vec(any_tensor(), 1..5)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.npz");
        let named: Vec<_> = tensors
            .into_iter()
            .enumerate()
            .map(|(index, tensor)| NamedTensor { name: format!("out/{index}"), tensor })
            .collect();
        write(&path, &named).unwrap();
        let mut npz = Npz::open(&path).unwrap();
        for NamedTensor { name, tensor } in named {
            prop_assert_eq!(npz.header(&name).unwrap().dims, tensor.dims().to_vec());
            prop_assert_eq!(npz.tensor(&name, 1 << 20).unwrap(), tensor);
        }
    }

    #[test]
    fn arbitrary_headers_never_panic(
        text in "\\PC{0,80}",
        data in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend_from_slice(&(text.len() as u16).to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
        bytes.extend_from_slice(&data);
        let _ = Header::read(&mut &bytes[..]);
        let _ = Header::read(&mut &data[..]);
    }

    #[test]
    fn arbitrary_files_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        if let Ok(mut npz) = Npz::open(file.path()) {
            for name in npz.names() {
                let _ = npz.tensor(&name, 1 << 10);
            }
        }
    }
}

#[test]
fn a_column_major_array_is_turned() {
    let data: Vec<u8> = (0..6).collect();
    let tensor = read_one(array("'|u1'", "True", "(2, 3)", &data)).unwrap();
    assert_eq!(tensor.data(), [0, 2, 4, 1, 3, 5]);
}

#[test]
fn a_float64_array_is_refused_by_name_with_what_to_do() {
    let error = read_one(array("'<f8'", "False", "(1,)", &[0; 8])).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("float64") && error.hint().contains("astype(numpy.float32)"));
}

#[test]
fn arrays_that_no_tensor_can_be_are_refused() {
    let rows = [
        array("'>f4'", "False", "(1,)", &[0; 4]),
        array("[('a', '<f4')]", "False", "(1,)", &[0; 4]),
        array("'<f4'", "Maybe", "(1,)", &[0; 4]),
        array("'<f4'", "False", "(-1,)", &[0; 4]),
        array("'<f4'", "False", "(1, 1, 1, 1, 1, 1, 1, 1, 1)", &[0; 4]),
        array("'<f4'", "False", "(2,)", &[0; 4]),
        array("'<f4'", "False", "(1,)", &[0; 5]),
        array("'|b1'", "False", "(1,)", &[2]),
        array("'<f4'", "False", "(1", &[0; 4]),
        b"garbage".to_vec(),
        vec![],
    ];
    for bytes in rows {
        assert!(matches!(read_one(bytes), Err(Error::Input { .. })));
    }
}

#[test]
fn a_zip_bomb_is_refused_by_its_header() {
    let bytes = array("'|u1'", "False", "(16777216,)", &vec![0; 16 << 20]);
    let file = save(&[("x.npy", bytes)], zip::CompressionMethod::Deflated);
    assert!(file.path().metadata().unwrap().len() < 100_000);
    let error = Npz::open(file.path()).unwrap().tensor("x", 1 << 20).unwrap_err();
    assert!(error.to_string().contains("more than"));
    let lying = array("'|u1'", "False", "(1,)", &vec![0; 16 << 20]);
    assert!(read_one(lying).is_err());
    assert!(read_one(array("'<f4'", "False", "(4294967295, 4294967295)", &[])).is_err());
}

#[test]
fn a_nan_becomes_the_canonical_one() {
    let tensor = read_one(array("'<f4'", "False", "(1,)", &0xffc0_0001u32.to_le_bytes())).unwrap();
    assert_eq!(tensor.data(), tensor::CANONICAL_NAN.to_le_bytes());
}

#[test]
fn an_array_under_the_folder_in_is_found() {
    let bytes = array("'|u1'", "False", "()", &[5]);
    let file = save(&[("in/x.npy", bytes)], zip::CompressionMethod::Stored);
    let mut npz = Npz::open(file.path()).unwrap();
    assert_eq!(npz.tensor("x", 10).unwrap().data(), [5]);
    assert!(npz.tensor("y", 10).unwrap_err().to_string().contains("in/x"));
}
