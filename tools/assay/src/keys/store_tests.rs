use super::*;
use std::os::unix::fs::PermissionsExt;

const CHEAP: Cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };

/// Always the same password.
struct Fixed(&'static str);

impl Passwords for Fixed {
    fn choose(&mut self, _key: &str) -> Result<Zeroizing<String>> {
        Ok(Zeroizing::new(self.0.into()))
    }
    fn ask(&mut self, key: &str) -> Result<Zeroizing<String>> {
        self.choose(key)
    }
}

fn keyring() -> (tempfile::TempDir, Keyring) {
    let home = tempfile::tempdir().unwrap();
    let keyring = Keyring::new(home.path()).with_cost(CHEAP);
    (home, keyring)
}

fn change(path: &Path, edit: impl Fn(&mut serde_json::Value)) {
    let mut json: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    edit(&mut json);
    fs::write(path, serde_json::to_vec(&json).unwrap()).unwrap();
}

#[test]
fn a_key_of_every_kind_and_backend_comes_back() {
    let (_home, keyring) = keyring();
    let mut names = vec![];
    for backend in [Backend::File, Backend::Os, Backend::Test] {
        for (kind, secret) in [("e", SecretKey::Ed25519([7; 32])), ("s", SecretKey::Secp256k1([7; 32]))] {
            let name = format!("{kind}-{backend:?}");
            let info = keyring.add(&name, backend, &secret, &mut Fixed("pw")).unwrap();
            let found = keyring.find(&name, None).unwrap();
            assert_eq!(found.public, info.public);
            let unlocked = keyring.unlock(&found, &mut Fixed("pw")).unwrap();
            assert_eq!(unlocked.public_key().unwrap(), info.public);
            names.push(name);
        }
    }
    names.sort();
    let listed: Vec<_> = keyring.list().unwrap().into_iter().map(|key| key.name).collect();
    assert_eq!(listed, names);
}

#[test]
fn a_wrong_password_is_refused() {
    let (_home, keyring) = keyring();
    let info = keyring.add("a", Backend::File, &SecretKey::Ed25519([7; 32]), &mut Fixed("right")).unwrap();
    let error = keyring.unlock(&info, &mut Fixed("wrong")).unwrap_err();
    assert_eq!((error.name(), error.exit_code()), ("wrong_password", 2));
}

#[test]
fn a_key_is_never_overwritten() {
    let (_home, keyring) = keyring();
    keyring.add("a", Backend::Test, &SecretKey::Ed25519([7; 32]), &mut Fixed("pw")).unwrap();
    for backend in [Backend::Test, Backend::File] {
        let error = keyring.add("a", backend, &SecretKey::Ed25519([8; 32]), &mut Fixed("pw")).unwrap_err();
        assert_eq!(error.name(), "key_exists");
    }
    assert!(keyring.list().unwrap().len() == 1);
}

#[test]
fn only_the_user_may_read_a_key_file() {
    let (home, keyring) = keyring();
    keyring.add("a", Backend::File, &SecretKey::Ed25519([7; 32]), &mut Fixed("pw")).unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(home.path().join("keyring/a.json")), 0o600);
    assert_eq!(mode(home.path().join("keyring")), 0o700);
}

#[test]
fn a_secret_never_stands_in_a_protected_file() {
    let (home, keyring) = keyring();
    keyring.add("a", Backend::File, &SecretKey::Ed25519([0xab; 32]), &mut Fixed("pw")).unwrap();
    let text = fs::read_to_string(home.path().join("keyring/a.json")).unwrap();
    assert!(!text.contains(&"ab".repeat(8)));
}

#[test]
fn a_file_that_was_changed_is_refused() {
    let (home, keyring) = keyring();
    let other = SecretKey::Ed25519([9; 32]).public_key().unwrap();
    keyring.add("a", Backend::File, &SecretKey::Ed25519([7; 32]), &mut Fixed("pw")).unwrap();
    let path = home.path().join("keyring/a.json");
    let good = fs::read(&path).unwrap();
    let edits: [&dyn Fn(&mut serde_json::Value); 5] = [
        &|json| json["name"] = "b".into(),
        &|json| json["address"] = other.address().to_string().into(),
        &|json| {
            json["public_key"] = hex::encode(other.bytes()).into();
            json["address"] = other.address().to_string().into();
        },
        &|json| json["secret"]["sealed"]["nonce"] = "00".repeat(12).into(),
        &|json| json["extra"] = 1.into(),
    ];
    for edit in edits {
        fs::write(&path, &good).unwrap();
        change(&path, edit);
        let unlocked = keyring.find("a", None).and_then(|info| keyring.unlock(&info, &mut Fixed("pw")));
        assert!(matches!(unlocked, Err(Error::Input { .. })));
    }
    fs::write(&path, vec![b'{'; 100]).unwrap();
    assert!(matches!(keyring.list(), Err(Error::Input { .. })));
    fs::write(&path, vec![b' '; MAX_FILE_BYTES as usize + 1]).unwrap();
    assert!(matches!(keyring.find("a", None), Err(Error::Input { .. })));
}

#[test]
fn a_name_that_leaves_the_folder_is_refused() {
    let (_home, keyring) = keyring();
    for name in ["", "../a", "a/b", "a.os", "a b", &"a".repeat(65)] {
        assert!(keyring.find(name, None).is_err());
        assert!(keyring.add(name, Backend::Test, &SecretKey::Ed25519([7; 32]), &mut Fixed("pw")).is_err());
    }
}

#[test]
fn a_deleted_key_is_gone() {
    let (_home, keyring) = keyring();
    let info = keyring.add("a", Backend::Test, &SecretKey::Ed25519([7; 32]), &mut Fixed("pw")).unwrap();
    keyring.delete(&info).unwrap();
    assert_eq!(keyring.find("a", None).unwrap_err().name(), "key_unknown");
}
