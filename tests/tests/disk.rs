//! A validator whose disk takes no more: it stops and says why, and with room it goes on where it was.

use crate::failpoints::{is_whole, one_validator};
use crate::load::Load;
use crate::network::{PATIENCE, ok};
use crate::support::only_network;
use crate::witness::Witness;
use assay_netlab::process::Handle;
use assay_netlab::{Network, Node};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Two processes that notice it one after the other.
const STOP: Duration = Duration::from_secs(90);

/// Lets a process write no file beyond so many bytes from now on: a full disk that needs no rights.
fn limit(process: Handle, bytes: u64) {
    let pid = Pid::from_raw(process.pid());
    let limit = Rlimit { current: Some(bytes), ..getrlimit(Resource::Fsize) };
    prlimit(pid, Resource::Fsize, limit).unwrap_or_else(|error| panic!("prlimit: {error}"));
}

/// Bytes of the longest file in a folder.
fn longest(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().metadata().unwrap().len()).max().unwrap()
}

fn start(network: &mut Network) -> &mut Node {
    let node = network.node(0);
    ok(node.start());
    ok(node.wait_ready(PATIENCE));
    ok(node.wait_height(4, PATIENCE));
    node
}

/// Without this, a process that writes beyond its limit is killed, and a full disk kills nobody.
fn ignoring_the_signal(node: &mut Node) {
    node.run_under(&["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"].map(OsStr::new));
}

#[test]
fn a_state_that_finds_no_room_stops_the_node_with_the_reason_and_goes_on_with_room() {
    let _only = only_network();
    let folder = tempfile::tempdir().unwrap();
    let mut network = one_validator(folder.path(), &["snapshots.interval=0"]);
    let mut witness = Witness::of(network.node(0));
    let load = Load::start(network.node(0).gateway(), 1);
    ignoring_the_signal(network.node(0));
    let node = start(&mut network);
    let state = node.home().join("data/app.db");
    limit(ok(node.assayd()), longest(&state) + 50_000);
    let status = ok(node.wait_end(STOP));
    assert_eq!(status.code(), Some(70), "{status}");
    let said = std::fs::read_to_string(node.log()).unwrap();
    for part in ["there is no room for the state", "make room and start again"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    is_whole(&mut network, &mut witness, load);
}

/// A small file system in memory over a folder, in a namespace of its own that lives as long as this.
struct SmallDisk {
    holder: Child,
    pid: String,
}

impl SmallDisk {
    /// Puts one over a folder, with what the folder has; why not, if the machine does not allow it.
    fn over(folder: &Path, size: &str) -> Result<Self, String> {
        let script = "cp -a \"$1\" \"$1.before\" && mount -t tmpfs -o size=\"$2\" tmpfs \"$1\" \
            && cp -a \"$1.before/.\" \"$1\" && echo mounted && exec sleep 3600";
        let mut holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "--", "sh", "-c", script, "sh"])
            .arg(folder)
            .arg(size)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("unshare: {error}"))?;
        let pid = holder.id().to_string();
        let mut line = String::new();
        let read = BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line);
        let mut disk = Self { holder, pid };
        if read.is_ok() && line.trim() == "mounted" {
            return Ok(disk);
        }
        let mut why = String::new();
        // Whatever it said is all that there is to say.
        let _ = disk.holder.stderr.take().map(|mut stderr| stderr.read_to_string(&mut why));
        Err(why)
    }

    /// A path as it is seen in the namespace.
    fn path(&self, path: &Path) -> PathBuf {
        Path::new("/proc").join(&self.pid).join("root").join(path.strip_prefix("/").unwrap())
    }

    fn run_inside(&self, node: &mut Node) {
        let words = ["nsenter", "--preserve-credentials", "--user", "--mount", "--target", &self.pid, "--"];
        node.run_under(&words.map(OsStr::new));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // It may be gone, and then so is what it held.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Writes a file until there is no room for more.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    for block in [vec![1; 65_536], vec![1; 1_024]] {
        while file.write_all(&block).is_ok() {}
    }
}

#[test]
fn a_full_disk_stops_both_processes_with_the_reason_and_goes_on_with_room() {
    let _only = only_network();
    let folder = tempfile::tempdir().unwrap();
    let mut network = one_validator(folder.path(), &["snapshots.interval=10"]);
    let mut witness = Witness::of(network.node(0));
    let load = Load::start(network.node(0).gateway(), 1);
    let data = network.node(0).home().join("data");
    let disk = SmallDisk::over(&data, "96m");
    match &disk {
        Ok(disk) => disk.run_inside(network.node(0)),
        // A container without the right to mount: then CometBFT is who may write no further.
        Err(why) => {
            println!("no small disk here, a limit of file sizes instead: {}", why.trim());
            ignoring_the_signal(network.node(0));
        }
    }
    let node = start(&mut network);
    let ballast = data.join("ballast");
    match &disk {
        Ok(disk) => fill(&disk.path(&ballast)),
        Err(_) => limit(ok(node.comet()), longest(&data.join("cs.wal")) + 50_000),
    }
    let status = ok(node.wait_end(STOP));
    assert!(matches!(status.code(), Some(1 | 70)), "{status}");
    let said = std::fs::read_to_string(node.log()).unwrap();
    let reason = said.lines().rev().find(|line| line.starts_with("error: ")).unwrap_or_default();
    println!("{reason}");
    assert!(!reason.is_empty(), "{said}");
    if let Ok(disk) = &disk {
        assert!(reason.to_lowercase().contains("no space left on device"), "{reason}");
        std::fs::remove_file(disk.path(&ballast)).unwrap();
    }
    is_whole(&mut network, &mut witness, load);
    drop(disk);
}
