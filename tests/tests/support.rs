//! Where things are, and one network at a time.

use assay_core::App;
use assay_netlab::{Binaries, Network, Options, Wallet};
use assay_store::Store;
use assay_types::address::Address;
use assay_types::amount::Amount;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

/// The repository.
pub fn repository() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    folder.parent().expect("the crate is in a folder of the repository").to_path_buf()
}

/// A folder of test data.
pub fn data(name: &str) -> PathBuf {
    repository().join("tests/data").join(name)
}

/// The files of a folder with an extension, by name.
pub fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    assert!(!paths.is_empty(), "no .{extension} files in {}", folder.display());
    paths
}

/// A file's name.
pub fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// A wallet that talks to nobody and has no keys.
pub fn wallet() -> Wallet {
    let binaries = Binaries::find_without_comet().unwrap_or_else(|error| panic!("{error}"));
    let wallet = Wallet::new(binaries.assay, Path::new(env!("CARGO_TARGET_TMPDIR")).join("wallet"));
    // The engine's machine code takes half a minute to make, once per machine. Tests that run at once would each
    // make it, and miss their deadlines over it.
    static WARM: Once = Once::new();
    WARM.call_once(|| {
        let model = data("models").join("lr_iris.onnx");
        let words = [OsStr::new("model"), OsStr::new("run"), model.as_os_str(), OsStr::new("--inputs")];
        let inputs = model.with_extension("npz");
        let ran = wallet.run(words.into_iter().chain([inputs.as_os_str()]));
        ran.unwrap_or_else(|error| panic!("{error}"));
    });
    wallet
}

/// The state machine with the real engine, over the state in a folder.
pub fn state_machine(folder: &Path) -> App {
    // The engine's machine code is made once.
    let _warm = wallet();
    let env = |name: &str| std::env::var(name).ok();
    let cache = assayd::engine::cache_folder(env);
    let compilers = assayd::engine::load(&cache, &mut |_| ()).unwrap_or_else(|error| panic!("{error}"));
    let store = Store::open(&folder.join("app.db")).unwrap_or_else(|error| panic!("{error}"));
    App::open(store, compilers.engine(folder.join("plans"))).unwrap_or_else(|error| panic!("{error}"))
}

/// Two cores cannot run two networks without missing their deadlines.
pub fn only_network() -> MutexGuard<'static, ()> {
    static ONLY: Mutex<()> = Mutex::new(());
    ONLY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running network in a folder, with money for some accounts.
pub fn start_network(dir: &Path, validators: usize, funded: &[Address]) -> Network {
    let _warm = wallet();
    let binaries = Binaries::find().unwrap_or_else(|error| panic!("{error}"));
    let mut options = Options::new(dir.join("network"), binaries);
    options.validators = validators;
    options.accounts = funded.iter().map(|address| (*address, Amount(1_000_000_000_000))).collect();
    Network::start(options).unwrap_or_else(|error| panic!("{error}"))
}

/// A running network, and a wallet whose key has money there and talks to its first node.
pub fn funded_wallet(dir: &Path, key: &str, validators: usize, funded: &[Address]) -> (Wallet, Network) {
    let binaries = Binaries::find().unwrap_or_else(|error| panic!("{error}"));
    let wallet = Wallet::new(binaries.assay, dir.join("wallet"));
    let created = wallet.run(["keys", "add", key]).unwrap_or_else(|error| panic!("{error}"));
    let address = assay_netlab::wallet::text(&created, "address").unwrap().parse().unwrap();
    let network = start_network(dir, validators, &[funded, &[address]].concat());
    let url = network.nodes()[0].gateway().url().to_owned();
    (wallet.signing_as(key).at(&url), network)
}
