//! Runs of neighbouring ports on loopback that nobody else takes.
//!
//! A block is reserved by a locked file, so that networks of several processes do not choose the same one, and then
//! every port of it is bound once to see that it is free. It lies below the range from which the kernel takes ports
//! for outgoing connections (32768 and above by default), or one of those could take a port before the node does.

use crate::error::Error;
use std::fs::{File, TryLockError};
use std::net::{Ipv4Addr, TcpListener};

const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;

/// Ports that one node may use.
pub const PORTS_PER_NODE: u16 = 10;

/// A reserved run of ports; it is free for others again when this is dropped.
#[derive(Debug)]
pub struct PortBlock {
    first: u16,
    // Its lock is the reservation.
    _lock: File,
}

impl PortBlock {
    /// Reserves `count` neighbouring ports.
    ///
    /// # Errors
    /// [`Error::NoPorts`] when no run is free, [`Error::Io`] when the lock files cannot be made.
    pub fn reserve(count: u16) -> Result<Self, Error> {
        let folder = std::env::temp_dir().join("assay-netlab-ports");
        std::fs::create_dir_all(&folder).map_err(Error::io("cannot create", &folder))?;
        // Where to begin differs from process to process, so that few of them meet.
        let blocks = (LAST - FIRST) / count.max(1);
        let offset = (std::process::id() % u32::from(blocks.max(1))) as u16;
        for index in 0..blocks {
            let first = FIRST + (index + offset) % blocks * count;
            let path = folder.join(format!("{first}-{count}.lock"));
            let lock = File::create(&path).map_err(Error::io("cannot create", &path))?;
            match lock.try_lock() {
                Ok(()) if all_free(first, count) => return Ok(Self { first, _lock: lock }),
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(Error::io("cannot lock", path)(error)),
            }
        }
        Err(Error::NoPorts(count))
    }

    /// The first port of the run.
    pub fn first(&self) -> u16 {
        self.first
    }
}

fn all_free(first: u16, count: u16) -> bool {
    let listeners: Vec<_> =
        (first..first + count).map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port))).collect();
    listeners.iter().all(Result::is_ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_reservations_do_not_overlap() {
        let one = PortBlock::reserve(40).unwrap();
        let two = PortBlock::reserve(40).unwrap();
        assert!(one.first().abs_diff(two.first()) >= 40);
        assert!(one.first() >= FIRST && one.first() + 40 <= LAST);
    }

    #[test]
    fn a_run_with_a_taken_port_is_passed_over() {
        let block = PortBlock::reserve(3).unwrap();
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, block.first() + 1)).unwrap();
        assert!(!all_free(block.first(), 3));
        drop(taken);
        assert!(all_free(block.first(), 3));
    }
}
