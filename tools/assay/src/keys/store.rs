//! The key files: names, reading, writing, unlocking.

use super::seal::{self, Cost, Sealed};
use super::{KeyType, Passwords, os};
use crate::error::{Error, Result};
use assay_types::address::Address;
use assay_types::key::{PublicKey, SecretKey};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use zeroize::{Zeroize, Zeroizing};

const FORMAT: &str = "assay-key-1";
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// How a key is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// Sealed with a password that is asked for every time (or taken from ASSAY_KEYRING_PASSWORD).
    File,
    /// Sealed with a password that the operating system remembers until it is restarted.
    Os,
    /// Not protected at all: for tests and demonstrations.
    Test,
}

impl Backend {
    const ALL: [Backend; 3] = [Backend::File, Backend::Os, Backend::Test];

    fn suffix(self) -> &'static str {
        match self {
            Backend::File => ".json",
            Backend::Os => ".os.json",
            Backend::Test => ".test-unprotected.json",
        }
    }
}

/// What anybody may know of a key.
#[derive(Debug, Clone)]
pub struct KeyInfo {
    /// Its name.
    pub name: String,
    /// Its public key.
    pub public: PublicKey,
    /// How it is protected.
    pub backend: Backend,
}

impl KeyInfo {
    /// The account that it owns.
    pub fn address(&self) -> Address {
        self.public.address()
    }

    /// The kind of key.
    pub fn kind(&self) -> KeyType {
        match self.public {
            PublicKey::Ed25519(_) => KeyType::Ed25519,
            PublicKey::Secp256k1(_) => KeyType::Secp256k1,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    format: String,
    name: String,
    #[serde(rename = "type")]
    kind: KeyType,
    public_key: String,
    address: Address,
    secret: Secret,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Secret {
    Sealed(Sealed),
    Unprotected(String),
}

impl Drop for Secret {
    fn drop(&mut self) {
        if let Secret::Unprotected(hex) = self {
            hex.zeroize();
        }
    }
}

/// The folder of the key files.
#[derive(Debug, Clone)]
pub struct Keyring {
    dir: PathBuf,
    cost: Cost,
}

impl Keyring {
    /// The keyring of a home; nothing is created before a key is.
    pub fn new(home: &Path) -> Self {
        Self { dir: home.join("keyring"), cost: Cost::default() }
    }

    /// The same with another cost for keys that are added from now on.
    pub fn with_cost(mut self, cost: Cost) -> Self {
        self.cost = cost;
        self
    }

    /// Every key, sorted by name.
    ///
    /// # Errors
    /// When the folder or a key file cannot be read.
    pub fn list(&self) -> Result<Vec<KeyInfo>> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
            Err(error) => return Err(Error::file("read", &self.dir, &error)),
        };
        let mut keys = vec![];
        for entry in entries {
            let entry = entry.map_err(|error| Error::file("read", &self.dir, &error))?;
            let file = entry.file_name().to_string_lossy().into_owned();
            // The longest suffix first: every one ends in ".json".
            let backend = Backend::ALL.into_iter().rev().find(|backend| file.ends_with(backend.suffix()));
            if let Some(backend) = backend
                && let Some(name) =
                    file.strip_suffix(backend.suffix()).filter(|name| check_name(name).is_ok())
            {
                keys.push(self.read(name, backend)?.0);
            }
        }
        keys.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(keys)
    }

    /// The key of a name, under one backend or any.
    ///
    /// # Errors
    /// When there is none, or its file is not what it should be.
    pub fn find(&self, name: &str, backend: Option<Backend>) -> Result<KeyInfo> {
        check_name(name)?;
        let candidates = Backend::ALL.into_iter().filter(|found| backend.is_none_or(|only| only == *found));
        match candidates.into_iter().find(|found| self.path(name, *found).exists()) {
            Some(found) => Ok(self.read(name, found)?.0),
            None => Err(Error::Input {
                name: "key_unknown",
                message: format!("there is no key {name:?} in {}", self.dir.display()),
                hint: "list the keys with `assay keys list`, make one with `assay keys add`".into(),
            }),
        }
    }

    /// Adds a key.
    ///
    /// # Errors
    /// When the name is taken under any backend or is no name, nobody gives a password, or the disk refuses.
    pub fn add(
        &self,
        name: &str,
        backend: Backend,
        secret: &SecretKey,
        passwords: &mut dyn Passwords,
    ) -> Result<KeyInfo> {
        check_name(name)?;
        self.refuse_taken(name)?;
        let public =
            secret.public_key().map_err(|error| Error::input(error.to_string(), "use another key"))?;
        let info = KeyInfo { name: name.into(), public, backend };
        let path = self.path(name, backend);
        let mut chosen = None;
        let sealed = match backend {
            Backend::Test => Secret::Unprotected(hex::encode(secret_bytes(secret))),
            Backend::File | Backend::Os => {
                let password = chosen.insert(passwords.choose(name)?);
                Secret::Sealed(seal::seal(secret_bytes(secret), &bound(&info), password, self.cost)?)
            }
        };
        let file = KeyFile {
            format: FORMAT.into(),
            name: name.into(),
            kind: info.kind(),
            public_key: hex::encode(public.bytes()),
            address: public.address(),
            secret: sealed,
        };
        self.write_new(&path, &file)?;
        if let (Backend::Os, Some(password)) = (backend, chosen) {
            os::remember(&path, &password);
        }
        Ok(info)
    }

    /// The secret of a key.
    ///
    /// # Errors
    /// When the password is wrong, or the file was changed since it was written.
    pub fn unlock(&self, info: &KeyInfo, passwords: &mut dyn Passwords) -> Result<SecretKey> {
        let (_, file) = self.read(&info.name, info.backend)?;
        let path = self.path(&info.name, info.backend);
        let bytes = match &file.secret {
            Secret::Unprotected(hex) => {
                let mut bytes = Zeroizing::new([0u8; 32]);
                hex::decode_to_slice(hex, &mut *bytes).map_err(|_| malformed(&path))?;
                bytes
            }
            Secret::Sealed(sealed) => {
                let known = (info.backend == Backend::Os).then(|| os::recall(&path)).flatten();
                let opened = match &known {
                    Some(password) => seal::open(sealed, &bound(info), password)?,
                    None => None,
                };
                match opened {
                    Some(bytes) => bytes,
                    None => self.unlock_by_asking(info, sealed, passwords)?,
                }
            }
        };
        let secret = match info.kind() {
            KeyType::Ed25519 => SecretKey::Ed25519(*bytes),
            KeyType::Secp256k1 => SecretKey::Secp256k1(*bytes),
        };
        if secret.public_key().ok() != Some(info.public) {
            return Err(malformed(&path));
        }
        Ok(secret)
    }

    fn unlock_by_asking(
        &self,
        info: &KeyInfo,
        sealed: &Sealed,
        passwords: &mut dyn Passwords,
    ) -> Result<Zeroizing<[u8; 32]>> {
        let password = passwords.ask(&info.name)?;
        let opened = seal::open(sealed, &bound(info), &password)?.ok_or_else(|| Error::Input {
            name: "wrong_password",
            message: format!("the password does not open {:?}, or its file was changed", info.name),
            hint: "try again; if it is lost, import the words".into(),
        })?;
        if info.backend == Backend::Os {
            os::remember(&self.path(&info.name, info.backend), &password);
        }
        Ok(opened)
    }

    /// Deletes a key's file. There is no way back but the words.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn delete(&self, info: &KeyInfo) -> Result<()> {
        let path = self.path(&info.name, info.backend);
        os::forget(&path);
        fs::remove_file(&path).map_err(|error| Error::file("delete", &path, &error))
    }

    fn path(&self, name: &str, backend: Backend) -> PathBuf {
        self.dir.join(format!("{name}{}", backend.suffix()))
    }

    fn refuse_taken(&self, name: &str) -> Result<()> {
        if Backend::ALL.into_iter().any(|backend| self.path(name, backend).exists()) {
            return Err(Error::Input {
                name: "key_exists",
                message: format!("there is a key {name:?} already"),
                hint: "keys are never overwritten: take another name, or delete it first".into(),
            });
        }
        Ok(())
    }

    fn read(&self, name: &str, backend: Backend) -> Result<(KeyInfo, KeyFile)> {
        let path = self.path(name, backend);
        let text = Zeroizing::new(crate::files::read_bounded(&path, MAX_FILE_BYTES)?);
        let file: KeyFile = serde_json::from_slice(&text).map_err(|_| malformed(&path))?;
        let bytes = hex::decode(&file.public_key).map_err(|_| malformed(&path))?;
        let public = match file.kind {
            KeyType::Ed25519 => PublicKey::Ed25519(bytes.try_into().map_err(|_| malformed(&path))?),
            KeyType::Secp256k1 => PublicKey::Secp256k1(bytes.try_into().map_err(|_| malformed(&path))?),
        };
        let unprotected = matches!(file.secret, Secret::Unprotected(_));
        let consistent = file.format == FORMAT
            && file.name == name
            && file.address == public.address()
            && unprotected == (backend == Backend::Test);
        if !consistent {
            return Err(malformed(&path));
        }
        Ok((KeyInfo { name: name.into(), public, backend }, file))
    }

    fn write_new(&self, path: &Path, file: &KeyFile) -> Result<()> {
        let refuse = |error: std::io::Error| Error::file("write", path, &error);
        crate::files::create_private_dir(&self.dir)?;
        let text = Zeroizing::new(
            serde_json::to_vec_pretty(file).map_err(|error| Error::Internal(error.to_string()))?,
        );
        // The temporary file is made with mode 0600; the name is taken only if nobody has it.
        let mut temporary = tempfile::NamedTempFile::new_in(&self.dir).map_err(refuse)?;
        temporary.write_all(&text).map_err(refuse)?;
        temporary.as_file().sync_all().map_err(refuse)?;
        temporary.persist_noclobber(path).map_err(|error| refuse(error.error))?;
        fs::File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(refuse)
    }
}

fn malformed(path: &Path) -> Error {
    Error::Input {
        name: "key_malformed",
        message: format!("{} is not a key file, or was changed", path.display()),
        hint: "restore it from a backup, or import the words under another name".into(),
    }
}

fn check_name(name: &str) -> Result<()> {
    let fits = !name.is_empty() && name.len() <= 64;
    if fits && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
        return Ok(());
    }
    Err(Error::input(
        format!("{:?} is no name for a key", name.chars().take(80).collect::<String>()),
        "use 1 to 64 letters, digits, - and _",
    ))
}

fn secret_bytes(secret: &SecretKey) -> &[u8; 32] {
    match secret {
        SecretKey::Ed25519(bytes) | SecretKey::Secp256k1(bytes) => bytes,
    }
}

/// What the seal is bound to: the name and the public key.
fn bound(info: &KeyInfo) -> Vec<u8> {
    let mut bytes = format!("{FORMAT}\n{}\n", info.name).into_bytes();
    bytes.push(info.public.tag());
    bytes.extend_from_slice(info.public.bytes());
    bytes
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
