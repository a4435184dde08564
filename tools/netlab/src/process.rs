//! Processes, seen through Linux's `/proc`.
//!
//! A [`Handle`] names a process by its id and its start time: the kernel reuses ids, and a signal to a reused one
//! would hit a stranger.

use rustix::process::{Pid, Signal};
use std::time::{Duration, Instant};

/// One process, dead or alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handle {
    pid: i32,
    /// Clock ticks between the machine's start and the process's.
    started: u64,
}

/// The fields of `/proc/<pid>/stat` that matter here.
struct Stat {
    name: String,
    state: char,
    parent: i32,
    started: u64,
}

impl Stat {
    fn read(pid: i32) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// `pid (name) state ppid ...`: the name may hold spaces and parentheses, so the last one counts.
    fn parse(text: &str) -> Option<Self> {
        let (open, close) = (text.find('(')?, text.rfind(')')?);
        let fields: Vec<&str> = text.get(close + 1..)?.split_whitespace().collect();
        Some(Self {
            name: text.get(open + 1..close)?.into(),
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
        })
    }
}

impl Handle {
    /// The process that has this id now, or `None` when there is none.
    pub fn of(pid: u32) -> Option<Self> {
        let pid = i32::try_from(pid).ok()?;
        Some(Self { pid, started: Stat::read(pid)?.started })
    }

    /// The process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Whether it still runs; a zombie does not.
    pub fn is_alive(&self) -> bool {
        Stat::read(self.pid).is_some_and(|stat| stat.started == self.started && stat.state != 'Z')
    }

    /// Sends a signal, if it is still alive; whether it was.
    pub fn signal(&self, signal: Signal) -> bool {
        let pid = Pid::from_raw(self.pid).filter(|_| self.is_alive());
        pid.is_some_and(|pid| rustix::process::kill_process(pid, signal).is_ok())
    }

    /// Waits until it is gone; whether it went in time.
    pub fn wait_gone(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        while self.is_alive() {
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        true
    }

    /// Its children of a name (the first 15 bytes of it, as the kernel keeps).
    pub fn children(&self, name: &str) -> Vec<Handle> {
        let Ok(folder) = std::fs::read_dir("/proc") else {
            return Vec::new();
        };
        let pids = folder.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
        pids.filter_map(|pid| {
            let stat = Stat::read(pid)?;
            (stat.parent == self.pid && stat.name == name).then_some(Handle { pid, started: stat.started })
        })
        .collect()
    }

    /// The most memory it has had resident, in bytes; `None` once it is gone.
    pub fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        self.is_alive().then_some(kib * 1024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let tail = "S 7 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0";
        let stat = Stat::parse(&format!("42 (a) (b c) {tail}")).unwrap();
        assert_eq!((stat.name.as_str(), stat.parent, stat.started), ("a) (b c", 7, 4711));
        assert!(Stat::parse("42 (a").is_none());
    }

    #[test]
    fn a_child_is_found_by_name_and_killed() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let own = Handle::of(std::process::id()).unwrap();
        let handle = Handle::of(child.id()).unwrap();
        let end = Instant::now() + Duration::from_secs(5);
        // Between fork and exec the child still has this program's name.
        while !own.children("sleep").contains(&handle) {
            assert!(Instant::now() < end);
        }
        assert!(handle.is_alive() && handle.peak_memory().is_some());
        assert!(handle.signal(Signal::KILL));
        assert!(handle.wait_gone(Duration::from_secs(5)));
        child.wait().unwrap();
        assert!(!handle.signal(Signal::KILL) && handle.peak_memory().is_none());
    }

    #[test]
    fn a_reused_id_is_another_process() {
        let own = Handle::of(std::process::id()).unwrap();
        let stranger = Handle { started: own.started + 1, ..own };
        assert!(own.is_alive() && !stranger.is_alive());
        assert!(!stranger.signal(Signal::CONT));
    }
}
